/*
 * Route cache: see route_cache.h. Direct-mapped, by a hash of the destination. The destinations of
 * a burst of first packets are looked up together; one whose row another packet of the burst has
 * taken is looked up again, alone.
 */
#include "path/route_cache.h"

#include "base/memory.h"
#include "path/context.h"

#include <string.h>

#define ROUTE_MULTIPLIER UINT32_C(0x9e3779b1) /* 2^32 / golden ratio (Knuth, 6.4) */

enum { ROWS = 1 << ROUTE_CACHE_BITS };

struct route_row {
	be32_t dst;
	uint16_t generation; /* 0: never written */
	uint16_t nexthop; /* or a verdict, as of routes_find() */
};

struct route_cache {
	struct route_row rows[ROWS];
	uint16_t generation; /* from 1 */
};

struct route_cache *route_cache_create(void)
{
	struct route_cache *c = memory_reserve(sizeof(*c));

	if (c != NULL)
		c->generation = 1;
	return c;
}

void route_cache_destroy(struct route_cache *c)
{
	memory_unmap(c, sizeof(*c));
}

/* After 65,535 snapshots a number is used again: no row may have it. */
void route_cache_clear(struct route_cache *c)
{
	if (++c->generation != 0)
		return;
	memset(c->rows, 0, sizeof(c->rows));
	c->generation = 1;
}

static struct route_row *row_of(struct route_cache *c, be32_t dst)
{
	return &c->rows[dst * ROUTE_MULTIPLIER >> (32 - ROUTE_CACHE_BITS)];
}

static bool is_valid(const struct route_cache *c, const struct route_row *row, be32_t dst)
{
	return row->dst == dst && row->generation == c->generation;
}

uint16_t route_cache_find(struct context *ctx, uint8_t port, be32_t dst)
{
	struct route_cache *c = ctx->route_cache;
	struct route_row *row = row_of(c, dst);

	if (!is_valid(c, row, dst))
		*row = (struct route_row){
			.dst = dst,
			.generation = c->generation,
			.nexthop = routes_find(&ctx->nexthops->routes, port, dst),
		};
	return row->nexthop;
}

unsigned route_cache_fill(struct context *ctx, const struct burst *b, enum stage stage,
			  uint8_t port)
{
	struct route_cache *c = ctx->route_cache;
	be32_t missing[BURST_MAX] = {0};
	uint16_t found[BURST_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < b->n[stage]; i++)
		__builtin_prefetch(row_of(c, b->list[stage][i]->probe.key.dst), 1);
	for (unsigned i = 0; i < b->n[stage]; i++) {
		be32_t dst = b->list[stage][i]->probe.key.dst;

		if (!is_valid(c, row_of(c, dst), dst))
			missing[n++] = dst;
	}
	routes_find_all(&ctx->nexthops->routes, port, missing, n, found);
	for (unsigned i = 0; i < n; i++)
		*row_of(c, missing[i]) = (struct route_row){
			.dst = missing[i],
			.generation = c->generation,
			.nexthop = found[i],
		};
	return n;
}
