/* Where may a packet go? See world.h. Loops over lists; nothing of the gateway. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { DEGRADED_COST = 500000, DOWN_COST = 1000000 };

static bool is_in(uint32_t addr, uint32_t prefix, unsigned len)
{
	return (addr ^ prefix) >> (32 - len) == 0;
}

static const struct world_route *longest(const struct world *w, unsigned vnet, uint32_t dst,
					 bool six)
{
	const struct world_vnet *v = &w->vnets[vnet];
	const struct world_route *best = NULL;

	for (unsigned i = 0; i < v->n_routes; i++) {
		const struct world_route *r = &v->routes[i];

		if (r->six == six && is_in(dst, r->prefix, r->len) &&
		    (best == NULL || r->len > best->len))
			best = r;
	}
	return best;
}

/* --- health ----------------------------------------------------------------------------------- */

uint16_t world_used(const struct world *w, uint16_t tunnel)
{
	const struct world_site *site;
	const struct world_tunnel *t = world_tunnel(w, tunnel, &site);
	uint16_t degraded = 0;

	if (t->state != HEALTH_DOWN)
		return tunnel;
	for (unsigned i = 0; i < site->n_tunnels; i++) {
		const struct world_tunnel *other = &site->tunnels[i];

		if (other->state == HEALTH_HEALTHY)
			return other->id;
		if (other->state == HEALTH_DEGRADED && degraded == 0)
			degraded = other->id;
	}
	return degraded != 0 ? degraded : site->tunnels[0].id;
}

static uint32_t cost_of_state(enum health_state state)
{
	return state == HEALTH_DOWN ? DOWN_COST : state == HEALTH_DEGRADED ? DEGRADED_COST : 0;
}

static uint32_t cost_of(const struct world *w, const struct world_target *t)
{
	const struct world_site *site;
	uint32_t least = DOWN_COST;

	if (t->kind == TARGET_TUNNEL)
		return t->priority + cost_of_state(world_tunnel(w, t->tunnel, &site)->state);
	if (t->kind != TARGET_SITE)
		return t->priority;
	site = world_site(w, t->site);
	for (unsigned i = 0; i < site->n_tunnels; i++)
		if (cost_of_state(site->tunnels[i].state) < least)
			least = cost_of_state(site->tunnels[i].state);
	return t->priority + least;
}

static bool is_best(const struct world *w, const struct world_route *r,
		    const struct world_target *t)
{
	for (unsigned i = 0; i < r->n; i++)
		if (cost_of(w, &r->targets[i]) < cost_of(w, t))
			return false;
	return true;
}

/* --- ways ------------------------------------------------------------------------------------- */

static void add(struct world_ways *out, struct world_way way)
{
	assert_true(out->n < WORLD_WAYS);
	out->list[out->n++] = way;
}

static void default_way(const struct world *w, unsigned vnet, uint32_t dst, struct world_ways *out)
{
	enum world_egress egress = w->vnets[vnet].egress;
	bool is_private = is_in(dst, IP(10, 0, 0, 0), 8) || is_in(dst, IP(100, 64, 0, 0), 10);

	add(out, (struct world_way){
			 .refused = is_private || egress == WORLD_EGRESS_NONE,
			 .pool = egress == WORLD_EGRESS_SPECIAL,
		 });
}

static void by_routes(const struct world *w, unsigned vnet, const struct world_site *from,
		      uint32_t dst, bool six, bool linked, struct world_ways *out)
{
	const struct world_route *r = longest(w, vnet, dst, six);

	if (r == NULL && !linked)
		default_way(w, vnet, dst, out);
	else if (r == NULL)
		add(out, (struct world_way){.refused = true});
	for (unsigned i = 0; r != NULL && i < r->n; i++) {
		const struct world_target *t = &r->targets[i];
		const struct world_site *site = world_site(w, t->site);

		if (!is_best(w, r, t))
			continue;
		if (t->kind == TARGET_LINK)
			by_routes(w, t->number, from, dst, six, true, out);
		else if (t->kind == TARGET_DROP || (t->kind != TARGET_EGRESS && site == from))
			add(out, (struct world_way){.refused = true});
		else if (t->kind == TARGET_EGRESS)
			add(out, (struct world_way){
					 .pool = t->number,
					 .untranslated = t->untranslated,
					 .refuses_collision = r->refuses,
				 });
		else
			add(out, (struct world_way){
					 .site = site->id,
					 .refuses_collision = r->refuses,
					 .tunnel = t->kind == TARGET_TUNNEL ? t->tunnel
									    : site->tunnels[0].id,
				 });
	}
}

/* The site whose alias @dst is, in the eyes of @vnet. */
static const struct world_site *alias_owner(const struct world *w, unsigned vnet, uint32_t dst,
					    bool six)
{
	const struct world_site *s = world_site(w, (uint16_t)(dst >> 8 & 255));
	const struct world_route *r = longest(w, vnet, dst, six);
	const struct world_site *found = NULL;

	if (!is_in(dst, IP(100, 64, 0, 0), 16) || s == NULL || !s->has_alias)
		return NULL;
	if (s->vnet == vnet)
		return s;
	for (unsigned i = 0; r != NULL && found == NULL && i < r->n; i++)
		if (r->targets[i].kind == TARGET_LINK && is_best(w, r, &r->targets[i]))
			found = alias_owner(w, r->targets[i].number, dst, six);
	return found;
}

void world_ways(const struct world *w, const struct world_site *site, uint32_t dst, bool six,
		struct world_ways *out)
{
	const struct world_site *owner = alias_owner(w, site->vnet, dst, six);

	out->n = 0;
	if (owner == NULL)
		by_routes(w, site->vnet, site, dst, six, false, out);
	else
		add(out, (struct world_way){
				 .refused = owner == site,
				 .is_alias = true,
				 .refuses_collision = true,
				 .site = owner->id,
				 .tunnel = owner->tunnels[0].id,
			 });
}

uint32_t world_alias(const struct world_site *site, uint32_t host)
{
	return site->has_alias ? IP(100, 64, site->id, host & 255) : host;
}

/* --- may a flow go on after a change? --------------------------------------------------------- */

bool world_leads(const struct world *w, unsigned vnet, uint32_t dst, bool six, uint16_t site)
{
	const struct world_route *r = longest(w, vnet, dst, six);

	for (unsigned i = 0; r != NULL && i < r->n; i++) {
		const struct world_target *t = &r->targets[i];

		if (t->kind == TARGET_LINK ? world_leads(w, t->number, dst, six, site)
					   : t->site == site)
			return true;
	}
	return false;
}

bool world_lets_out(const struct world *w, unsigned vnet, uint32_t dst)
{
	const struct world_route *r = longest(w, vnet, dst, false);

	for (unsigned i = 0; r != NULL && i < r->n; i++) {
		const struct world_target *t = &r->targets[i];

		if (t->untranslated ||
		    (t->kind == TARGET_LINK && world_lets_out(w, t->number, dst)))
			return true;
	}
	return false;
}

bool world_reaches(const struct world *w, unsigned vnet, uint32_t dst, bool six,
		   const struct world_site *site)
{
	const struct world_route *r = longest(w, vnet, dst, six);

	if (site->vnet == vnet)
		return true;
	for (unsigned i = 0; r != NULL && i < r->n; i++)
		if (r->targets[i].kind == TARGET_LINK &&
		    world_reaches(w, r->targets[i].number, dst, six, site))
			return true;
	return false;
}
