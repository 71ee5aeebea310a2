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
 * A key lives in its first bucket, or in its second when the first was full; then the first bucket
 * counts it in `displaced`, so that a miss reads the second bucket only if a key is there.
 *
 * Other workers read buckets and the keys in records while the owner writes them (ask.h). So these
 * are written by atomics: on x86 plain stores in the order of the program. The owner reads its own
 * table without.
 */
#pragma once

#include "flow/extension.h"
#include "flow/flow.h"
#include "flow/flow6.h"
#include "flow/hash.h"

enum {
	BUCKET_SLOTS = 12,
	FLOWS_PER_BUCKET = 4,
	LOOKUP_MAX = 64,
};

#define REF_RETURN (UINT32_C(1) << 31)

struct bucket {
	uint8_t tag[BUCKET_SLOTS];
	uint16_t displaced; /* keys of this first bucket that are in their second one */
	uint8_t pad[2];
	uint32_t ref[BUCKET_SLOTS];
};

static_assert(sizeof(struct bucket) == CACHE_LINE, "a bucket is one cache line");

struct flow_table {
	struct flow *records;
	struct flow6 *six; /* indexed as records; NULL: a table of IPv4 flows */
	struct flow_extension *extensions; /* indexed as records; may be NULL */
	struct bucket *buckets;
	uint32_t n_buckets;
	uint32_t capacity;
	bool is_kept; /* records and six are not ours (kept.h) */
	uint32_t moves; /* of keys to their other bucket; read by other workers (ask.c) */

	/* on a cache line that no other worker reads */
	_Alignas(CACHE_LINE) uint32_t count; /* live */
	uint32_t used; /* records [used, capacity) were never used */
	uint32_t free_head; /* FLOW_NO_RECORD: empty list */
	uint32_t hand; /* the sweep's next record */
	uint32_t rest_first, rest_last; /* list of resting records; FLOW_NO_RECORD: empty */
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

/* Writes what other workers read: @bytes, a multiple of eight. */
static ALWAYS_INLINE void words_write(void *to, const void *from, size_t bytes)
{
	const uint64_t *words = from;
	uint64_t *at = to;

#pragma GCC unroll 8
	for (size_t i = 0; i < bytes / sizeof(*at); i++)
		__atomic_store_n(&at[i], words[i], __ATOMIC_RELAXED);
}

static_assert(offsetof(struct flow, dst) == offsetof(struct flow_key, dst) &&
		      offsetof(struct flow, sport) == offsetof(struct flow_key, sport) &&
		      offsetof(struct flow, dport) == offsetof(struct flow_key, dport) &&
		      offsetof(struct flow, site) == offsetof(struct flow_key, realm) &&
		      offsetof(struct flow, proto) == offsetof(struct flow_key, proto) &&
		      sizeof(struct flow_key) == 16 && offsetof(struct flow_key, domain) == 15,
	      "a record begins with the forward key, and the state in place of the domain");

/* The 16 bytes at @a and @b, but for the last one. Zero: they are the same. */
static ALWAYS_INLINE uint64_t keys_differ(const void *a, const void *b)
{
	uint64_t x[2], y[2], last;

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	last = x[1] ^ y[1];
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	last <<= 8;
#else
	last >>= 8;
#endif
	return (x[0] ^ y[0]) | last;
}

/*
 * Does @key belong to the flow @f, found by @ref? Zero if yes: one compare at the end, no branches.
 */
static inline uint64_t record_differs(const struct flow *f, uint32_t ref,
				      const struct flow_key *key)
{
	if (ref & REF_RETURN)
		return (uint32_t)(f->proto ^ key->proto) | (f->dst ^ key->src) |
		       (f->nat_src ^ key->dst) | (uint32_t)(f->dport ^ key->sport) |
		       (uint32_t)(f->nat_port ^ key->dport) | (uint32_t)(f->far ^ key->realm);
	return keys_differ(f, key);
}

static inline uint64_t ref_differs(const struct flow_table *t, uint32_t ref, const void *key)
{
	return record_differs(&t->records[ref & ~REF_RETURN], ref, key);
}

/* The same for an IPv6 flow with addresses @six. */
static inline uint32_t record6_differs(const struct flow *f, const struct flow6 *six, uint32_t ref,
				       const struct flow6_key *key)
{
	uint64_t addresses;
	uint32_t rest;

	if (ref & REF_RETURN) {
		addresses = addr6_differs(&six->dst, &key->src) |
			    addr6_differs(&six->nat_src, &key->dst);
		rest = (uint32_t)(f->dport ^ key->sport) | (uint32_t)(f->nat_port ^ key->dport) |
		       (uint32_t)(f->far ^ key->realm);
	} else {
		addresses =
			addr6_differs(&six->src, &key->src) | addr6_differs(&six->dst, &key->dst);
		rest = (uint32_t)(f->sport ^ key->sport) | (uint32_t)(f->dport ^ key->dport) |
		       (uint32_t)(f->site ^ key->realm);
	}
	return rest | (uint32_t)(f->proto ^ key->proto) | (uint32_t)(addresses != 0);
}

/* The realm of a flow's return; also for a resting flow. */
static inline uint16_t record_far(const struct flow *f)
{
	return f->far == FLOW_NOWHERE ? f->onramp : f->far;
}

/* As ref_differs(), for return keys only; resting flows are found, too. */
static inline uint64_t ref_differs_resting(const struct flow_table *t, uint32_t ref,
					   const void *arg)
{
	const struct flow *f = &t->records[ref & ~REF_RETURN];
	const struct flow_key *key = arg;

	return (uint32_t)(f->proto ^ key->proto) | (f->dst ^ key->src) | (f->nat_src ^ key->dst) |
	       (uint32_t)(f->dport ^ key->sport) | (uint32_t)(f->nat_port ^ key->dport) |
	       (uint32_t)(record_far(f) ^ key->realm) | (uint32_t) !(ref & REF_RETURN);
}

void record_give(struct flow_table *t, uint32_t record); /* table.c: puts it into the free list */

static inline void lookup_answer(struct flow_probe *p, uint32_t ref)
{
	p->dir = ref >> 31;
	p->record = ref == FLOW_NO_RECORD ? FLOW_NO_RECORD : ref & ~REF_RETURN;
}

/* Bit i is set if slot i has @tag. @tags: the front of a bucket, sixteen bytes, aligned to them. */
static inline unsigned tags_match(const uint8_t *tags, uint8_t tag);

#ifdef __SSE2__
#include <emmintrin.h>

static inline unsigned tags_match(const uint8_t *tags, uint8_t tag)
{
	__m128i front = _mm_load_si128((const __m128i *)tags);
	__m128i same = _mm_cmpeq_epi8(front, _mm_set1_epi8((char)tag));

	return (unsigned)_mm_movemask_epi8(same) & ((1u << BUCKET_SLOTS) - 1);
}

#else

static inline unsigned tags_match(const uint8_t *tags, uint8_t tag)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < BUCKET_SLOTS; i++)
		mask |= (unsigned)(tags[i] == tag) << i;
	return mask;
}

