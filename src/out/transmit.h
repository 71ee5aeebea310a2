/* Where packets leave: see transmit.c. */
#pragma once

#include "path/context.h"

/* Sends any number of finished frames by @port at once; what the port refuses is dropped. */
void transmit_frames(struct context *ctx, uint16_t port, struct rte_mbuf **frames, unsigned n);

/* Why no packet can go on by @nexthop, which is not resolved: it is gone, or nobody is there. */
enum drop transmit_not_resolved(const struct context *ctx, const struct nexthop *nexthop);
