/*
 * Receive: a burst from the ports.
 *
 * The first port takes turns, so that a flooded one does not starve the others. A frame that came in
 * several buffers is made one here, or it is dropped: behind this stage a packet is one piece of
 * memory with HEADROOM_MIN bytes in front.
 */
#include "in/stages.h"

#include "handover.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

static void take(struct lane *lane, struct burst *b, uint16_t port, struct rte_mbuf *m)
{
	struct packet *p = &b->packets[b->n[STAGE_DECAPSULATE] + b->n[STAGE_DROP]];

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

/* All queues of one port that are this worker's. */
static unsigned poll_port(struct lane *lane, struct burst *b, uint16_t port, unsigned room)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	const struct lane_port *from = &lane->ports[port];
	unsigned total = 0;

	for (uint16_t q = lane->index; q < from->n_queues && total < room; q += lane->count) {
		uint16_t n = rte_eth_rx_burst(from->ethdev, q, mbufs, (uint16_t)(room - total));

		for (uint16_t k = 0; k < n; k++)
			take(lane, b, port, mbufs[k]);
		total += n;
	}
	lane->port_counters[port].rx_packets += total;
	return total;
}

unsigned receive(struct lane *lane, struct burst *b)
{
	unsigned total = 0, handed = 0;
	uint16_t port = lane->first_port;

	for (uint16_t i = 0; i < lane->n_ports && total < BURST_MAX; i++) {
		total += poll_port(lane, b, port, BURST_MAX - total);
		port = (uint16_t)(port + 1 < lane->n_ports ? port + 1 : 0);
	}
	lane->first_port =
		(uint16_t)(lane->first_port + 1 < lane->n_ports ? lane->first_port + 1 : 0);
	lane->counters.rx += total;
	if (lane->handover != NULL)
		handed = handover_receive(lane, b, total);
	return total + handed;
}
