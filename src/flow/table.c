/*
 * The flow table: records and their life.
 *
 * flow_table_insert() makes a record, every packet of the flow finds it, and flow_table_remove()
 * ends it, called by the sweep or when a setup is undone. Free records are linked in a list.
 * Records from `used` on were never used, so a new table stays dense. The table never grows and
 * never evicts a live flow: when it is full, insertion fails.
 *
 * All of it belongs to one worker; others may ask whether a key is in it (ask.h).
 */
#include "flow/table.h"

#include "base/memory.h"
#include "flow/index.h"
#include "flow/kept.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

enum { STREAM_BITS = 48 };

const char *const flow_state_names[FLOW_STATE_COUNT] = {
	[FLOW_FREE] = "free",
	[FLOW_RESTING] = "resting",
	[FLOW_UDP] = "udp",
	[FLOW_ICMP] = "icmp",
	[FLOW_OTHER] = "other",
	[FLOW_TCP_SYN_SENT] = "syn-sent",
	[FLOW_TCP_SYN_RECEIVED] = "syn-received",
	[FLOW_TCP_SYN_ACK_RECEIVED] = "syn-ack-received",
	[FLOW_TCP_SYN_ACK_SENT] = "syn-ack-sent",
	[FLOW_TCP_ESTABLISHED] = "established",
	[FLOW_TCP_FIN_SENT] = "fin-sent",
	[FLOW_TCP_FIN_RECEIVED] = "fin-received",
	[FLOW_TCP_CLOSED] = "closed",
};

static uint32_t bucket_count(uint32_t capacity)
{
	return (capacity + FLOWS_PER_BUCKET - 1) / FLOWS_PER_BUCKET;
}

uint64_t flow_table_bytes(uint32_t capacity)
{
	return (uint64_t)capacity * sizeof(struct flow) +
	       (uint64_t)bucket_count(capacity) * sizeof(struct bucket);
}

uint64_t flow6_table_bytes(uint32_t capacity)
{
	return flow_table_bytes(capacity) + (uint64_t)capacity * sizeof(struct flow6);
}

/* The memory of records, unless it is @kept. */
static void create_records(struct flow_table *t, const struct kept *kept, bool with_six)
{
	t->is_kept = kept != NULL;
	if (kept != NULL) {
		t->records = kept->records;
		t->six = kept->six;
		return;
	}
	t->records = memory_map((size_t)t->capacity * sizeof(struct flow), NULL);
	if (with_six)
		t->six = memory_map((size_t)t->capacity * sizeof(struct flow6), NULL);
}

static struct flow_table *create(uint32_t capacity, const uint8_t secret[16],
				 const struct kept *kept, bool with_six)
{
	struct flow_table *t;

	if (capacity == 0 || capacity > FLOW_CAPACITY_MAX) {
		errno = EINVAL;
		return NULL;
	}
	t = aligned_alloc(CACHE_LINE, (sizeof(*t) + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1));
	if (t == NULL)
		return NULL;
	*t = (struct flow_table){
		.capacity = capacity,
		.n_buckets = bucket_count(capacity),
		.free_head = FLOW_NO_RECORD,
		.rest_first = FLOW_NO_RECORD,
		.rest_last = FLOW_NO_RECORD,
	};
	flow_secret_init(&t->secret, secret);

	create_records(t, kept, with_six);
	t->buckets = memory_map((size_t)t->n_buckets * sizeof(struct bucket), NULL);
	if (t->records == NULL || t->buckets == NULL || (with_six && t->six == NULL)) {
		flow_table_destroy(t);
		errno = ENOMEM;
		return NULL;
	}
	return t;
}

struct flow_table *flow_table_create(uint32_t capacity, const uint8_t secret[16])
{
	return create(capacity, secret, NULL, false);
}

struct flow_table *flow6_table_create(uint32_t capacity, const uint8_t secret[16])
{
	return create(capacity, secret, NULL, true);
}

/* The secret is an earlier one, and its random numbers must not come again. */
struct flow_table *flow_table_create_kept(const struct kept *kept, const uint8_t secret[16])
{
	struct flow_table *t = create(kept->capacity, secret, kept, kept->six != NULL);

	if (t != NULL && getrandom(&t->random_counter, sizeof(t->random_counter), 0) !=
				 sizeof(t->random_counter)) {
		flow_table_destroy(t);
		return NULL;
	}
	return t;
}

void flow_table_destroy(struct flow_table *t)
{
	if (t == NULL)
		return;
	if (!t->is_kept) {
		memory_unmap(t->records, (size_t)t->capacity * sizeof(struct flow));
		memory_unmap(t->six, (size_t)t->capacity * sizeof(struct flow6));
	}
	memory_unmap(t->buckets, (size_t)t->n_buckets * sizeof(struct bucket));
	memory_unmap(t->extensions, (size_t)t->capacity * sizeof(struct flow_extension));
	explicit_bzero(&t->secret, sizeof(t->secret));
	free(t);
}

void flow_forward_key(const struct flow *f, struct flow_key *key)
{
	*key = (struct flow_key){
		.src = f->src,
		.dst = f->dst,
		.sport = f->sport,
		.dport = f->dport,
		.realm = f->site,
		.proto = f->proto,
	};
}

void flow_return_key(const struct flow *f, struct flow_key *key)
{
	*key = (struct flow_key){
		.src = f->dst,
		.dst = f->nat_src,
		.sport = f->dport,
		.dport = f->nat_port,
		.realm = f->far,
		.proto = f->proto,
	};
}

