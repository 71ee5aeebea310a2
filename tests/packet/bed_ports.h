/* The ports of a bed: devices made of rings. Private to bed.c. */
#pragma once

#include "worker/worker.h"

struct rte_mempool;
struct rte_ring;

struct bed_port {
	struct rte_ring *in[WORKERS_MAX], *out[WORKERS_MAX]; /* [n_queues] */
	uint16_t n_queues;
	unsigned next; /* queue that gets the next frame */
	uint16_t ethdev;
};

/* Makes the device of port number @i with its queues. @serial: no other bed has it. */
void bed_port_open(struct bed_port *port, unsigned serial, unsigned i, struct rte_mempool *pool);
void bed_port_close(struct bed_port *port);
