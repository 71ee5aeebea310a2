/*
 * Route cache: the nexthops of destinations that this worker has looked up.
 *
 * A look-up among 100,000 routes reads some twenty nodes of a tree, one after the other, and most
 * of them are not in the processor's cache. Here a destination has one row of eight bytes. A row is
 * valid for one snapshot: the worker counts the snapshots that it takes, and a row with another
 * number counts as empty. So no change of routes, neighbours or networks can be missed, and a
 * change costs nothing but the look-ups after it.
 *
 * With few routes the tree is as fast, and the cache is not used (struct routes, `many`). All of it
 * is reserved memory: a gateway with few routes never touches it. IPv4; one worker.
 */
#pragma once

#include "path/packet.h"

#include <stdint.h>

struct context;
struct route_cache;

enum { ROUTE_CACHE_BITS = 16 };

struct route_cache *route_cache_create(void); /* NULL if memory ran out */
void route_cache_destroy(struct route_cache *c); /* NULL is fine */

/* The worker has taken a snapshot: all rows are empty. */
void route_cache_clear(struct route_cache *c);

/* What routes_find() says about @dst behind @port. @port is the same for all, within a snapshot. */
uint16_t route_cache_find(struct context *ctx, uint8_t port, be32_t dst);

/*
 * Looks up the destinations of all packets of @stage, so that their misses overlap, and writes the
 * rows that are missing. Returns how many.
 */
unsigned route_cache_fill(struct context *ctx, const struct burst *b, enum stage stage,
			  uint8_t port);
