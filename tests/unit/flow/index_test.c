/*
 * The index from inside: what must be true of every bucket after every change.
 *
 *   - a taken slot's tag is that of its key's hash, and the bucket is one of the key's two
 *   - `displaced` of a bucket is the number of its keys that are in their second bucket
 *   - each live flow has exactly two slots
 *
 * The tests also check that the rare cases occurred: displaced keys, equal tags in a bucket, and
 * keys whose two buckets are the same.
 */
#include "flow/table.h"

#include "flows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct seen {
	unsigned displaced, equal_tags, one_bucket, tag_zero;
};

static uint64_t hash_of(const struct flow_table *t, uint32_t ref)
{
	const struct flow *f = &t->records[ref & ~REF_RETURN];
	struct flow_key key;

	if (ref & REF_RETURN)
		flow_return_key(f, &key);
	else
		flow_forward_key(f, &key);
	return flow_hash(&t->secret, &key);
}

static void check_slot(const struct flow_table *t, uint32_t at, unsigned slot, uint32_t *displaced,
		       struct seen *seen)
{
	const struct bucket *b = &t->buckets[at];
	uint64_t hash = hash_of(t, b->ref[slot]);

	assert_int_not_equal(t->records[b->ref[slot] & ~REF_RETURN].state, FLOW_FREE);
	assert_int_equal(b->tag[slot], hash_tag(hash));
	assert_true(at == hash_first(t, hash) || at == hash_second(t, hash));
	if (at != hash_first(t, hash)) {
		displaced[hash_first(t, hash)]++;
		seen->displaced++;
	}
	seen->equal_tags += (bucket_match(b, b->tag[slot]) & ~(1u << slot)) != 0;
	seen->one_bucket += hash_first(t, hash) == hash_second(t, hash);
	seen->tag_zero += (uint8_t)hash == 0;
}

static void check_index(const struct flow_table *t, struct seen *seen)
{
	uint32_t displaced[64] = {0}, slots = 0;

	assert_true(t->n_buckets <= ARRAY_SIZE(displaced));
	for (uint32_t at = 0; at < t->n_buckets; at++) {
		for (unsigned slot = 0; slot < BUCKET_SLOTS; slot++) {
			if (t->buckets[at].tag[slot] == 0)
				continue;
			slots++;
			check_slot(t, at, slot, displaced, seen);
		}
	}
	assert_int_equal(slots, 2 * t->count);
	for (uint32_t at = 0; at < t->n_buckets; at++)
		assert_int_equal(t->buckets[at].displaced, displaced[at]);
}

static void test_true_after_every_change(void **state)
{
	enum { CAPACITY = 200, FLOWS = 210 };
	struct flow_table *t = flow_table_create(CAPACITY, flows_secret);
	uint32_t records[FLOWS];
	struct seen seen = {0};
	uint64_t dice = 7;

	for (uint32_t k = 0; k < FLOWS; k++)
		records[k] = FLOW_NO_RECORD;
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t k = dice_roll(&dice, FLOWS);
		/* always new keys, so that new buckets fill up */
		struct flow flow = flows_make(k + i * FLOWS);

		if (records[k] == FLOW_NO_RECORD) {
			records[k] = flow_table_insert(t, &flow);
		} else if (dice_roll(&dice, 20) == 0) {
			flow_table_remove(t, records[k]);
			records[k] = FLOW_NO_RECORD;
		}
		check_index(t, &seen);
	}
	assert_true(seen.displaced > 0);
	assert_true(seen.equal_tags > 0);
	assert_true(seen.one_bucket > 0);
	assert_true(seen.tag_zero > 0);
	flow_table_destroy(t);
}

