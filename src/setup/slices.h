/*
 * Slices: this worker's part of each, and the number of flows of each port.
 *
 * Private to setup/.
 */
#pragma once

#include "setup/egress.h"

/*
 * Makes part @index of @count of every slice. Slices with a number in e->from get no counts of
 * flows: slices_take_over() moves them. False: memory ran out. Release with slices_destroy().
 */
bool slices_create(struct egress_state *e, const struct network *net, uint16_t index,
		   uint16_t count);
void slices_destroy(struct egress_state *e); /* also after a failure of slices_create() */

/* Moves the counts of the slices in next->from. */
void slices_take_over(struct egress_state *next, struct egress_state *current);

/* Counts one flow more or less on the port that @s has chosen. */
void slices_count_flow(struct setup *s, int change);

/* Prefetches what that will write. */
void slices_prefetch(const struct setup *s);

/* The slice of a flow's port; -1: none. In setup it is s->slice. */
int slices_find(const struct context *ctx, const struct flow *flow, const struct flow6 *six);
