/*
 * Sources: counts the flows of each host of a site.
 *
 * One flooding host must not use up the limits of its whole site. There is no table of hosts, since
 * forged source addresses would fill it. Instead there are two rows of counters. A host has one
 * counter in each row, chosen by a secret hash, and its count is the smaller of the two (a
 * count-min sketch). So the count is never too low. It is too high if other hosts share both
 * counters: with k flooding hosts, another host is mistaken for a flooding one with a probability
 * of (k / 16,384)^2, one in 268 million for k = 1.
 *
 * Each worker counts its own flows, all by one secret, so that counters of one place can be added
 * (totals.h). A host is one source address, also in IPv6. A host that changes
 * its address counts as many hosts, and only the limits of its site bound it.
 */
#pragma once

#include "flow/hash.h"
#include "path/context.h"

enum { SOURCE_BITS = 14, SOURCE_ROWS = 2 };

/* One word, which other workers read: flows, and of them half-open TCP connections. */
struct source_count {
	uint64_t both; /* low half: flows; high half: half-open */
};

struct sources {
	struct flow_secret secret;
	struct source_count rows[SOURCE_ROWS][1 << SOURCE_BITS];
};

/* Where a host is counted: one counter in each row. */
struct source {
	struct source_count *count[SOURCE_ROWS];
};

static inline struct source source_find(struct sources *s, const struct flow *flow,
					const struct flow6 *six)
{
	uint64_t h;

	if (six == NULL) {
		const uint32_t host[] = {flow->site, flow->src};

		h = flow_hash_bytes(&s->secret, FLOW_DOMAIN_SOURCE, host, sizeof(host));
	} else {
		const uint64_t host[] = {flow->site, six->src.half[0], six->src.half[1]};

		h = flow_hash_bytes(&s->secret, FLOW_DOMAIN_SOURCE, host, sizeof(host));
	}
	return (struct source){
		{&s->rows[0][h >> (64 - SOURCE_BITS)],
		 &s->rows[1][h >> (64 - 2 * SOURCE_BITS) & ((1 << SOURCE_BITS) - 1)]}};
}

/* At least the number of the host's flows. */
static inline uint32_t source_flows(const struct source *source)
{
	uint32_t a = (uint32_t)source->count[0]->both, b = (uint32_t)source->count[1]->both;

	return a < b ? a : b;
}

static inline uint32_t source_half_open(const struct source *source)
{
	uint64_t a = source->count[0]->both, b = source->count[1]->both;

	return (uint32_t)((a < b ? a : b) >> 32);
}

/* Either may be negative. A count never falls below zero, so the halves do not mix. */
static inline void source_add(const struct source *source, int flows, int half_open)
{
	uint64_t change = (uint64_t)(int64_t)flows + ((uint64_t)(uint32_t)half_open << 32);

	for (unsigned i = 0; i < SOURCE_ROWS; i++) {
		uint64_t *both = &source->count[i]->both;

		__atomic_store_n(both, *both + change, __ATOMIC_RELAXED);
	}
}