static uint32_t record_take(struct flow_table *t)
{
	uint32_t record = t->free_head;

	if (record != FLOW_NO_RECORD) {
		t->free_head = t->records[record].src;
		/*
		 * Prefetches the next free record, which will be needed soon and has left the
		 * cache.
		 */
		if (t->free_head != FLOW_NO_RECORD)
			__builtin_prefetch(&t->records[t->free_head], 1);
		return record;
	}
	return t->used < t->capacity ? t->used++ : FLOW_NO_RECORD;
}

void record_give(struct flow_table *t, uint32_t record)
{
	struct flow *f = &t->records[record];

	f->state = FLOW_FREE;
	f->is_extended = false;
	__atomic_store_n(&f->src, t->free_head, __ATOMIC_RELAXED); /* others may read it as a key */
	t->free_head = record;
}

/* What the keys are made of is written by atomics: others may still read the former flow's. */
static ALWAYS_INLINE void record_write(struct flow_table *t, uint32_t record,
				       const struct flow *flow, const struct flow6 *six)
{
	enum { KEYS = offsetof(struct flow, onramp) };
	struct flow *at = &t->records[record];

	words_write(at, flow, KEYS);
	memcpy((uint8_t *)at + KEYS, (const uint8_t *)flow + KEYS, sizeof(*at) - KEYS);
	if (six != NULL)
		words_write(&t->six[record], six, sizeof(*six));
}

/*
 * The record is written before the index, which may hash the new record's own key when it makes
 * room.
 */
static ALWAYS_INLINE uint32_t insert(struct flow_table *t, const struct flow *flow,
				     const struct flow6 *six, uint64_t forward_hash,
				     uint64_t return_hash)
{
	uint32_t record = record_take(t);

	assert(flow->state != FLOW_FREE && !flow->is_extended);
	if (record == FLOW_NO_RECORD)
		return FLOW_NO_RECORD;

	record_write(t, record, flow, six);
	if (!index_add(t, forward_hash, record))
		goto no_room;
	if (!index_add(t, return_hash, record | REF_RETURN))
		goto no_room_back;
	t->count++;
	return record;

no_room_back:
	index_remove(t, forward_hash, record);
no_room:
	record_give(t, record);
	return FLOW_NO_RECORD;
}

uint32_t flow_table_insert_hashed(struct flow_table *t, const struct flow *flow,
				  uint64_t forward_hash, uint64_t return_hash)
{
	return insert(t, flow, NULL, forward_hash, return_hash);
}

uint32_t flow6_table_insert_hashed(struct flow_table *t, const struct flow *flow,
				   const struct flow6 *six, uint64_t forward_hash,
				   uint64_t return_hash)
{
	return insert(t, flow, six, forward_hash, return_hash);
}

uint32_t flow_table_insert(struct flow_table *t, const struct flow *flow)
{
	struct flow_key forward, back;

	flow_forward_key(flow, &forward);
	flow_return_key(flow, &back);
	return flow_table_insert_hashed(t, flow, flow_hash(&t->secret, &forward),
					flow_hash(&t->secret, &back));
}

void flow_table_remove(struct flow_table *t, uint32_t record)
{
	assert(t->records[record].state != FLOW_FREE);
	index_remove(t, index_ref_hash(t, record), record);
	index_remove(t, index_ref_hash(t, record | REF_RETURN), record | REF_RETURN);
	record_give(t, record);
	t->count--;
}

bool flow_table_has(const struct flow_table *t, const struct flow_key *key)
{
	return flow_table_has_hashed(t, key, flow_hash(&t->secret, key));
}

uint64_t flow_table_prefetch(const struct flow_table *t, const struct flow_key *key)
{
	uint64_t hash = flow_hash(&t->secret, key);

	__builtin_prefetch(&t->buckets[hash_first(t, hash)]);
	return hash;
}

bool flow_table_has_hashed(const struct flow_table *t, const struct flow_key *key, uint64_t hash)
{
	return index_find(t, key, hash) != FLOW_NO_RECORD;
}

bool flow_table_lacks(const struct flow_table *t, uint64_t hash)
{
	const struct bucket *first = &t->buckets[hash_first(t, hash)];

	return bucket_match(first, hash_tag(hash)) == 0 && first->displaced == 0;
}

uint32_t flow_table_holder(const struct flow_table *t, const struct flow_key *key, uint64_t hash)
{
	uint32_t ref = index_find_by(t, hash, ref_differs_resting, key);

	return ref == FLOW_NO_RECORD ? FLOW_NO_RECORD : ref & ~REF_RETURN;
}

struct flow *flow_table_at(const struct flow_table *t, uint32_t record)
{
	return &t->records[record];
}

uint32_t flow_table_count(const struct flow_table *t)
{
	return t->count;
}

uint32_t flow_table_capacity(const struct flow_table *t)
{
	return t->capacity;
}

uint32_t flow_table_used(const struct flow_table *t)
{
	return t->used;
}

void flow_table_set_stream(struct flow_table *t, uint16_t number)
{
	t->random_counter &= (UINT64_C(1) << STREAM_BITS) - 1;
	t->random_counter |= (uint64_t)number << STREAM_BITS;
}

uint64_t flow_table_random(struct flow_table *t)
{
	uint64_t n = t->random_counter++;

	return flow_hash_bytes(&t->secret, FLOW_DOMAIN_RANDOM, &n, sizeof(n));
}

uint64_t flow_table_hash(const struct flow_table *t, enum flow_domain domain, const void *bytes,
			 size_t n)
{
	return flow_hash_bytes(&t->secret, domain, bytes, n);
}