#endif

static inline unsigned bucket_match(const struct bucket *b, uint8_t tag)
{
	return tags_match(b->tag, tag);
}

/* Zero if @key is that of the flow that @ref names. */
typedef uint64_t (*ref_differs_fn)(const struct flow_table *t, uint32_t ref, const void *key);

static ALWAYS_INLINE uint32_t bucket_find(const struct flow_table *t, const struct bucket *b,
					  uint64_t hash, ref_differs_fn differs, const void *key)
{
	unsigned mask = bucket_match(b, hash_tag(hash));

	for (; mask != 0; mask &= mask - 1) {
		uint32_t ref = b->ref[__builtin_ctz(mask)];

		if (differs(t, ref, key) == 0)
			return ref;
	}
	return FLOW_NO_RECORD;
}

/* The search, compiled once for each kind of key: @differs is inlined. */
static ALWAYS_INLINE uint32_t index_find_by(const struct flow_table *t, uint64_t hash,
					    ref_differs_fn differs, const void *key)
{
	const struct bucket *first = &t->buckets[hash_first(t, hash)];
	uint32_t ref = bucket_find(t, first, hash, differs, key);

	if (ref == FLOW_NO_RECORD && first->displaced > 0)
		ref = bucket_find(t, &t->buckets[hash_second(t, hash)], hash, differs, key);
	return ref;
}

/*
 * Step 2 of a lookup (lookup.c), for either kind of key. refs[i] is the first candidate, whose
 * record is prefetched, or FLOW_NO_RECORD if the tag is not in the first bucket.
 */
static ALWAYS_INLINE void lookup_choose_candidates(const struct flow_table *t,
						   struct flow_probe **probes, unsigned n,
						   uint32_t *refs)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t hash = probes[i]->hash;
		const struct bucket *b = &t->buckets[hash_first(t, hash)];
		unsigned mask = bucket_match(b, hash_tag(hash));

		refs[i] = FLOW_NO_RECORD;
		if (__builtin_expect(mask != 0, 1)) {
			refs[i] = b->ref[__builtin_ctz(mask)];
			__builtin_prefetch(&t->records[refs[i] & ~REF_RETURN], 1);
		} else if (b->displaced > 0) {
			__builtin_prefetch(&t->buckets[hash_second(t, hash)]);
		}
	}
}
