/*
 * The table's inside: private to flow/.
 *
 *   hash bits  0-7    tag (0 becomes 1: 0 means an empty slot)
 *              0-31   first bucket, by multiplication: any number of buckets, no division
 *              32-63  second bucket
 *
 * A bucket is one cache line: 12 tags, then 12 references. A reference is a record number with the
 * key's direction in the top bit. Each flow has two references, one for each key. There are four
 * flows, eight references, for each bucket of twelve when the table is full: 16 bytes a flow.
 *
 * A key lives in its first bucket, or in its second when the first was full; then the first one
 * counts it in `displaced`, so that a miss reads the second bucket only if something lives there.
 */
#pragma once

#include "flow/flow.h"
#include "flow/hash.h"

enum {
	BUCKET_SLOTS = 12,
	FLOWS_PER_BUCKET = 4,
};

#define REF_RETURN (UINT32_C(1) << 31)

struct bucket {
	uint8_t tag[BUCKET_SLOTS];
	uint16_t displaced; /* keys of ours that live in their second bucket */
	uint8_t pad[2];
	uint32_t ref[BUCKET_SLOTS];
};

static_assert(sizeof(struct bucket) == CACHE_LINE, "a bucket is one cache line");

struct flow_table {
	struct flow *records;
	struct bucket *buckets;
	uint32_t n_buckets;
	uint32_t capacity;
	uint32_t count; /* live */
	uint32_t used; /* records [used, capacity) were never used */
	uint32_t free_head; /* FLOW_NO_RECORD: empty list */
	uint32_t hand; /* the sweep's next record */
	uint64_t random_counter;
	struct flow_secret secret;
};

static inline uint8_t hash_tag(uint64_t hash)
{
	uint8_t tag = (uint8_t)hash;

	return tag == 0 ? 1 : tag;
}

static inline uint32_t hash_first(const struct flow_table *t, uint64_t hash)
{
	return (uint32_t)(((hash & UINT32_MAX) * t->n_buckets) >> 32);
}

static inline uint32_t hash_second(const struct flow_table *t, uint64_t hash)
{
	return (uint32_t)(((hash >> 32) * t->n_buckets) >> 32);
}

/* Does @key belong to the flow that @ref names? Zero if yes: one compare at the end, no branches. */
static inline uint32_t ref_differs(const struct flow *f, uint32_t ref, const struct flow_key *key)
{
	uint32_t proto = f->proto ^ key->proto;

	if (ref & REF_RETURN)
		return proto | (f->dst ^ key->src) | (f->nat_src ^ key->dst) |
		       (uint32_t)(f->dport ^ key->sport) | (uint32_t)(f->nat_port ^ key->dport) |
		       (uint32_t)(f->far ^ key->realm);
	return proto | (f->src ^ key->src) | (f->dst ^ key->dst) |
	       (uint32_t)(f->sport ^ key->sport) | (uint32_t)(f->dport ^ key->dport) |
	       (uint32_t)(f->site ^ key->realm);
}

/* index.c */
void index_add(struct flow_table *t, uint64_t hash, uint32_t ref);
bool index_has_room(struct flow_table *t, uint64_t hash);
void index_remove(struct flow_table *t, uint64_t hash, uint32_t ref);

/* The reference under which @key is in the table, or FLOW_NO_RECORD. */
uint32_t index_find(const struct flow_table *t, const struct flow_key *key, uint64_t hash);

/* Bit i: slot i of @b carries @tag. */
static inline unsigned bucket_match(const struct bucket *b, uint8_t tag);

#ifdef __SSE2__
#include <emmintrin.h>

static inline unsigned bucket_match(const struct bucket *b, uint8_t tag)
{
	__m128i tags = _mm_load_si128((const __m128i *)b);
	__m128i same = _mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag));

	return (unsigned)_mm_movemask_epi8(same) & ((1u << BUCKET_SLOTS) - 1);
}

#else

static inline unsigned bucket_match(const struct bucket *b, uint8_t tag)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < BUCKET_SLOTS; i++)
		mask |= (unsigned)(b->tag[i] == tag) << i;
	return mask;
}

#endif
