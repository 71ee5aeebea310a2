/* The routes' answer as a hop or as a reason: see nexthop.h. */
#include "path/nexthop.h"

#include "path/wanted.h"

/* No hop, but what the route says. Rare. */
static __attribute__((noinline, cold)) enum drop
judge(struct context *ctx, uint16_t site, uint8_t port, const struct addr6 *dst, uint16_t verdict)
{
	switch (verdict) {
	case HOP_UNKNOWN_HOST:
		wanted_add(ctx, site, port, dst);
		return DROP_NO_NEIGHBOUR;
	case HOP_BLACKHOLE:
		return DROP_ROUTE_BLACKHOLE;
	case HOP_UNREACHABLE:
		return DROP_ROUTE_UNREACHABLE;
	case HOP_PROHIBITED:
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

static inline bool is_hop(uint16_t hop)
{
	return __builtin_expect((uint16_t)(hop - 1) < HOPS_MAX, 1);
}

enum drop nexthop_find(struct context *ctx, uint16_t site, be32_t dst, uint16_t *hop)
{
	const struct pool *pool = ctx->net->egress;

	*hop = HOP_NONE;
	if (pool == NULL)
		return DROP_NO_ROUTE;
	*hop = adjacency_route(ctx->adj, pool->port, dst);
	return is_hop(*hop) ? DROP_NONE : judge4(ctx, site, pool->port, dst, *hop);
}

enum drop nexthop_find6(struct context *ctx, uint16_t site, const struct addr6 *dst, uint16_t *hop)
{
	uint8_t port = ctx->net->uplink6;

	*hop = adjacency_route6(ctx->adj, port, dst);
	return is_hop(*hop) ? DROP_NONE : judge(ctx, site, port, dst, *hop);
}

enum drop nexthop_renew(struct context *ctx, struct flow *f, const struct flow6 *six)
{
	uint16_t hop;
	enum drop drop = six != NULL ? nexthop_find6(ctx, f->site, &six->dst, &hop)
				     : nexthop_find(ctx, f->site, f->dst, &hop);

	if (drop == DROP_NONE)
		f->offramp = hop;
	else if (ctx->adj->lost != 0)
		f->offramp = ctx->adj->lost;
	return drop;
}

const struct hop *nexthop_of(struct context *ctx, struct flow *f, const struct flow6 *six)
{
	if (ctx->adj->hops[f->offramp].moved)
		nexthop_renew(ctx, f, six);
	return &ctx->adj->hops[f->offramp];
}

int nexthop_answer(enum drop drop)
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
