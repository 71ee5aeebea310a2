/* Nexthop objects: see objects.h. */
#include "control/kernel/objects.h"

#include <stdlib.h>

enum { FIRST_ROOM = 64 };

void objects_fini(struct objects *o)
{
	free(o->at);
	*o = (struct objects){0};
}

void objects_forget(struct objects *o)
{
	o->n = 0;
}

static struct kernel_nexthop *objects_find(const struct objects *o, uint32_t id)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->at[i].id == id)
			return &o->at[i];
	return NULL;
}

/* NULL: no room. */
static struct kernel_nexthop *objects_add(struct objects *o)
{
	size_t more = o->room == 0 ? FIRST_ROOM : o->room * 2;
	struct kernel_nexthop *bigger;

	if (o->n < o->room)
		return &o->at[o->n++];
	bigger = more > OBJECTS_MAX ? NULL : reallocarray(o->at, more, sizeof(*bigger));
	if (bigger == NULL)
		return NULL;
	o->at = bigger;
	o->room = more;
	return &o->at[o->n++];
}

void objects_take(struct objects *o, const struct kernel_nexthop *nexthop)
{
	struct kernel_nexthop *there = objects_find(o, nexthop->id);

	if (nexthop->removed) {
		if (there != NULL)
			*there = o->at[--o->n];
		return;
	}
	if (there == NULL)
		there = objects_add(o);
	if (there != NULL)
		*there = *nexthop;
}

static void expand_one(struct kernel_route *out, const struct kernel_nexthop *nexthop,
		       uint16_t weight)
{
	if (nexthop->blackhole) {
		out->kind = KERNEL_BLACKHOLE;
	} else if (out->n_gateways < KERNEL_GATEWAYS_MAX) {
		out->gateways[out->n_gateways] = nexthop->gateway;
		out->gateways[out->n_gateways++].weight = weight;
	}
}

bool objects_expand(const struct objects *o, const struct kernel_route *route,
		    struct kernel_route *out)
{
	const struct kernel_nexthop *nexthop = objects_find(o, route->nexthop);

	*out = *route;
	out->n_gateways = 0;
	if (nexthop == NULL)
		return false;
	if (nexthop->n_group == 0)
		expand_one(out, nexthop, 1);
	for (size_t i = 0; i < nexthop->n_group; i++) {
		const struct kernel_nexthop *member = objects_find(o, nexthop->group[i]);

		if (member != NULL && member->n_group == 0)
			expand_one(out, member, nexthop->weights[i]);
	}
	return true;
}
