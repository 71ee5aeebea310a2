/*
 * By which nexthop does a destination go? Looked up by a flow's first packet, and again by a flow
 * whose nexthop has moved.
 *
 * A nexthop is `moved` when routes that led to it lead elsewhere. Whoever meets one looks up the
 * route again and writes the new nexthop into the flow: the flow's next packet, or the census
 * (worker/census.h), which looks at every flow. So a flow always leaves by the nexthop that a new
 * flow to the same destination would take, and packets of flows whose nexthop has not moved pay
 * nothing.
 *
 * Worker.
 */
#pragma once

#include "base/drop.h"
#include "flow/flow6.h"
#include "path/context.h"

/*
 * By the uplink of flows that leave for the Internet. DROP_NONE, and the id in @nexthop; otherwise
 * why not, and @nexthop is a verdict. On behalf of @site: an on-link host that nobody knows is
 * asked for.
 */
enum drop resolve_route(struct context *ctx, uint16_t site, be32_t dst, uint16_t *nexthop);
enum drop resolve_route6(struct context *ctx, uint16_t site, const struct addr6 *dst,
			 uint16_t *nexthop);

/*
 * Looks up the nexthop of @f again, which has moved. @six: its addresses if it is IPv6, else NULL.
 * If there is no route now, the reason: the next packet will look up again.
 */
enum drop resolve_again(struct context *ctx, struct flow *f, const struct flow6 *six);

/* Its egress address may be at another port now: then it leaves there. */
void resolve_follow_uplink(struct context *ctx, struct flow *f, const struct flow6 *six);

/* Where @f leaves, looked up again if that has moved. Never NULL; it may be one not resolved. */
const struct nexthop *resolve_offramp(struct context *ctx, struct flow *f, const struct flow6 *six);

/* What a sender is told of a packet without a route: an enum answer, or -1: nothing. */
int resolve_answer(enum drop drop);
