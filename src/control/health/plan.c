/*
 * The plan of a tunnel's probes: see plan.h.
 *
 * A tunnel is probed if something to probe is known: a target, or the far end's
 * inner address. It also needs an inner address of ours in the same family, to
 * which answers come. Probes in one direction only go from outer address to
 * outer address and need neither.
 *
 * The high rate finds within a second of the last answer that a tunnel is down:
 * a quarter of it until the next probe, a quarter until that is lost, and as
 * much for two more.
 */
#include "control/health/plan.h"

#include <string.h>

static const struct health_rate rates[] = {
	[HEALTH_RATE_LOW] = {"low", 10000, 1000},
	[HEALTH_RATE_MID] = {"mid", 1000, 1000},
	[HEALTH_RATE_HIGH] = {"high", 250, 250},
	[HEALTH_RATE_OFF] = {0},
};

static const struct addr6 *target_of(const struct spec_tunnel *t, bool outside)
{
	if (!addr6_is_zero(&t->health.target))
		return &t->health.target;
	if (outside)
		return &t->remote;
	return !addr6_is_zero(&t->peer) ? &t->peer : &t->peer6;
}

static const struct addr6 *source_of(const struct spec_tunnel *t, const struct addr6 *target,
				     bool outside)
{
	if (outside)
		return &t->local;
	return addr6_is_mapped(target) ? &t->address : &t->address6;
}

struct health_plan health_plan_of(const struct network_spec *spec, const struct spec_site *site,
				  const struct spec_tunnel *t)
{
	const struct spec_health_defaults health = spec_health_of(spec, site, t);
	bool outside = health.direction == HEALTH_UNIDIRECTIONAL;
	const struct addr6 *target = target_of(t, outside);
	const struct addr6 *source = source_of(t, target, outside);
	struct health_plan plan = {0};

	if (health.rate == HEALTH_RATE_OFF || addr6_is_zero(target) || addr6_is_zero(source) ||
	    addr6_is_mapped(target) != addr6_is_mapped(source))
		return plan;
	plan.rate = &rates[health.rate];
	plan.ends = (struct health_ends){*source, *target, health.type == HEALTH_REPLY};
	plan.outside = outside;
	return plan;
}

bool health_plan_goes_on(const struct health_plan *a, const struct health_plan *b)
{
	return a->rate != NULL && b->rate != NULL &&
	       addr6_equal(&a->ends.source, &b->ends.source) &&
	       addr6_equal(&a->ends.target, &b->ends.target) && a->ends.reply == b->ends.reply &&
	       a->outside == b->outside;
}
