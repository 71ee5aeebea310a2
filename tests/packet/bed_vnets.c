/* Routes of virtual networks for a bed: see bed_vnets.h. */
#include "bed_vnets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUTES_MAX = 8192 };

void (*bed_edit)(struct network_spec *spec);
void (*bed_vnets_use)(const struct network *net, struct routes_spec *spec);
void (*bed_edit_tunnel)(uint16_t id, struct nexthop *n);

/* --- what the control side makes of a specification ------------------------------------------- */

static struct route_target target_of(const struct network *net, const struct spec_target *from)
{
	struct route_target t = {.kind = (uint8_t)from->kind, .weight = from->weight};
	const struct site *site;

	switch (from->kind) {
	case TARGET_SITE:
	case TARGET_TUNNEL:
		t.far = net->site_ids[from->index];
		site = &net->sites[t.far];
		t.nexthop = site->tunnels[from->kind == TARGET_TUNNEL ? from->tunnel : 0];
		t.seed = t.nexthop;
		break;
	case TARGET_EGRESS:
		t.pool = from->index;
		t.untranslated = from->untranslated;
		break;
	case TARGET_LINK:
		t.vnet = net->vnet_ids[from->index];
		break;
	case TARGET_DROP:
		break;
	}
	return t;
}

static struct route_choice choice_of(const struct network *net, const struct spec_route *route)
{
	struct route_choice c = {.refuse_collision = route->on_collision == COLLISION_REFUSE};
	uint32_t best = UINT32_MAX;

	for (size_t i = 0; i < route->n_targets; i++)
		best = route->targets[i].priority < best ? route->targets[i].priority : best;
	for (size_t i = 0; i < route->n_targets; i++)
		if (route->targets[i].priority == best)
			c.targets[c.n++] = target_of(net, &route->targets[i]);
	return c;
}

void bed_vnets_add(const struct network *net, struct routes_spec *spec)
{
	static struct vnet_route routes[ROUTES_MAX];
	static struct route_choice choices[ROUTES_MAX];
	size_t n = 0;

	for (uint32_t i = 0; i < net->n_vnets; i++) {
		const struct spec_vnet *vnet = &net->spec.vnets[i];

		for (size_t k = 0; k < vnet->n_routes; k++, n++) {
			assert_true(n < ROUTES_MAX);
			choices[n] = choice_of(net, &vnet->routes[k]);
			routes[n] = (struct vnet_route){vnet->routes[k].prefix, net->vnet_ids[i],
							(uint32_t)n};
		}
	}
	spec->n_vnets = n > 0 ? net->max_vnet + (size_t)1 : 0;
	spec->vnet_routes = routes;
	spec->n_vnet_routes = n;
	spec->choices = choices;
	spec->n_choices = n;
}

/* --- specifications --------------------------------------------------------------------------- */

void bed_vnets_make(struct network_spec *spec, const char *const *names, size_t n)
{
	spec->vnets = calloc(n, sizeof(spec->vnets[0]));
	assert_non_null(spec->vnets);
	for (spec->n_vnets = 0; spec->n_vnets < n; spec->n_vnets++) {
		struct spec_vnet *vnet = &spec->vnets[spec->n_vnets];

		snprintf(vnet->name, sizeof(vnet->name), "%s", names[spec->n_vnets]);
		vnet->egress_pool = SPEC_POOL_DEFAULT;
	}
}

static struct prefix6 read_prefix(const char *text)
{
	struct prefix6 p = {0};
	char addr[64];
	unsigned len;
	be32_t four;

	assert_int_equal(sscanf(text, "%63[^/]/%u", addr, &len), 2);
	if (inet_pton(AF_INET, addr, &four) == 1)
		return (struct prefix6){addr6_from_ipv4(four), (uint8_t)(MAPPED_BITS + len)};
	assert_int_equal(inet_pton(AF_INET6, addr, &p.addr), 1);
	p.len = (uint8_t)len;
	return p;
}

static struct spec_route *find_route(struct spec_vnet *vnet, const struct prefix6 *prefix)
{
	struct spec_route *r;

	for (size_t i = 0; i < vnet->n_routes; i++) {
		r = &vnet->routes[i];
		if (r->prefix.len == prefix->len && addr6_equal(&r->prefix.addr, &prefix->addr))
			return r;
	}
	vnet->routes = realloc(vnet->routes, (vnet->n_routes + 1) * sizeof(*r));
	assert_non_null(vnet->routes);
	r = &vnet->routes[vnet->n_routes++];
	*r = (struct spec_route){.prefix = *prefix};
	r->targets = calloc(SPEC_TARGETS_MAX, sizeof(r->targets[0]));
	assert_non_null(r->targets);
	return r;
}

struct spec_target *bed_vnets_route(struct network_spec *spec, unsigned vnet, const char *prefix,
				    enum spec_target_kind kind, unsigned index)
{
	const struct prefix6 p = read_prefix(prefix);
	struct spec_route *route = find_route(&spec->vnets[vnet], &p);
	struct spec_target *t = &route->targets[route->n_targets++];

	*t = (struct spec_target){
		.kind = kind,
		.index = (uint16_t)index,
		.weight = 1,
		.priority = SPEC_PRIORITY_DEFAULT,
	};
	return t;
}

unsigned bed_vnets_site(const struct network_spec *spec, const char *name)
{
	for (unsigned i = 0; i < spec->n_sites; i++)
		if (strcmp(spec->sites[i].name, name) == 0)
			return i;
	fail_msg("no site %s", name);
	return 0;
}
