/*
 * The flow table against a simple list.
 *
 * With any order of insertions and removals, each live flow is found by both its keys and no other
 * flow is found. A full table refuses a flow without losing another one.
 */
#include "flow/flow.h"

#include "flows.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
	uint32_t capacity;
	uint32_t least; /* flows that must fit */
	const char *why;
} sizes[] = {
	{      1,      1, "the smallest: one bucket" },
	{      3,      3, "less than a bucket's share" },
	{      4,      4, "exactly one bucket's share" },
	{      5,      5, "one more" },
	{    100,    100, "some buckets, no power of two" },
	{   4096,   4092, "99.9 %" },
	{  65536,  65471, "99.9 %" },
	{ 150001, 149851, "99.9 %, odd" },
};
/* clang-format on */

/* Fills the table with flows 0, 1, 2.. Returns how many it took before it refused one. */
static uint32_t fill(struct flow_table *t, uint32_t *records)
{
	for (uint32_t n = 0;; n++) {
		struct flow flow = flows_make(n);

		records[n] = flow_table_insert(t, &flow);
		if (records[n] == FLOW_NO_RECORD) {
			assert_true(flows_is_nowhere(t, &flow));
			return n;
		}
		assert_int_equal(flow_table_count(t), n + 1);
	}
}

static void test_fills_up(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct flow_table *t = flow_table_create(sizes[i].capacity, flows_secret);
		uint32_t *records = calloc(sizes[i].capacity + 1, sizeof(*records));
		uint32_t n;

		assert_non_null(t);
		assert_non_null(records);
		n = fill(t, records);
		if (n < sizes[i].least || n > sizes[i].capacity)
			fail_msg("capacity %u took %u: %s", sizes[i].capacity, n, sizes[i].why);
		for (uint32_t k = 0; k < n; k++) {
			struct flow flow = flows_make(k);

			assert_true(flows_is_at(t, &flow, records[k]));
		}
		free(records);
		flow_table_destroy(t);
	}
}

/* A full table that loses a flow can take another one, again and again. */
static void test_room_for_one(void **state)
{
	enum { CAPACITY = 1000 };
	struct flow_table *t = flow_table_create(CAPACITY, flows_secret);
	uint32_t records[CAPACITY + 1], n = fill(t, records);
	uint64_t dice = 1;

	for (uint32_t i = 0; i < 10000; i++) {
		uint32_t k = dice_roll(&dice, n);
		struct flow flow = flows_make(k);

		flow_table_remove(t, records[k]);
		assert_true(flows_is_nowhere(t, &flow));
		assert_int_equal(flow_table_count(t), n - 1);
		records[k] = flow_table_insert(t, &flow);
		assert_true(flows_is_at(t, &flow, records[k]));
	}
	assert_int_equal(flow_table_used(t), CAPACITY);
	flow_table_destroy(t);
}

/* The list. Entry k is the record of flow number k; FLOW_NO_RECORD: it is not in the table. */
enum { UNIVERSE = 1500, TABLE = 1000 };

static void step(struct flow_table *t, uint32_t *list, uint32_t *live, uint32_t k)
{
	struct flow flow = flows_make(k);

	if (list[k] != FLOW_NO_RECORD) {
		assert_true(flows_is_at(t, &flow, list[k]));
		flow_table_remove(t, list[k]);
		list[k] = FLOW_NO_RECORD;
		--*live;
	} else {
		assert_true(flows_is_nowhere(t, &flow));
		list[k] = flow_table_insert(t, &flow);
		if (list[k] == FLOW_NO_RECORD)
			assert_true(*live >= TABLE * 999 / 1000);
		else
			++*live;
	}
	assert_int_equal(flow_table_count(t), *live);
}

static void check_all(struct flow_table *t, const uint32_t *list)
{
	for (uint32_t k = 0; k < UNIVERSE; k++) {
		struct flow flow = flows_make(k);

		assert_true(list[k] == FLOW_NO_RECORD ? flows_is_nowhere(t, &flow)
						      : flows_is_at(t, &flow, list[k]));
	}
}

