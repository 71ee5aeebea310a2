/*
 * What a worker takes over from a published port.
 *
 * It polls the queues q with q mod workers = its index, and transmits by the queue of its index. If
 * the port has no such queue, another worker transmits for it. A closed port has no queue to
 * receive from, and no worker transmits on it.
 *
 * Worker, between two bursts.
 */
#include "worker/take_port.h"

#include <string.h>

/* The next port in a slot counts from 0. */
static void take_slot(struct context *ctx, uint16_t slot, bool empty)
{
	struct context_port *to = &ctx->ports[slot];

	if (to->empty && !empty)
		memset(&ctx->port_counters[slot], 0, sizeof(ctx->port_counters[slot]));
	if (!empty && slot >= ctx->n_ports)
		ctx->n_ports = (uint16_t)(slot + 1); /* never decreases: packets may be in flight */
	to->empty = empty;
}

static struct port_queue queue_of(const struct worker_port *port, uint16_t q)
{
	return port->queues != NULL ? port->queues[q] : (struct port_queue){port->ethdev, q, q};
}

void take_port(struct context *ctx, uint16_t slot, const struct worker_port *port)
{
	struct context_port *to = &ctx->ports[slot];
	uint16_t queues = port->n_queues == 0 ? 1 : port->n_queues;
	uint16_t n_tx = port->n_tx == 0 ? queues : port->n_tx;

	take_slot(ctx, slot, port->empty);
	to->n_queues = port->closed ? 0 : queues;
	for (uint16_t q = 0; q < to->n_queues; q++)
		to->queues[q] = queue_of(port, q);
	to->tx_worker = port->closed ? CONTEXT_TX_NOBODY : ctx->index % n_tx;
	if (to->tx_worker == ctx->index)
		to->tx_queue = to->queues[ctx->index];
	to->memif = port->memif;
	to->rings = port->rings;
	to->hears_all = port->hears_all;
	to->answer_arp_for_tunnels = port->answer_arp_for_tunnels;
}
