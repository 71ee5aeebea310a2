/*
 * By which nexthop does a destination go? Looked up by a flow's first packet, and again by a flow
 * whose hop has moved.
 *
 * A hop is `moved` when routes that led to it lead elsewhere. Whoever meets one looks up the route
 * again and writes the new hop into the flow: the flow's next packet, or the census
 * (worker/census.h), which looks at every flow. So a flow always leaves by the nexthop that a new
 * flow to the same destination would take, and packets of flows whose hop has not moved pay nothing
 * for it.
 *
 * Worker.
 */
#pragma once

#include "base/drop.h"
#include "flow/flow6.h"
#include "path/context.h"

/*
 * By the uplink of flows that leave for the Internet. DROP_NONE, and the hop in @hop; otherwise why
 * not, and @hop is a verdict. On behalf of @site: an on-link host that nobody knows is asked for.
 */
enum drop nexthop_find(struct context *ctx, uint16_t site, be32_t dst, uint16_t *hop);
enum drop nexthop_find6(struct context *ctx, uint16_t site, const struct addr6 *dst, uint16_t *hop);

/*
 * Looks up the hop of @f again, which has moved. @six: its addresses if it is IPv6, else NULL. If
 * there is no route now, the reason: the next packet will look up again.
 */
enum drop nexthop_renew(struct context *ctx, struct flow *f, const struct flow6 *six);

/* The hop of @f, renewed if it has moved. Never NULL, but it may be one that is not resolved. */
const struct hop *nexthop_of(struct context *ctx, struct flow *f, const struct flow6 *six);

/* What a sender is told of a packet without a route: an enum answer, or -1: nothing. */
int nexthop_answer(enum drop drop);
