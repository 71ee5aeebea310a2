/*
 * What a worker needs to go on with another network: made by the control thread, taken by the
 * worker in the turn in which it takes the network.
 *
 * Private to the worker; control has worker_create_next() (worker.h).
 */
#pragma once

#include "worker/worker.h"

struct context;
struct egress_state;

struct worker_next {
	struct egress_state *egress; /* ports of slices with other numbers; NULL: as before */
	struct egress_state *left; /* what the worker had; NULL: not taken, or still in use */
	uint16_t *sites, *tunnels; /* numbers that have another owner now */
	size_t n_sites, n_tunnels;
};

/* For the worker of @ctx, which has another network now. NULL if memory ran out. Control thread. */
struct worker_next *next_create(const struct context *ctx, const struct network *net,
				const struct worker_heirs *heirs);

/* Moves what stays and forgets what numbers with another owner stood for. Worker. */
void next_take(struct worker_next *next, struct context *ctx, const struct network *net);
