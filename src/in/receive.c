/*
 * Receive: a burst from the ports and from other workers.
 *
 * Ports and other workers are the sources. A burst may be full before the last source is polled, so
 * the first source rotates: a flooded one does not starve the others. A frame in several buffers is
 * copied into one, or dropped: after this stage a packet is contiguous, with HEADROOM_MIN bytes of
 * headroom.
 *
 * An af_packet port delivers all frames that its interface receives, also those for other stations.
 * On other ports the NIC or the steer program filters them, and they are not checked again.
 */
#include "in/receive.h"

#include "base/wire.h"
#include "in/steer.h"
#include "in/tag.h"
#include "path/handover.h"
#include "path/memif.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

enum { IPV6_MULTICAST = 0xff }; /* first byte of an address: RFC 4291 section 2.7 */

static void receive_open(struct context *ctx, struct burst *b, struct packet *p, uint16_t port,
			 struct rte_mbuf *m)
{
	p->mbuf = m;
	p->in_port = (uint8_t)port;
	p->onramp = TUNNEL_NONE;
	p->nexthop = NEXTHOP_NONE;
	ctx->port_counters[port].rx_bytes += m->pkt_len;

	if (unlikely(m->nb_segs > 1 && rte_pktmbuf_linearize(m) < 0) ||
	    unlikely(m->data_len > UINT16_MAX - HEADROOM_MIN) ||
	    unlikely(rte_pktmbuf_headroom(m) < HEADROOM_MIN)) {
		burst_drop(b, p, DROP_OUTER_MALFORMED);
		return;
	}
	p->data = rte_pktmbuf_mtod(m, uint8_t *);
	p->len = m->data_len;
	rte_prefetch0(p->data);
	burst_pass(b, STAGE_DECAPSULATE, p);
}

/*
 * Is the frame for us: to our Ethernet address, or an ARP or ND request to a group? IP packets in
 * frames to a group are not forwarded (RFC 1122 section 3.3.6).
 */
static bool is_for_us(const struct context *ctx, const struct packet *p)
{
	const uint8_t *d = p->data;
	size_t tag = p->len >= ETHER_LEN && tag_is(p) ? ETHER_TAG_LEN : 0;
	uint16_t type;

	if (p->len < ETHER_LEN ||
	    memcmp(d + ETHER_DST, ctx->nexthops->macs[p->in_port], ETHER_ADDR_LEN) == 0)
		return true; /* or too short: a later stage drops it */
	type = wire_16(d + tag + ETHER_TYPE);
	return d[ETHER_DST] & ETHER_GROUP &&
	       (type == ETHER_ARP || (type == ETHER_IPV6 && p->len >= tag + ETHER_LEN + IPV6_LEN &&
				      d[tag + ETHER_LEN + IPV6_DST] == IPV6_MULTICAST));
}

/* Drops the packets from number @first on that are for other stations. */
static void sort_out(const struct context *ctx, struct burst *b, unsigned first)
{
	unsigned kept = first;

	for (unsigned i = first; i < b->n[STAGE_DECAPSULATE]; i++) {
		struct packet *p = b->list[STAGE_DECAPSULATE][i];

		if (p->len >= ETHER_LEN)
			tag_remove(p);
		if (is_for_us(ctx, p))
			b->list[STAGE_DECAPSULATE][kept++] = p;
		else
			burst_drop(b, p, DROP_OTHER_HOST);
	}
	b->n[STAGE_DECAPSULATE] = (uint16_t)kept;
}

/*
 * Tells the steer program that this worker took @n more packets from a ring. Packets that the
 * kernel lost on the way into the ring count as waiting until the ring is found empty.
 */
static void tell_taken(struct steer_queue *ring, uint16_t n)
{
	uint64_t taken = n > 0 ? ring->taken + n : __atomic_load_n(&ring->put, __ATOMIC_RELAXED);

	if (taken != ring->taken)
		__atomic_store_n(&ring->taken, taken, __ATOMIC_RELAXED);
}

static uint16_t receive_queue(const struct context_port *from, struct port_queue at,
			      struct rte_mbuf **mbufs, unsigned n)
{
	if (unlikely(from->memif != NULL))
		return memif_receive(&from->memif[at.number], mbufs, (uint16_t)n);
	return rte_eth_rx_burst(at.ethdev, at.number, mbufs, (uint16_t)n);
}

/* Polls this worker's queues of one port. The burst has @have packets already. */
static unsigned poll_port(struct context *ctx, struct burst *b, uint16_t port, unsigned have)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	const struct context_port *from = &ctx->ports[port];
	unsigned total = have, first = b->n[STAGE_DECAPSULATE];

	for (uint16_t q = ctx->index; q < from->n_queues && total < BURST_MAX; q += ctx->count) {
		struct port_queue at = from->queues[q];
		uint16_t n = receive_queue(from, at, mbufs, BURST_MAX - total);

		for (uint16_t k = 0; k < n; k++)
			receive_open(ctx, b, &b->packets[total + k], port, mbufs[k]);
		total += n;
		if (from->rings != NULL)
			tell_taken(&from->rings[at.of_nic], n);
	}
	if (unlikely(from->hears_all))
		sort_out(ctx, b, first);
	ctx->port_counters[port].rx_packets += total - have;
	ctx->counters.rx += total - have;
	return total - have;
}

/* Source number n_ports is not a port, but the hand-over from other workers. */
static uint16_t count_sources(const struct context *ctx)
{
	return (uint16_t)(ctx->n_ports + (ctx->handover != NULL));
}

static unsigned poll_source(struct context *ctx, struct burst *b, uint16_t source, unsigned have)
{
	return source < ctx->n_ports ? poll_port(ctx, b, source, have)
				     : handover_receive(ctx, b, have);
}

unsigned receive(struct context *ctx, struct burst *b)
{
	uint16_t n = count_sources(ctx), source = ctx->first_source;
	unsigned total = 0;

	for (uint16_t i = 0; i < n && total < BURST_MAX; i++) {
		total += poll_source(ctx, b, source, total);
		source = (uint16_t)(source + 1 < n ? source + 1 : 0);
	}
	ctx->first_source = (uint16_t)(ctx->first_source + 1 < n ? ctx->first_source + 1 : 0);
	return total;
}