/* Each displaced key is found. When it is removed, the count of displaced keys is right. */
static void test_displaced_are_found(void **state)
{
	enum { CAPACITY = 2000 };
	struct flow_table *t = flow_table_create(CAPACITY, flows_secret);
	uint32_t displaced = 0;

	for (uint32_t n = 0; n < CAPACITY; n++) {
		struct flow flow = flows_make(n);

		flow_table_insert(t, &flow);
	}
	for (uint32_t at = 0; at < t->n_buckets; at++)
		displaced += t->buckets[at].displaced;
	assert_true(displaced > 10);

	for (uint32_t r = 0; r < t->used; r++) {
		struct flow flow = t->records[r];

		if (flow.state != FLOW_FREE)
			assert_true(flows_is_at(t, &flow, r));
	}
	for (uint32_t r = 0; r < t->used; r++) {
		if (t->records[r].state != FLOW_FREE)
			flow_table_remove(t, r);
	}
	for (uint32_t at = 0; at < t->n_buckets; at++) {
		assert_int_equal(t->buckets[at].displaced, 0);
		assert_int_equal(bucket_match(&t->buckets[at], 0), (1u << BUCKET_SLOTS) - 1);
	}
	flow_table_destroy(t);
}

/*
 * When both buckets of a key are full, another key moves to its second bucket. Otherwise this table
 * would not fill.
 */
static void test_neighbours_make_room(void **state)
{
	enum { CAPACITY = 40000 };
	struct flow_table *t = flow_table_create(CAPACITY, flows_secret);
	uint32_t n = 0, crowded = 0;

	for (struct flow flow = flows_make(n);; flow = flows_make(n)) {
		struct flow_key key;
		uint64_t hash;

		flow_forward_key(&flow, &key);
		hash = flow_hash(&t->secret, &key);
		crowded += bucket_match(&t->buckets[hash_first(t, hash)], 0) == 0 &&
			   bucket_match(&t->buckets[hash_second(t, hash)], 0) == 0;
		if (flow_table_insert(t, &flow) == FLOW_NO_RECORD)
			break;
		n++;
	}
	assert_true(crowded > 10);
	assert_true(n >= CAPACITY - CAPACITY / 1000);
	flow_table_destroy(t);
}

/* Equal hashes are possible, so each field of either key has to be compared. */
static void test_every_field_counts(void **state)
{
	struct flow flow = flows_make(1);
	const struct flow_table t = {.records = &flow};
	struct flow_key keys[2];

	flow_forward_key(&flow, &keys[FLOW_FORWARD]);
	flow_return_key(&flow, &keys[FLOW_RETURN]);
	for (uint32_t dir = 0; dir < 2; dir++) {
		uint32_t ref = dir == FLOW_RETURN ? REF_RETURN : 0;

		assert_int_equal(ref_differs(&t, ref, &keys[dir]), 0);
		assert_int_not_equal(ref_differs(&t, ref ^ REF_RETURN, &keys[dir]), 0);
		for (size_t bit = 0; bit < 8 * offsetof(struct flow_key, domain); bit++) {
			struct flow_key other = keys[dir];

			((uint8_t *)&other)[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (ref_differs(&t, ref, &other) == 0)
				fail_msg("bit %zu of key %u is not looked at", bit, dir);
		}
	}
}

/* There is room for one key only: the flow is refused, and the slot of its first key is freed. */
static void test_no_room_for_the_second_key(void **state)
{
	struct flow_table *t = flow_table_create(4, flows_secret);
	struct flow live = flows_make(1), refused = flows_make(2);
	uint32_t record = flow_table_insert(t, &live);
	struct bucket *b = &t->buckets[0];

	assert_int_equal(t->n_buckets, 1);
	for (unsigned slot = 2; slot < BUCKET_SLOTS - 1; slot++) {
		b->tag[slot] = b->tag[0];
		b->ref[slot] = b->ref[0];
	}
	assert_int_equal(flow_table_insert(t, &refused), FLOW_NO_RECORD);
	assert_true(flows_is_nowhere(t, &refused));
	assert_int_equal(bucket_match(b, 0), 1u << (BUCKET_SLOTS - 1));
	assert_int_equal(t->count, 1);
	assert_int_equal(t->free_head, record + 1);
	assert_true(flows_is_at(t, &live, record));
	flow_table_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_true_after_every_change),
		cmocka_unit_test(test_displaced_are_found),
		cmocka_unit_test(test_neighbours_make_room),
		cmocka_unit_test(test_every_field_counts),
		cmocka_unit_test(test_no_room_for_the_second_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
