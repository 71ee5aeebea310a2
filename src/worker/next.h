/*
 * What a worker needs to change to another network. The control thread makes it; the worker takes
 * it in the same turn as the network.
 *
 * Private to the worker; control has worker_create_next() (worker.h).
 */
#pragma once

#include "worker/worker.h"

struct context;
struct egress_state;

struct worker_next {
	struct egress_state *egress; /* for the new numbers of slices; NULL: unchanged */
	struct egress_state *left; /* the previous egress state; NULL: not taken, or still in use */
	uint16_t *sites, *tunnels; /* numbers that have a new owner */
	size_t n_sites, n_tunnels;
};

/*
 * For the worker of @ctx, which still uses the previous network. NULL if memory ran out. Control
 * thread.
 */
struct worker_next *next_create(const struct context *ctx, const struct network *net,
				const struct worker_heirs *heirs);

/* Moves the state that stays, and clears the state of numbers with a new owner. Worker. */
void next_take(struct worker_next *next, struct context *ctx, const struct network *net);
