/* Numbers of fragments: see identification.c. */
#pragma once

#include "path/context.h"

/*
 * An identification for a packet of ours to @dst that is a fragment or may become some. No worker
 * gives one that another has, nor the same again before 65,536 / workers others (of IPv6 2^30 /
 * workers).
 */
void identification_init(struct context *ctx); /* ctx->flows, index and count are set */
be16_t identification_next(struct context *ctx, be32_t dst);
uint32_t identification6_next(struct context *ctx);
