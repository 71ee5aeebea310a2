/*
 * Transmit and drop: the two ends of a packet's way through us.
 *
 * Every packet of a burst comes to exactly one of them: it leaves by a port and is counted as sent,
 * or its buffer is freed and its reason counted (law 3). What a port does not take is not tried
 * again: a full ring is a drop with a name, waiting would hold up everybody else.
 */
#include "out/stages.h"

#include "handover.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

static void send_burst(struct lane *lane, uint16_t port, struct rte_mbuf **frames, uint16_t n)
{
	struct port_counters *c = &lane->port_counters[port];
	uint16_t sent;

	for (uint16_t i = 0; i < n; i++)
		c->tx_bytes += frames[i]->pkt_len;
	sent = rte_eth_tx_burst(lane->ports[port].ethdev, lane->index, frames, n);
	lane->counters.tx += sent;
	c->tx_packets += sent;
	if (likely(sent == n))
		return;

	for (uint16_t i = sent; i < n; i++)
		c->tx_bytes -= frames[i]->pkt_len;
	lane->counters.drops[DROP_PORT_BUSY] += n - sent;
	rte_pktmbuf_free_bulk(frames + sent, n - sent);
}

static void drop_frames(struct lane *lane, struct rte_mbuf **frames, unsigned n)
{
	lane->counters.drops[DROP_PORT_DOWN] += n;
	rte_pktmbuf_free_bulk(frames, n);
}

/* Or hands them to the worker that may. */
void transmit_frames(struct lane *lane, uint16_t port, struct rte_mbuf **frames, unsigned n)
{
	if (lane->ports[port].tx_worker == lane->index)
		send_burst(lane, port, frames, (uint16_t)n);
	else if (lane->ports[port].tx_worker == LANE_TX_NOBODY)
		drop_frames(lane, frames, n);
	else
		handover_frames(lane, port, frames, n);
}

/* Sends what was gathered for one port. */
static void flush(struct lane *lane, uint16_t port)
{
	struct lane_port *to = &lane->ports[port];

	transmit_frames(lane, port, to->tx, to->n_tx);
	to->n_tx = 0;
}

enum drop transmit_not_resolved(const struct lane *lane, const struct packet *p,
				const struct hop *hop)
{
	uint16_t port = p->tunnel != TUNNEL_NONE ? lane->net->tunnels[p->tunnel].port : hop->port;

	return lane->ports[port].n_queues == 0 ? DROP_PORT_DOWN : DROP_NO_NEIGHBOUR;
}

void stage_transmit(struct lane *lane, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_TRANSMIT]; i++) {
		struct packet *p = b->list[STAGE_TRANSMIT][i];
		struct lane_port *to = &lane->ports[p->port];
		struct rte_mbuf *m = p->mbuf;

		m->data_off = (uint16_t)(p->data - (uint8_t *)m->buf_addr);
		m->data_len = p->len;
		m->pkt_len = p->len;
		to->tx[to->n_tx++] = m;
	}
	for (uint16_t port = 0; port < lane->n_ports; port++) {
		if (lane->ports[port].n_tx > 0)
			flush(lane, port);
	}
}

void stage_drop(struct lane *lane, struct burst *b)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	unsigned n = b->n[STAGE_DROP];

	for (unsigned i = 0; i < n; i++) {
		const struct packet *p = b->list[STAGE_DROP][i];

		lane->counters.drops[p->reason]++;
		if (p->tunnel != TUNNEL_NONE)
			lane->tunnels[p->tunnel].drops++;
		else if (p->reason == DROP_CUT_SHORT && p->port != PORT_BACK_IN)
			lane->port_counters[p->port].cut++;
		mbufs[i] = p->mbuf;
	}
	rte_pktmbuf_free_bulk(mbufs, n);
}
