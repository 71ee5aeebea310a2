/*
 * The index: from a key's hash to the flow's record, by buckets of one cache line (table.h).
 *
 * At capacity two thirds of all slots are taken. If both buckets of a key are full, one of their 24
 * keys is moved to its own other bucket (cuckoo hashing, Pagh and Rodler 2001, depth one). All 24
 * attempts practically never fail; if they do, the flow is refused as in a full table.
 *
 * One writer, no locks. Other workers read meanwhile (ask.h): the order of the stores matters.
 */
#include "flow/index.h"

static struct bucket *first_of(const struct flow_table *t, uint64_t hash)
{
	return &t->buckets[hash_first(t, hash)];
}

static struct bucket *second_of(const struct flow_table *t, uint64_t hash)
{
	return &t->buckets[hash_second(t, hash)];
}

static void slot_set(struct bucket *b, unsigned slot, uint64_t hash, uint32_t ref)
{
	__atomic_store_n(&b->ref[slot], ref, __ATOMIC_RELAXED);
	__atomic_store_n(&b->tag[slot], hash_tag(hash), __ATOMIC_RELEASE);
}

static void slot_clear(struct bucket *b, unsigned slot)
{
	__atomic_store_n(&b->tag[slot], 0, __ATOMIC_RELEASE);
}

static void count_displaced(struct bucket *first, int change)
{
	__atomic_store_n(&first->displaced, (uint16_t)(first->displaced + change),
			 __ATOMIC_RELEASE);
}

/* A free slot, or BUCKET_SLOTS if the bucket is full. */
static unsigned slot_free(const struct bucket *b)
{
	unsigned mask = bucket_match(b, 0);

	return mask == 0 ? BUCKET_SLOTS : (unsigned)__builtin_ctz(mask);
}

static unsigned slot_of(const struct bucket *b, uint64_t hash, uint32_t ref)
{
	unsigned mask = bucket_match(b, hash_tag(hash));

	for (; mask != 0; mask &= mask - 1) {
		unsigned slot = (unsigned)__builtin_ctz(mask);

		if (b->ref[slot] == ref)
			return slot;
	}
	return BUCKET_SLOTS;
}

uint64_t index_ref_hash(const struct flow_table *t, uint32_t ref)
{
	const struct flow *f = &t->records[ref & ~REF_RETURN];
	struct flow_key key;

	if (t->six != NULL)
		return flow6_ref_hash(t, ref);
	if (ref & REF_RETURN)
		flow_return_key(f, &key);
	else
		flow_forward_key(f, &key);
	if (key.realm == FLOW_NOWHERE)
		key.realm = f->onramp;
	return flow_hash(&t->secret, &key);
}

/*
 * Moves a key from @slot of @b to its other bucket: it is in both before it leaves @b, and then the
 * move has been counted.
 */
static void move(struct flow_table *t, struct bucket *b, unsigned slot, struct bucket *other,
		 unsigned room, uint64_t hash)
{
	struct bucket *first = first_of(t, hash);

	slot_set(other, room, hash, b->ref[slot]);
	if (b == first)
		count_displaced(first, 1);
	__atomic_store_n(&t->moves, t->moves + 1, __ATOMIC_RELEASE);
	slot_clear(b, slot);
	if (b != first)
		count_displaced(first, -1);
}

/* Moves one key of @b to its other bucket. Returns the slot it left, or BUCKET_SLOTS. */
static unsigned make_room(struct flow_table *t, struct bucket *b)
{
	for (unsigned slot = 0; slot < BUCKET_SLOTS; slot++) {
		uint64_t hash = index_ref_hash(t, b->ref[slot]);
		struct bucket *first = first_of(t, hash), *second = second_of(t, hash);
		struct bucket *other = b == first ? second : first;
		unsigned room = slot_free(other);

		if (other == b || room == BUCKET_SLOTS)
			continue;
		move(t, b, slot, other, room, hash);
		return slot;
	}
	return BUCKET_SLOTS;
}

/* Both buckets of the key are full: moves another key out of one of them. */
static __attribute__((noinline, cold)) bool add_with_room(struct flow_table *t, uint64_t hash,
							  uint32_t ref)
{
	struct bucket *first = first_of(t, hash), *second = second_of(t, hash);
	unsigned slot = make_room(t, first);

	if (slot < BUCKET_SLOTS) {
		slot_set(first, slot, hash, ref);
		return true;
	}
	slot = make_room(t, second);
	if (slot == BUCKET_SLOTS)
		return false;
	count_displaced(first, 1);
	slot_set(second, slot, hash, ref);
	return true;
}

bool index_add(struct flow_table *t, uint64_t hash, uint32_t ref)
{
	struct bucket *first = first_of(t, hash), *second = second_of(t, hash);
	unsigned slot = slot_free(first);

	if (slot < BUCKET_SLOTS) {
		slot_set(first, slot, hash, ref);
		return true;
	}
	slot = slot_free(second);
	if (slot == BUCKET_SLOTS)
		return add_with_room(t, hash, ref);
	count_displaced(first, 1);
	slot_set(second, slot, hash, ref);
	return true;
}

void index_remove(struct flow_table *t, uint64_t hash, uint32_t ref)
{
	struct bucket *first = first_of(t, hash), *second = second_of(t, hash);
	unsigned slot = slot_of(first, hash, ref);

	if (slot < BUCKET_SLOTS) {
		slot_clear(first, slot);
		return;
	}
	slot = slot_of(second, hash, ref);
	assert(slot < BUCKET_SLOTS);
	slot_clear(second, slot);
	count_displaced(first, -1);
}

uint32_t index_find(const struct flow_table *t, const struct flow_key *key, uint64_t hash)
{
	return index_find_by(t, hash, ref_differs, key);
}
