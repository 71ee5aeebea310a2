/*
 * Transmit and drop: the last two stages of a packet.
 *
 * Every packet of a burst reaches exactly one of them: it leaves by a port and is counted as sent,
 * or its buffer is freed and the drop reason is counted (law 3). A packet that a port does not take
 * is dropped and not retried: waiting for a full ring would delay all others.
 */
#include "out/stages.h"

#include "out/transmit.h"
#include "path/handover.h"
#include "path/memif.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

static uint16_t send_queue(const struct context_port *to, struct rte_mbuf **frames, uint16_t n)
{
	struct port_queue by = to->tx_queue;

	if (unlikely(to->memif != NULL))
		return memif_send(&to->memif[by.number], frames, n);
	return rte_eth_tx_burst(by.ethdev, by.number, frames, n);
}

static void send_burst(struct context *ctx, uint16_t port, struct rte_mbuf **frames, uint16_t n)
{
	struct port_counters *c = &ctx->port_counters[port];
	uint16_t sent;

	for (uint16_t i = 0; i < n; i++)
		c->tx_bytes += frames[i]->pkt_len;
	sent = send_queue(&ctx->ports[port], frames, n);
	ctx->counters.tx += sent;
	c->tx_packets += sent;
	if (likely(sent == n))
		return;

	for (uint16_t i = sent; i < n; i++)
		c->tx_bytes -= frames[i]->pkt_len;
	ctx->counters.drops[DROP_PORT_BUSY] += n - sent;
	rte_pktmbuf_free_bulk(frames + sent, n - sent);
}

static void drop_frames(struct context *ctx, struct rte_mbuf **frames, unsigned n)
{
	ctx->counters.drops[DROP_PORT_DOWN] += n;
	rte_pktmbuf_free_bulk(frames, n);
}

/* Transmits on a port, or hands the frames to the worker that transmits there. */
void transmit_frames(struct context *ctx, uint16_t port, struct rte_mbuf **frames, unsigned n)
{
	if (ctx->ports[port].tx_worker == ctx->index)
		send_burst(ctx, port, frames, (uint16_t)n);
	else if (ctx->ports[port].tx_worker == CONTEXT_TX_NOBODY)
		drop_frames(ctx, frames, n);
	else
		handover_frames(ctx, port, frames, n);
}

/* Sends the packets gathered for one port. */
static void flush(struct context *ctx, uint16_t port)
{
	struct context_port *to = &ctx->ports[port];

	transmit_frames(ctx, port, to->tx, to->n_tx);
	to->n_tx = 0;
}

enum drop transmit_not_resolved(const struct context *ctx, const struct nexthop *nexthop)
{
	if (nexthop->kind == NEXTHOP_KIND_DROP)
		return DROP_TUNNEL_GONE;
	return ctx->ports[nexthop->port].n_queues == 0 ? DROP_PORT_DOWN : DROP_NO_NEIGHBOUR;
}

void stage_transmit(struct context *ctx, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_TRANSMIT]; i++) {
		struct packet *p = b->list[STAGE_TRANSMIT][i];
		struct context_port *to = &ctx->ports[p->out_port];
		struct rte_mbuf *m = p->mbuf;

		m->data_off = (uint16_t)(p->data - (uint8_t *)m->buf_addr);
		m->data_len = p->len;
		m->pkt_len = p->len;
		to->tx[to->n_tx++] = m;
	}
	for (uint16_t port = 0; port < ctx->n_ports; port++) {
		if (ctx->ports[port].n_tx > 0)
			flush(ctx, port);
	}
}

/* The tunnel whose counters count the packet: the one it came out of, or was to go into. */
static uint16_t tunnel_of(const struct context *ctx, const struct packet *p)
{
	return p->onramp != TUNNEL_NONE ? p->onramp : ctx->nexthops->at[p->nexthop].tunnel;
}

void stage_drop(struct context *ctx, struct burst *b)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	unsigned n = b->n[STAGE_DROP];

	for (unsigned i = 0; i < n; i++) {
		const struct packet *p = b->list[STAGE_DROP][i];

		uint16_t charged = tunnel_of(ctx, p);

		ctx->counters.drops[p->drop]++;
		if (charged != TUNNEL_NONE)
			ctx->tunnels[charged].drops++;
		else if (p->drop == DROP_TRUNCATED && p->in_port != PORT_BACK_IN)
			ctx->port_counters[p->in_port].cut++;
		mbufs[i] = p->mbuf;
	}
	rte_pktmbuf_free_bulk(mbufs, n);
}
