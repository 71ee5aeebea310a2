/* A random world: how it comes about and changes. See world.h. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

uint64_t world_seed;

static uint64_t random_next(void)
{
	/* splitmix64 (Steele, Lea, Flood 2014) */
	uint64_t z = world_seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t world_below(uint32_t n)
{
	return (uint32_t)(random_next() % n);
}

static bool one_in(uint32_t n)
{
	return world_below(n) == 0;
}

const struct world_site *world_site(const struct world *w, uint16_t id)
{
	for (unsigned i = 0; i < w->n_sites; i++)
		if (w->sites[i].id == id)
			return &w->sites[i];
	return NULL;
}

const struct world_tunnel *world_tunnel(const struct world *w, uint16_t id,
					const struct world_site **site)
{
	for (unsigned i = 0; i < w->n_sites; i++) {
		*site = &w->sites[i];
		for (unsigned k = 0; k < (*site)->n_tunnels; k++)
			if ((*site)->tunnels[k].id == id)
				return &(*site)->tunnels[k];
	}
	return NULL;
}

/* --- sites ------------------------------------------------------------------------------------ */

static void add_tunnel(struct world *w, struct world_site *s)
{
	s->tunnels[s->n_tunnels++] = (struct world_tunnel){
		.id = ++w->last_tunnel,
		.kind = (enum world_kind)world_below(WORLD_KINDS),
	};
}

static void add_site(struct world *w)
{
	static const unsigned nets[] = {0, 0, 0, 8, 8, 9};
	struct world_site *s = &w->sites[w->n_sites++];

	*s = (struct world_site){
		.id = ++w->last_site,
		.vnet = one_in(2) ? 0 : world_below(w->n_vnets),
		.net = nets[world_below(ARRAY_SIZE(nets))],
	};
	s->has_alias = s->net == 0 && one_in(3);
	for (unsigned n = 1 + world_below(WORLD_TUNNELS); n > 0; n--)
		add_tunnel(w, s);
}

static void remove_site(struct world *w)
{
	unsigned i = world_below(w->n_sites);

	memmove(&w->sites[i], &w->sites[i + 1], (--w->n_sites - i) * sizeof(w->sites[0]));
}

static void remove_tunnel(struct world_site *s)
{
	unsigned i = world_below(s->n_tunnels);

	if (s->n_tunnels > 1)
		memmove(&s->tunnels[i], &s->tunnels[i + 1],
			(--s->n_tunnels - i) * sizeof(s->tunnels[0]));
}

/* --- routes ----------------------------------------------------------------------------------- */

static bool is_valid(const struct world *w, unsigned vnet, const struct world_target *t)
{
	const struct world_site *site = world_site(w, t->site), *owner;

	if (t->kind == TARGET_SITE)
		return site != NULL && site->vnet == vnet;
	if (t->kind == TARGET_TUNNEL)
		return site != NULL && site->vnet == vnet &&
		       world_tunnel(w, t->tunnel, &owner) != NULL;
	return true;
}

static bool is_same(const struct world_target *a, const struct world_target *b)
{
	return a->kind == b->kind && a->site == b->site && a->tunnel == b->tunnel &&
	       a->number == b->number;
}

static void add_target(struct world_route *r, struct world_target t)
{
	static const uint32_t priorities[] = {50, 100, 100, 700000};

	for (unsigned i = 0; i < r->n; i++)
		if (is_same(&r->targets[i], &t))
			return;
	if (r->n == WORLD_TARGETS || (r->n > 0 && r->targets[0].kind == TARGET_DROP))
		return;
	t.weight = 1 + world_below(3);
	t.priority = priorities[world_below(ARRAY_SIZE(priorities))];
	r->targets[r->n++] = t;
}

/* A site of @vnet, or a tunnel of one. */
static void add_site_target(const struct world *w, unsigned vnet, struct world_route *r)
{
	for (unsigned tries = 0; tries < 8; tries++) {
		const struct world_site *s = &w->sites[world_below(w->n_sites)];
		struct world_target t = {.kind = TARGET_SITE, .site = s->id};

		if (s->vnet != vnet)
			continue;
		if (one_in(2)) {
			t.kind = TARGET_TUNNEL;
			t.tunnel = s->tunnels[world_below(s->n_tunnels)].id;
		}
		add_target(r, t);
		return;
	}
}

static void add_link(const struct world *w, unsigned vnet, struct world_route *r)
{
	if (vnet + 1 < w->n_vnets)
		add_target(r, (struct world_target){.kind = TARGET_LINK,
						    .number = vnet + 1 +
							      world_below(w->n_vnets - vnet - 1)});
}

