/*
 * Asking another worker's table: see ask.h. What is read here is written by atomics (table.h).
 *
 * A key is missed only if this thread looks into the bucket that the key comes to before it has
 * come, and into the one it leaves after it has left. The owner counts the move between these two.
 * So the reader, who reads the counter before and after, sees another number and repeats. All loads
 * of buckets are acquire loads: the counter is read again after the last of them.
 */
#include "flow/ask.h"

#include "flow/table.h"

enum { TRIES_MAX = 64 }; /* each more needs another move meanwhile, which are rare */

#define RELAXED(field) __atomic_load_n(&(field), __ATOMIC_RELAXED)

/* The first sixteen bytes of a bucket, as they were at one moment or two. */
struct front {
	union {
		uint64_t words[2];
		struct {
			_Alignas(16) uint8_t tag[BUCKET_SLOTS];
			uint16_t displaced;
			uint8_t pad[2];
		};
	};
};

static_assert(sizeof(struct front) == 16, "the front of a bucket is two words");

/* The word with `displaced` last: a key that has left the first word is counted in it. */
static inline void read_front(const struct bucket *b, struct front *front)
{
	const uint64_t *words = (const uint64_t *)b;

	front->words[0] = __atomic_load_n(&words[0], __ATOMIC_ACQUIRE);
	front->words[1] = __atomic_load_n(&words[1], __ATOMIC_ACQUIRE);
}

/* Field by field: other bytes of the record are written by every packet, and without atomics. */
static inline struct flow read_record(const struct flow *f)
{
	return (struct flow){
		.src = RELAXED(f->src),
		.dst = RELAXED(f->dst),
		.sport = RELAXED(f->sport),
		.dport = RELAXED(f->dport),
		.site = RELAXED(f->site),
		.proto = RELAXED(f->proto),
		.nat_src = RELAXED(f->nat_src),
		.nat_port = RELAXED(f->nat_port),
		.far = RELAXED(f->far),
	};
}

static inline struct addr6 read_addr6(const struct addr6 *a)
{
	return (struct addr6){.half = {RELAXED(a->half[0]), RELAXED(a->half[1])}};
}

static bool is_key(const struct flow_table *t, uint32_t ref, const void *key)
{
	const struct flow f = read_record(&t->records[ref & ~REF_RETURN]);

	return record_differs(&f, ref, key) == 0;
}

static bool is_key6(const struct flow_table *t, uint32_t ref, const void *key)
{
	const struct flow f = read_record(&t->records[ref & ~REF_RETURN]);
	const struct flow6 *at = &t->six[ref & ~REF_RETURN];
	const struct flow6 six = {
		.src = read_addr6(&at->src),
		.dst = read_addr6(&at->dst),
		.nat_src = read_addr6(&at->nat_src),
	};

	return record6_differs(&f, &six, ref, key) == 0;
}

typedef bool (*is_key_fn)(const struct flow_table *t, uint32_t ref, const void *key);

/* Writes how many keys of this bucket are in their second one. */
static ALWAYS_INLINE bool bucket_has(const struct flow_table *t, const struct bucket *b,
				     uint64_t hash, is_key_fn is, const void *key,
				     uint16_t *displaced)
{
	struct front front;
	unsigned mask;

	read_front(b, &front);
	*displaced = front.displaced;
	for (mask = tags_match(front.tag, hash_tag(hash)); mask != 0; mask &= mask - 1) {
		if (is(t, RELAXED(b->ref[__builtin_ctz(mask)]), key))
			return true;
	}
	return false;
}

static ALWAYS_INLINE bool buckets_have(const struct flow_table *t, uint64_t hash, is_key_fn is,
				       const void *key)
{
	uint16_t displaced;

	if (bucket_has(t, &t->buckets[hash_first(t, hash)], hash, is, key, &displaced))
		return true;
	return displaced > 0 &&
	       bucket_has(t, &t->buckets[hash_second(t, hash)], hash, is, key, &displaced);
}

static ALWAYS_INLINE bool has(const struct flow_table *t, uint64_t hash, is_key_fn is,
			      const void *key)
{
	uint32_t moves = __atomic_load_n(&t->moves, __ATOMIC_ACQUIRE), before;

	for (unsigned i = 0; i < TRIES_MAX; i++) {
		if (buckets_have(t, hash, is, key))
			return true;
		before = moves;
		moves = __atomic_load_n(&t->moves, __ATOMIC_ACQUIRE);
		if (moves == before)
			break;
	}
	return false;
}

bool ask_has(const struct flow_table *t, const struct flow_key *key, uint64_t hash)
{
	return has(t, hash, is_key, key);
}

bool ask_has6(const struct flow_table *t, const struct flow6_key *key, uint64_t hash)
{
	return has(t, hash, is_key6, key);
}

void ask_prefetch(const struct flow_table *t, uint64_t hash)
{
	__builtin_prefetch(&t->buckets[hash_first(t, hash)]);
}

void ask_prefetch_record(const struct flow_table *t, uint64_t hash)
{
	const struct bucket *b = &t->buckets[hash_first(t, hash)];
	struct front front;
	uint32_t record;
	unsigned mask;

	read_front(b, &front);
	mask = tags_match(front.tag, hash_tag(hash));
	if (mask == 0)
		return;
	record = RELAXED(b->ref[__builtin_ctz(mask)]) & ~REF_RETURN;
	__builtin_prefetch(&t->records[record]);
	if (t->six != NULL)
		__builtin_prefetch(&t->six[record]);
}
