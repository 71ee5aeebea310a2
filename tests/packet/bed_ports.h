/* The ports of a bed: devices made of rings. Private to bed.c. */
#pragma once

#include "worker/worker.h"

struct rte_eth_rxtx_callback;
struct rte_mempool;
struct rte_ring;

struct bed_port {
	struct rte_ring *in[WORKERS_MAX], *out[WORKERS_MAX]; /* [n_queues] */
	const struct rte_eth_rxtx_callback *on_rx[WORKERS_MAX], *on_tx[WORKERS_MAX];
	uint16_t n_queues;
	unsigned next; /* queue that gets the next frame */
	uint16_t ethdev;
	uint32_t sent; /* how often a worker has begun to send; written by all */
};

/* Once a process, without huge pages and without touching the machine. */
void bed_ports_start_dpdk(void);

/* Makes the device of port number @i with its queues. @serial: no other bed has it. */
void bed_port_open(struct bed_port *port, unsigned serial, unsigned i, struct rte_mempool *pool);
void bed_port_close(struct bed_port *port);

/*
 * For workers that are threads. ThreadSanitizer does not see what happens inside of DPDK, so it does
 * not know that a frame was complete before it went through the port. After bed_port_share() workers
 * say so by atomics. bed_port_follow() does it for the thread that takes frames.
 */
void bed_port_share(struct bed_port *port);
void bed_port_follow(struct bed_port *port);
