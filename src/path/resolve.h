/*
 * Resolve: find the nexthop of a destination, for a flow's first packet, and again for a flow whose
 * nexthop has moved.
 *
 * A nexthop is `moved` when routes that led to it lead elsewhere. Then the flow's next packet, or
 * the census (worker/census.h), which visits every flow, looks up the route again and writes the
 * new nexthop into the flow. So a flow always leaves by the nexthop that a new flow to the same
 * destination would get. Packets of flows whose nexthop has not moved pay nothing.
 *
 * Worker.
 */
#pragma once

#include "base/drop.h"
#include "flow/flow6.h"
#include "path/context.h"

/*
 * Looks up a destination behind @port, an uplink. DROP_NONE: its id is in @nexthop. Otherwise the
 * drop reason, and @nexthop is a verdict. An unknown on-link host is passed to the control thread
 * to resolve, on behalf of @site.
 */
enum drop resolve_route(struct context *ctx, uint16_t site, uint8_t port, be32_t dst,
			uint16_t *nexthop);
enum drop resolve_route6(struct context *ctx, uint16_t site, uint8_t port, const struct addr6 *dst,
			 uint16_t *nexthop);

/*
 * Looks up the route of @f again, whose off-ramp has moved. @six: the addresses of an IPv6 flow,
 * else NULL. If there is no route, returns the drop reason; the next packet looks up again. The
 * off-ramp of a private flow is a tunnel, which never moves.
 */
enum drop resolve_again(struct context *ctx, struct flow *f, const struct flow6 *six);

/*
 * After a change: if the flow's egress address is at another port now, gives the flow a nexthop
 * there.
 */
void resolve_follow_uplink(struct context *ctx, struct flow *f, const struct flow6 *six);

/* The off-ramp of @f, looked up again if it has moved. Never NULL; may be unresolved. */
const struct nexthop *resolve_offramp(struct context *ctx, struct flow *f, const struct flow6 *six);

/* The answer to the sender of a packet without a route: an enum answer, or -1 for none. */
int resolve_answer(enum drop drop);
