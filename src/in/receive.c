/*
 * Receive: a burst from the ports and from other workers.
 *
 * These are the sources. Who is first takes turns, so that a flooded one does not starve the others:
 * a burst may be full before the last is asked. A frame that came in several buffers is made one
 * here, or it is dropped: behind this stage a packet is one piece of memory with HEADROOM_MIN bytes
 * in front.
 */
#include "in/stages.h"

#include "handover.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

static void take(struct lane *lane, struct burst *b, struct packet *p, uint16_t port,
		 struct rte_mbuf *m)
{
	p->mbuf = m;
	p->port = (uint8_t)port;
	p->tunnel = TUNNEL_NONE;
	lane->port_counters[port].rx_bytes += m->pkt_len;

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

/* All queues of one port that are this worker's; the burst has @have packets already. */
static unsigned poll_port(struct lane *lane, struct burst *b, uint16_t port, unsigned have)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	const struct lane_port *from = &lane->ports[port];
	unsigned total = have;

	for (uint16_t q = lane->index; q < from->n_queues && total < BURST_MAX; q += lane->count) {
		uint16_t n =
			rte_eth_rx_burst(from->ethdev, q, mbufs, (uint16_t)(BURST_MAX - total));

		for (uint16_t k = 0; k < n; k++)
			take(lane, b, &b->packets[total + k], port, mbufs[k]);
		total += n;
	}
	lane->port_counters[port].rx_packets += total - have;
	lane->counters.rx += total - have;
	return total - have;
}

/* Number n_ports is not a port: what other workers handed over. */
static uint16_t count_sources(const struct lane *lane)
{
	return (uint16_t)(lane->n_ports + (lane->handover != NULL));
}

static unsigned poll_source(struct lane *lane, struct burst *b, uint16_t source, unsigned have)
{
	return source < lane->n_ports ? poll_port(lane, b, source, have)
				      : handover_receive(lane, b, have);
}

unsigned receive(struct lane *lane, struct burst *b)
{
	uint16_t n = count_sources(lane), source = lane->first_source;
	unsigned total = 0;

	for (uint16_t i = 0; i < n && total < BURST_MAX; i++) {
		total += poll_source(lane, b, source, total);
		source = (uint16_t)(source + 1 < n ? source + 1 : 0);
	}
	lane->first_source = (uint16_t)(lane->first_source + 1 < n ? lane->first_source + 1 : 0);
	return total;
}
