/*
 * A sweep after a change: visits every flow once, a bounded number of records in each turn.
 *
 * It ends the flows that the worker's current network does not allow, each under its reason
 * (setup/change.h). Returns of a flow whose tunnel was removed get another tunnel of the site. A
 * resting flow loses its site if the site was removed, and is freed if its slice was. So after a
 * sweep that began when the worker had the network, no state of the worker refers to a site, tunnel
 * or slice outside of that network.
 *
 * Until then such a flow is harmless: its packets go to its own site or are dropped, since no
 * number is given to another site before (control/registry.h).
 *
 * The control thread makes a sweep, passes it to worker_sweep_start() and must keep it until it is
 * done.
 */
#pragma once

#include "base/ended.h"

#include <stdbool.h>
#include <stdint.h>

struct context;

struct change_sweep {
	uint64_t ended[ENDED_COUNT]; /* flows */
	uint64_t moved; /* flows that got another tunnel of their site */
	uint32_t at; /* the next record */
	uint8_t part; /* what is being swept: flows, IPv6 flows or mappings */
	uint32_t done; /* set by the worker with release */
};

/* Visits up to @n records. True: the sweep is complete. Worker, between bursts. */
bool change_sweep_step(struct context *ctx, struct change_sweep *s, unsigned n);
