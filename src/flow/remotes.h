/*
 * Remotes: counts the flows between each pair of an egress address and an Internet address.
 *
 * A later fragment has no ports, so its flow cannot be found; but it can belong to a flow only if
 * some flow has its two addresses. A count is found by a hash of the pair, and the pair is not
 * stored. Two pairs may share a count, so "no flow" is certain and "a flow" is not. A count at its
 * maximum stays there. The multiplier is random, so nobody outside can choose an address that
 * shares a count with another.
 *
 * One for each worker, which alone writes it; any worker reads.
 */
#pragma once

#include "base/addr6.h"
#include "base/types.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	REMOTES_BITS = 17, /* 128 KiB: fits into the level-2 cache of a core */
	REMOTES_PLACES = 1 << REMOTES_BITS,
	REMOTES_FULL = UINT8_MAX,
};

struct remotes {
	uint8_t counts[REMOTES_PLACES];
	uint64_t multiplier; /* odd */
};

/* @seed makes tests reproducible; 0: random. NULL if memory ran out. */
struct remotes *remotes_create(uint64_t seed);
void remotes_destroy(struct remotes *r); /* NULL is fine */

static inline uint32_t remotes_place(const struct remotes *r, be32_t local, be32_t remote)
{
	unsigned __int128 x = (unsigned __int128)((uint64_t)local << 32 | remote) * r->multiplier;

	return (uint32_t)(x ^ x >> 64) & (REMOTES_PLACES - 1);
}

static inline uint32_t remotes_place6(const struct remotes *r, const struct addr6 *local,
				      const struct addr6 *remote)
{
	uint64_t x = local->half[0] * r->multiplier;

	x = ((x ^ x >> 32) + local->half[1]) * r->multiplier;
	x = ((x ^ x >> 32) + remote->half[0]) * r->multiplier;
	x = ((x ^ x >> 32) + remote->half[1]) * r->multiplier;
	return (uint32_t)(x >> (64 - REMOTES_BITS));
}

/* Counts a new flow of the pair at @place. Owning worker. */
static inline void remotes_add(struct remotes *r, uint32_t place)
{
	uint8_t n = r->counts[place];

	__atomic_store_n(&r->counts[place], (uint8_t)(n + (n < REMOTES_FULL)), __ATOMIC_RELAXED);
}

/* Counts the end of a flow. Owning worker. */
static inline void remotes_remove(struct remotes *r, uint32_t place)
{
	uint8_t n = r->counts[place];

	__atomic_store_n(&r->counts[place], (uint8_t)(n - (n < REMOTES_FULL)), __ATOMIC_RELAXED);
}

/* May there be a flow? False: there is none. Any worker. */
static inline bool remotes_may_have(const struct remotes *r, uint32_t place)
{
	return __atomic_load_n(&r->counts[place], __ATOMIC_RELAXED) != 0;
}
