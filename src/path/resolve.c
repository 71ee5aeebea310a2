/* Resolve: turns the routes' answer into a nexthop or a drop reason. See resolve.h. */
#include "path/resolve.h"

#include "path/route_cache.h"
#include "path/wanted.h"

/* The drop reason of a verdict. Rare. */
static __attribute__((noinline, cold)) enum drop
judge(struct context *ctx, uint16_t site, uint8_t port, const struct addr6 *dst, uint16_t verdict)
{
	switch (verdict) {
	case ROUTE_UNKNOWN_HOST:
		wanted_add(ctx, site, port, dst);
		return DROP_NO_NEIGHBOUR;
	case ROUTE_BLACKHOLE:
		return DROP_ROUTE_BLACKHOLE;
	case ROUTE_UNREACHABLE:
		return DROP_ROUTE_UNREACHABLE;
	case ROUTE_PROHIBITED:
		return DROP_ROUTE_PROHIBITED;
	default:
		return ctx->ports[port].n_queues == 0 ? DROP_PORT_DOWN : DROP_NO_ROUTE;
	}
}

static enum drop judge4(struct context *ctx, uint16_t site, uint8_t port, be32_t dst,
			uint16_t verdict)
{
	struct addr6 mapped = addr6_from_ipv4(dst);

	return judge(ctx, site, port, &mapped, verdict);
}

static inline bool is_nexthop(uint16_t id)
{
	return __builtin_expect((uint16_t)(id - 1) < NEXTHOP_LAST, 1);
}

static ALWAYS_INLINE enum drop resolve_find(struct context *ctx, uint16_t site, uint8_t port,
					    be32_t dst, uint16_t *nexthop)
{
	*nexthop = routes_find(&ctx->nexthops->routes, port, dst);
	return is_nexthop(*nexthop) ? DROP_NONE : judge4(ctx, site, port, dst, *nexthop);
}

static ALWAYS_INLINE enum drop find6(struct context *ctx, uint16_t site, uint8_t port,
				     const struct addr6 *dst, uint16_t *nexthop)
{
	*nexthop = routes_find6(&ctx->nexthops->routes, port, dst);
	return is_nexthop(*nexthop) ? DROP_NONE : judge(ctx, site, port, dst, *nexthop);
}

/* The cache is of the uplink of the default pool (route_cache.h). */
static inline bool is_cached(const struct context *ctx, uint8_t port)
{
	const struct pool *pool = ctx->net->egress;

	return __builtin_expect(ctx->nexthops->routes.many, 0) && pool != NULL &&
	       pool->port == port;
}

enum drop resolve_route(struct context *ctx, uint16_t site, uint8_t port, be32_t dst,
			uint16_t *nexthop)
{
	if (!is_cached(ctx, port))
		return resolve_find(ctx, site, port, dst, nexthop);
	*nexthop = route_cache_find(ctx, port, dst);
	return is_nexthop(*nexthop) ? DROP_NONE : judge4(ctx, site, port, dst, *nexthop);
}

enum drop resolve_route6(struct context *ctx, uint16_t site, uint8_t port, const struct addr6 *dst,
			 uint16_t *nexthop)
{
	return find6(ctx, site, port, dst, nexthop);
}

/* By a route of its virtual network that lets it leave; of several by the port that it uses. */
static uint8_t uplink_of_untranslated(const struct context *ctx, const struct flow *f)
{
	const struct network *net = ctx->net;
	const struct addr6 dst = addr6_from_ipv4(f->dst);
	uint8_t port = ctx->nexthops->at[f->offramp].port;

	if (network_has_site(net, f->site))
		network_leaves_untranslated(net, net->sites[f->site].vnet, &dst, &port);
	return port;
}

/* The port of the flow's egress address. Its pool need not be the one for new flows. */
static uint8_t uplink_of(const struct context *ctx, const struct flow *f, const struct flow6 *six)
{
	const struct network *net = ctx->net;
	int address = six != NULL ? network_find_address6(net, &six->nat_src)
				  : network_find_address(net, f->nat_src);

	if (f->way == FLOW_WAY_UNTRANSLATED)
		return uplink_of_untranslated(ctx, f);
	return address >= 0 ? net->addresses[address].port : net->uplink6;
}

void resolve_follow_uplink(struct context *ctx, struct flow *f, const struct flow6 *six)
{
	const struct nexthop *n = &ctx->nexthops->at[f->offramp];

	if (n->kind == NEXTHOP_KIND_NEIGHBOUR && n->port != uplink_of(ctx, f, six))
		resolve_again(ctx, f, six);
}

enum drop resolve_again(struct context *ctx, struct flow *f, const struct flow6 *six)
{
	uint16_t nexthop;
	enum drop drop;
	uint8_t port;

	if (f->far != SITE_INTERNET)
		return DROP_TUNNEL_GONE;
	port = uplink_of(ctx, f, six);
	drop = six != NULL ? find6(ctx, f->site, port, &six->dst, &nexthop)
			   : resolve_find(ctx, f->site, port, f->dst, &nexthop);

	f->offramp = drop == DROP_NONE ? nexthop : NEXTHOP_LOST;
	return drop;
}

const struct nexthop *resolve_offramp(struct context *ctx, struct flow *f, const struct flow6 *six)
{
	if (ctx->nexthops->at[f->offramp].moved)
		resolve_again(ctx, f, six);
	return &ctx->nexthops->at[f->offramp];
}

int resolve_answer(enum drop drop)
{
	switch (drop) {
	case DROP_NO_ROUTE:
	case DROP_PORT_DOWN:
		return ANSWER_UNREACHABLE;
	case DROP_ROUTE_UNREACHABLE:
		return ANSWER_ROUTE_UNREACHABLE;
	case DROP_ROUTE_PROHIBITED:
		return ANSWER_ROUTE_PROHIBITED;
	default:
		return -1;
	}
}
