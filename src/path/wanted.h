/*
 * On-link destinations that are not resolved: a worker gathers them for the control thread.
 *
 * The list is short, and control takes it every few milliseconds. When it is full, a site with more
 * entries loses one to a site with fewer: a site that scans the link does not keep other sites from
 * reaching new hosts (law 5).
 *
 * The list is the worker's; a box of the same size is between the two threads. The worker fills it
 * when it is empty, and control empties it.
 */
#pragma once

#include "path/context.h"

struct wanted_box {
	uint32_t n; /* 0: empty, the worker may fill it */
	struct neighbour_wanted wanted[CONTEXT_WANTED_MAX];
};

void wanted_add(struct context *ctx, uint16_t site, uint8_t port, const struct addr6 *addr);

/* Moves the list into the box, if that is empty. Worker. */
void wanted_hand_over(struct wanted_box *box, struct context *ctx);

/* Takes what is in the box: up to @n; the rest is discarded. Returns how many. Control thread. */
size_t wanted_take(struct wanted_box *box, struct neighbour_wanted *out, size_t n);