static void add_any_target(const struct world *w, unsigned vnet, struct world_route *r)
{
	uint32_t dice = world_below(16);

	if (r->prefix == IP(100, 64, 0, 0) || dice < 4)
		add_link(w, vnet, r);
	else if (dice < 13)
		add_site_target(w, vnet, r);
	else if (dice < 15)
		add_target(r, (struct world_target){.kind = TARGET_EGRESS,
						    .number = world_below(WORLD_POOLS),
						    .untranslated = !r->six && one_in(2)});
	else if (r->n == 0)
		add_target(r, (struct world_target){.kind = TARGET_DROP});
}

static void make_route(struct world *w, unsigned vnet, uint32_t prefix, unsigned len, bool six)
{
	struct world_vnet *v = &w->vnets[vnet];
	struct world_route r = {prefix, len, six, .refuses = one_in(8)};

	for (unsigned n = 1 + world_below(WORLD_TARGETS); n > 0; n--)
		add_any_target(w, vnet, &r);
	if (r.n > 0)
		v->routes[v->n_routes++] = r;
}

static void make_routes(struct world *w, unsigned vnet)
{
	static const struct {
		uint32_t prefix;
		unsigned len;
	} prefixes[] = {
		{IP(10, 8, 0, 0), 16},	 {IP(10, 8, 1, 0), 24},	  {IP(10, 9, 0, 0), 16},
		{IP(10, 0, 1, 0), 24},	 {IP(100, 64, 0, 0), 16}, {IP(192, 0, 2, 0), 24},
		{IP(192, 0, 2, 64), 26}, {IP(10, 8, 1, 80), 31},
	};

	w->vnets[vnet].n_routes = 0;
	w->vnets[vnet].egress = (enum world_egress)world_below(3);
	for (unsigned i = 0; i < ARRAY_SIZE(prefixes); i++)
		for (unsigned six = 0; six < 2; six++)
			if (!one_in(4))
				make_route(w, vnet, prefixes[i].prefix, prefixes[i].len, six);
}

static void remove_route(struct world_vnet *v)
{
	unsigned i = v->n_routes > 0 ? world_below(v->n_routes) : 0;

	if (v->n_routes > 0)
		v->routes[i] = v->routes[--v->n_routes];
}

/* Removes what leads to sites and tunnels that are gone or elsewhere. */
static void clean_route(const struct world *w, unsigned vnet, struct world_route *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->n; i++)
		if (is_valid(w, vnet, &r->targets[i]))
			r->targets[n++] = r->targets[i];
	r->n = n;
}

static void clean_routes(struct world *w)
{
	for (unsigned v = 0; v < w->n_vnets; v++) {
		struct world_vnet *vnet = &w->vnets[v];
		unsigned n = 0;

		for (unsigned i = 0; i < vnet->n_routes; i++) {
			clean_route(w, v, &vnet->routes[i]);
			if (vnet->routes[i].n > 0)
				vnet->routes[n++] = vnet->routes[i];
		}
		vnet->n_routes = n;
	}
}

/* --- the whole -------------------------------------------------------------------------------- */

void world_make(struct world *w, unsigned workers)
{
	*w = (struct world){.workers = workers, .n_vnets = 1 + world_below(WORLD_VNETS)};
	for (unsigned n = 4 + world_below(WORLD_SITES - 4); n > 0; n--)
		add_site(w);
	for (unsigned v = 0; v < w->n_vnets; v++)
		make_routes(w, v);
}

void world_change(struct world *w)
{
	struct world_site *s = &w->sites[world_below(w->n_sites)];
	struct world_vnet *v = &w->vnets[world_below(w->n_vnets)];

	switch (world_below(8)) {
	case 0:
		if (w->n_sites < WORLD_SITES)
			add_site(w);
		break;
	case 1:
		if (w->n_sites > 3)
			remove_site(w);
		break;
	case 2:
		if (s->n_tunnels < WORLD_TUNNELS)
			add_tunnel(w, s);
		break;
	case 3:
		remove_tunnel(s);
		break;
	case 4:
		s->has_alias = s->net == 0 && !s->has_alias;
		break;
	case 5:
		s->vnet = world_below(w->n_vnets);
		break;
	case 6:
		remove_route(v);
		break;
	default:
		make_routes(w, (unsigned)(v - w->vnets));
	}
	clean_routes(w);
}

void world_fail(struct world *w)
{
	static const enum health_state states[] = {HEALTH_HEALTHY,  HEALTH_HEALTHY, HEALTH_HEALTHY,
						   HEALTH_DEGRADED, HEALTH_DOWN,    HEALTH_DOWN};

	for (unsigned i = 0; i < w->n_sites; i++)
		for (unsigned k = 0; k < w->sites[i].n_tunnels; k++)
			if (one_in(3))
				w->sites[i].tunnels[k].state =
					states[world_below(ARRAY_SIZE(states))];
}
