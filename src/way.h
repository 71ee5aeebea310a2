/*
 * Which way does a destination go: asked by a flow's first packet, and again by a flow whose hop
 * has moved.
 *
 * A hop is `moved` when routes that led to it lead elsewhere. Who meets one asks for the flow's way
 * anew and writes it into the flow: its next packet, or the census (census.h), which looks at every
 * flow. So a flow always goes where a new one to the same destination would, and packets of flows
 * whose hop has not moved pay nothing for it.
 *
 * Worker.
 */
#pragma once

#include "drop.h"
#include "flow/flow6.h"
#include "lane.h"

/*
 * By the uplink of flows that leave for the Internet. DROP_NONE, and the hop in @hop; otherwise why
 * not, and @hop is a verdict. On behalf of @site: an on-link host that nobody knows is asked for.
 */
enum drop way_find(struct lane *lane, uint16_t site, be32_t dst, uint16_t *hop);
enum drop way_find6(struct lane *lane, uint16_t site, const struct addr6 *dst, uint16_t *hop);

/*
 * The hop of @f, whose hop has moved, is asked for anew. @six: its addresses if it is IPv6, else
 * NULL. If there is no way now, the reason: the next packet will ask again.
 */
enum drop way_renew(struct lane *lane, struct flow *f, const struct flow6 *six);

/* The hop of @f, renewed if it has moved. Never NULL, but it may be one that is not resolved. */
const struct hop *way_hop(struct lane *lane, struct flow *f, const struct flow6 *six);

/* What a sender is told of a packet without a way: an enum answer, or -1: nothing. */
int way_answer(enum drop drop);