static void test_against_a_list(void **state)
{
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct flow_table *t = flow_table_create(TABLE, flows_secret);
		uint32_t list[UNIVERSE], live = 0;
		uint64_t dice = seed;

		for (uint32_t k = 0; k < UNIVERSE; k++)
			list[k] = FLOW_NO_RECORD;
		for (uint32_t i = 0; i < 60000; i++) {
			uint32_t k = dice_roll(&dice, UNIVERSE);

			/* The table becomes full, then empty, and so on. */
			if ((list[k] == FLOW_NO_RECORD) == (i / 6000 % 2 == 0) ||
			    dice_roll(&dice, 4) == 0)
				step(t, list, &live, k);
			if (i % 1000 == 0)
				check_all(t, list);
		}
		check_all(t, list);
		flow_table_destroy(t);
	}
}

static void test_two_keys(void **state)
{
	const struct flow flow = {
		.src = htonl(0x0a00010a),
		.dst = htonl(0xc0000250),
		.sport = htons(5000),
		.dport = htons(443),
		.site = 7,
		.proto = 6,
		.nat_src = htonl(0xcb007101),
		.nat_port = htons(2100),
		.far = 9,
	};
	const struct flow_key forward = {
		htonl(0x0a00010a), htonl(0xc0000250), htons(5000), htons(443), 7, 6, 0};
	const struct flow_key back = {
		htonl(0xc0000250), htonl(0xcb007101), htons(443), htons(2100), 9, 6, 0};
	struct flow_key key;

	memset(&key, 0xff, sizeof(key));
	flow_forward_key(&flow, &key);
	assert_memory_equal(&key, &forward, sizeof(key));
	memset(&key, 0xff, sizeof(key));
	flow_return_key(&flow, &key);
	assert_memory_equal(&key, &back, sizeof(key));
}

static void test_counters_of_a_young_table(void **state)
{
	struct flow_table *t = flow_table_create(16, flows_secret);
	struct flow a = flows_make(1), b = flows_make(2);
	uint32_t first = flow_table_insert(t, &a);

	assert_int_equal(flow_table_capacity(t), 16);
	assert_int_equal(flow_table_used(t), 1);
	flow_table_remove(t, first);
	assert_int_equal(flow_table_at(t, first)->state, FLOW_FREE);
	assert_int_equal(flow_table_insert(t, &b), first); /* used again before new ones */
	assert_int_equal(flow_table_used(t), 1);
	assert_int_equal(flow_table_count(t), 1);
	flow_table_destroy(t);
}

static void test_refused_sizes(void **state)
{
	errno = 0;
	assert_null(flow_table_create(0, flows_secret));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(flow_table_create(FLOW_CAPACITY_MAX + 1, flows_secret));
	assert_int_equal(errno, EINVAL);
	flow_table_destroy(NULL);
	assert_int_equal(flow_table_bytes(1000000), 80000000);
}

/*
 * RFC 6056: as often set as not, each bit; and another secret gives other numbers, as another
 * stream of the same secret does.
 */
static void test_random(void **state)
{
	enum { ROLLS = 10000 };
	const uint8_t other_secret[16] = "another secret";
	struct flow_table *t = flow_table_create(4, flows_secret);
	struct flow_table *other = flow_table_create(4, other_secret);
	struct flow_table *stream = flow_table_create(4, flows_secret);
	unsigned ones[64] = {0}, same = 0;
	uint64_t before = 0;

	flow_table_set_stream(stream, 1);
	for (unsigned i = 0; i < ROLLS; i++) {
		uint64_t r = flow_table_random(t);

		same += r == before || r == flow_table_random(other) ||
			r == flow_table_random(stream);
		before = r;
		for (unsigned bit = 0; bit < 64; bit++)
			ones[bit] += r >> bit & 1;
	}
	assert_int_equal(same, 0);
	for (unsigned bit = 0; bit < 64; bit++)
		assert_in_range(ones[bit], ROLLS / 2 - 300, ROLLS / 2 + 300); /* 6 sigma */
	flow_table_destroy(t);
	flow_table_destroy(other);
	flow_table_destroy(stream);
}

static void test_state_names(void **state)
{
	for (unsigned i = 0; i < FLOW_STATE_COUNT; i++)
		assert_non_null(flow_state_names[i]);
	assert_string_equal(flow_state_names[FLOW_TCP_FIN_RECEIVED], "fin-received");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fills_up),
		cmocka_unit_test(test_room_for_one),
		cmocka_unit_test(test_against_a_list),
		cmocka_unit_test(test_two_keys),
		cmocka_unit_test(test_counters_of_a_young_table),
		cmocka_unit_test(test_refused_sizes),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_state_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
