/* Where packets leave: see transmit.c. */
#pragma once

#include "path/context.h"

/*
 * Sends any number of finished frames by @port at once; frames that the port refuses are dropped.
 */
void transmit_frames(struct context *ctx, uint16_t port, struct rte_mbuf **frames, unsigned n);

/*
 * The drop reason for packets by @nexthop, which is not resolved: removed, or no neighbour answers.
 */
enum drop transmit_not_resolved(const struct context *ctx, const struct nexthop *nexthop);
