/*
 * Step "route", first part: the routes of the site's virtual network.
 *
 *   a site, or a tunnel of one   a private destination (private.c)
 *   an egress pool               the Internet, from the addresses of that pool (route.c), or
 *                                untranslated, by its uplink
 *   a private link               the routes of another virtual network, at most four in a row
 *   drop                         refused
 *
 * Nothing else leads from one virtual network into another: a target behind a site must belong to
 * the virtual network whose route names it. Returns need no route; they come home by the flow. Only
 * where automatic return routing is off, the on-ramp of a flow is what the route to its source
 * says. That route must lead to the flow's own site and to no other one, so that returns of sites
 * with equal addresses are never confused: law 1 holds either way.
 *
 * Links were checked for loops (control/config). The bound makes that no matter of trust.
 */
#include "path/vnet_cache.h"
#include "setup/setup.h"

/* To a site: its tunnel is the off-ramp, and returns come from the site. */
static enum drop enter(struct setup *s, uint16_t vnet, const struct route_choice *c,
		       const struct route_target *t)
{
	const struct network *net = s->ctx->net;

	if (!network_has_site(net, t->far) || net->sites[t->far].vnet != vnet)
		return DROP_NO_ROUTE;
	if (t->far == s->flow.site)
		return DROP_OWN_SITE;
	s->pool = NULL;
	s->keeps_source = s->may_be_open = true; /* opened from the far side in this burst */
	s->refuses_collision = c->refuse_collision;
	s->flow.way = c->is_learned ? FLOW_WAY_LEARNED : FLOW_WAY_PLAIN;
	s->flow.far = t->far;
	s->flow.offramp = t->nexthop;
	return DROP_NONE;
}

/*
 * To the Internet from its own address: the pool only says by which uplink. The address must be one
 * whose returns are taken there, and none that returns of translated flows have.
 */
static enum drop leave_untranslated(struct setup *s, const struct route_choice *c)
{
	const struct network *net = s->ctx->net;

	if (s->six != NULL || !network_may_leave_untranslated(net, s->flow.site, s->flow.src))
		return DROP_SOURCE;
	if (network_find_address(net, s->flow.dst) >= 0)
		return DROP_NO_ROUTE; /* only translated flows are hairpinned */
	s->keeps_source = true;
	s->refuses_collision = c->refuse_collision;
	s->flow.way = FLOW_WAY_UNTRANSLATED;
	return route_outward(s);
}

static enum drop leave(struct setup *s, const struct route_choice *c, const struct route_target *t)
{
	const struct network *net = s->ctx->net;
	const struct pool *pool;

	if (t->pool >= net->n_pools)
		return DROP_NO_ROUTE;
	pool = &net->pools[t->pool];
	if ((s->six != NULL ? pool->n_addresses6 : pool->n_addresses) == 0)
		return DROP_NO_ROUTE;
	s->has_route = true;
	s->pool = pool;
	return t->untranslated ? leave_untranslated(s, c) : DROP_NONE;
}

static const struct route_choice *choice_of(const struct setup *s, uint16_t vnet)
{
	const struct routes *routes = &s->ctx->nexthops->routes;

	if (s->six != NULL)
		return routes_choice6(routes, vnet, &s->six->dst);
	return routes->many_in_vnets ? vnet_cache_find(s->ctx, vnet, s->flow.dst)
				     : routes_choice(routes, vnet, s->flow.dst);
}

/* The route back to the source. NULL: none. */
static const struct route_choice *choice_back(const struct setup *s)
{
	const struct routes *routes = &s->ctx->nexthops->routes;
	uint16_t vnet = s->ctx->net->sites[s->flow.site].vnet;

	if (routes->n_vnets == 0)
		return NULL;
	return s->six != NULL ? routes_choice6(routes, vnet, &s->six->src)
			      : routes_choice(routes, vnet, s->flow.src);
}

static bool leads_home(const struct setup *s, const struct route_target *t)
{
	return (t->kind == TARGET_SITE || t->kind == TARGET_TUNNEL) && t->far == s->flow.site;
}

enum drop vnet_choose_return(struct setup *s)
{
	const struct route_choice *c;

	if (!s->ctx->net->tunnels[s->p->onramp].by_route)
		return DROP_NONE;
	c = choice_back(s);
	if (c == NULL)
		return DROP_RETURN_ROUTE;
	for (unsigned i = 0; i < c->n; i++)
		if (!leads_home(s, &c->targets[i]))
			return DROP_RETURN_ROUTE;
	s->flow.onramp = choice_pick(c, s->p->probe.hash)->nexthop;
	return DROP_NONE;
}

enum drop vnet_choose(struct setup *s)
{
	uint16_t vnet = s->ctx->net->sites[s->flow.site].vnet;

	for (unsigned links = 0; links <= SPEC_LINKS_MAX; links++) {
		const struct route_choice *c = choice_of(s, vnet);
		const struct route_target *t;

		if (c == NULL) /* behind a link there is no egress without a route */
			return links == 0 ? DROP_NONE : DROP_NO_ROUTE;
		t = choice_pick(c, s->p->probe.hash);
		switch (t->kind) {
		case TARGET_SITE:
		case TARGET_TUNNEL:
			return enter(s, vnet, c, t);
		case TARGET_EGRESS:
			return leave(s, c, t);
		case TARGET_DROP:
			return DROP_ROUTE_DROP;
		default:
			vnet = t->vnet;
		}
	}
	return DROP_NO_ROUTE;
}
