/*
 * Cache of virtual networks: the routes of destinations that this worker has looked up.
 *
 * The same as route_cache.h, for the same reason, one step earlier: a first packet asks the routes
 * of its virtual network, and a tree of 100,000 of them is not in the processor's cache. A row has
 * the virtual network as well, since networks may use the same addresses. It is valid for one
 * snapshot.
 *
 * With few routes in all virtual networks together the tree is as fast, and the cache is not used
 * (struct routes, `many_in_vnets`). Reserved memory; IPv4; one worker.
 */
#pragma once

#include "network/choice.h"
#include "path/packet.h"

#include <stdint.h>

struct context;
struct vnet_cache;

struct vnet_cache *vnet_cache_create(void); /* NULL if memory ran out */
void vnet_cache_destroy(struct vnet_cache *c); /* NULL is fine */

/* The worker has taken a snapshot: all rows are empty. */
void vnet_cache_clear(struct vnet_cache *c);

/* What routes_choice() says. */
const struct route_choice *vnet_cache_find(struct context *ctx, uint16_t vnet, be32_t dst);

/*
 * Looks up the destinations of all packets of @stage that came from sites, in the virtual networks
 * of these, so that their misses overlap. Writes the rows that are missing; returns how many.
 */
unsigned vnet_cache_fill(struct context *ctx, const struct burst *b, enum stage stage);
