/*
 * The egress state of a worker: see egress.h.
 *
 * Made by the control thread, for a new worker or for one that takes over another network.
 */
#include "setup/egress.h"

#include "setup/mapping.h"
#include "setup/ports.h"
#include "setup/shortage.h"
#include "setup/slices.h"

#include <stdlib.h>

struct egress_state *egress_create(const struct network *net, uint32_t capacity, uint16_t index,
				   uint16_t count)
{
	return egress_create_from(net, NULL, NULL, capacity, index, count);
}

struct egress_state *egress_create_from(const struct network *net,
					const struct egress_state *before, uint32_t *from,
					uint32_t capacity, uint16_t index, uint16_t count)
{
	struct egress_state *e = calloc(1, sizeof(*e));

	if (e == NULL) {
		free(from);
		return NULL;
	}
	e->from = from;
	e->mappings = mappings_create_next(before != NULL ? before->mappings : NULL, net, from,
					   capacity, index, count);
	e->shortages = shortages_create();
	ports_keep_reserve(e, net);
	if (e->mappings == NULL || e->shortages == NULL || !slices_create(e, net, index, count) ||
	    !ports_create_steps(e, net)) {
		egress_destroy(e);
		return NULL;
	}
	return e;
}

void egress_destroy(struct egress_state *e)
{
	if (e == NULL)
		return;
	slices_destroy(e);
	free(e->steps);
	free(e->from);
	mappings_destroy(e->mappings);
	shortages_destroy(e->shortages);
	free(e);
}

struct slice_counters egress_slice(const struct egress_state *e, uint32_t slice)
{
	return slice < e->n_slices ? e->slices[slice].counters : (struct slice_counters){0};
}
