/*
 * A sweep after a change: one look at every flow, a bounded number of records a turn.
 *
 * Flows that the network which the worker now has does not allow end, each under its reason
 * (setup/change.h); returns of those whose tunnel is gone go by another one of their site. What
 * rests of ended flows is no longer the site's if that is gone, and is free if the slice is. So
 * after a sweep that began when the worker had the network, nothing that it keeps means a site,
 * tunnel or slice that is not in it.
 *
 * Until then such a flow is harmless: its packets go to its own site or nowhere, since no number is
 * given to another site before (control/registry.h).
 *
 * The control thread makes one, hands it over by worker_sweep_start() and keeps it until it is
 * done.
 */
#pragma once

#include "base/ended.h"

#include <stdbool.h>
#include <stdint.h>

struct context;

struct change_sweep {
	uint64_t ended[ENDED_COUNT]; /* flows */
	uint64_t moved; /* to another tunnel of their site */
	uint32_t at; /* the next record */
	uint8_t part; /* of flows, of IPv6 ones, of mappings */
	uint32_t done; /* set by the worker with release */
};

/* Looks at up to @n records. True: that was the last. Worker, between bursts. */
bool change_sweep_step(struct context *ctx, struct change_sweep *s, unsigned n);
