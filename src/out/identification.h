/* Identifications of fragments: see identification.c. */
#pragma once

#include "path/context.h"

/*
 * An identification for a packet to @dst that is a fragment, or that routers may fragment. No two
 * workers give the same one. A worker repeats one only after 65,536 / workers others (IPv6: 2^30 /
 * workers).
 */
void identification_init(struct context *ctx); /* ctx->flows, index and count are set */
be16_t identification_next(struct context *ctx, be32_t dst);
uint32_t identification6_next(struct context *ctx);

/* Writes one into the IPv4 header at @ip, where it is zero, and updates the checksum. */
void identification_put(struct context *ctx, uint8_t *ip);
