/* Rest: no packet finds a resting flow, and no other flow gets its return key; oldest first. */
#include "flow/flow.h"

#include "flows.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { FLOWS = 64 };

static uint32_t holder(struct flow_table *t, const struct flow *f)
{
	struct flow_key key;
	uint32_t record;
	uint64_t hash;

	flow_return_key(f, &key);
	hash = flow_table_prefetch(t, &key);
	record = flow_table_holder(t, &key, hash);
	if (flow_table_lacks(t, hash))
		assert_int_equal(record, FLOW_NO_RECORD);
	return record;
}

/* An empty table has no key. */
static void expect_all_lacking(struct flow_table *t)
{
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct flow flow = flows_make(i);
		struct flow_key key;

		flow_return_key(&flow, &key);
		assert_true(flow_table_lacks(t, flow_table_prefetch(t, &key)));
	}
}

static void expect_unseen(struct flow_table *t, const struct flow *f)
{
	struct flow_key forward, back;

	flow_forward_key(f, &forward);
	flow_return_key(f, &back);
	assert_false(flow_table_has(t, &forward));
	assert_false(flow_table_has(t, &back));
}

/* In random order: half of the flows rest, some are ended early, the others end oldest first. */
static void at_random(void **state)
{
	struct flow_table *t = flow_table_create(FLOWS, flows_secret);
	struct flow flows[FLOWS];
	uint32_t records[FLOWS];

	expect_all_lacking(t);
	for (uint32_t i = 0; i < FLOWS; i++) {
		flows[i] = flows_make(i);
		records[i] = flow_table_insert(t, &flows[i]);
		assert_int_not_equal(records[i], FLOW_NO_RECORD);
	}
	assert_int_equal(flow_table_resting(t), FLOW_NO_RECORD);
	for (uint32_t i = 0; i < FLOWS; i += 2) {
		flow_table_rest(t, records[i], 1000 + i);
		assert_int_equal(flow_table_count(t), FLOWS - i / 2 - 1);
		assert_int_equal(flow_table_at(t, records[i])->site, flows[i].site);
	}
	for (uint32_t i = 0; i < FLOWS; i++) {
		assert_int_equal(holder(t, &flows[i]), records[i]);
		if (i % 2 == 0)
			expect_unseen(t, &flows[i]);
	}
	for (uint32_t i = 0; i < FLOWS; i += 8) { /* first, last and some between */
		uint32_t k = i % 16 == 0 ? i : FLOWS - 2 - i;

		flow_table_wake(t, records[k]);
		assert_int_equal(holder(t, &flows[k]), FLOW_NO_RECORD);
	}
	for (uint32_t before = 0; flow_table_resting(t) != FLOW_NO_RECORD;) {
		uint32_t record = flow_table_resting(t), at = flow_table_at(t, record)->seen_s;

		assert_true(at > before);
		before = at;
		flow_table_wake(t, record);
	}
	assert_int_equal(flow_table_count(t), FLOWS / 2);
	for (uint32_t i = 0; i < FLOWS; i += 2) /* all their records are free */
		assert_int_not_equal(flow_table_insert(t, &flows[i]), FLOW_NO_RECORD);
	flow_table_destroy(t);
}

/*
 * The sweep does not end resting flows twice. A table full of them takes no flow until one has
 * rested.
 */
static void the_hand_passes_them(void **state)
{
	struct flow_table *t = flow_table_create(2, flows_secret);
	const struct flow_timers timers = {0};
	struct flow a = flows_make(1), b = flows_make(2), c = flows_make(3);

	flow_table_rest(t, flow_table_insert(t, &a), 5);
	flow_table_rest(t, flow_table_insert(t, &b), 6);
	assert_int_equal(flow_table_sweep(t, 9999, 2, &timers, NULL, NULL), 0);
	assert_int_equal(flow_table_insert(t, &c), FLOW_NO_RECORD);
	flow_table_wake(t, flow_table_resting(t));
	assert_int_not_equal(flow_table_insert(t, &c), FLOW_NO_RECORD);
	flow_table_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_random),
		cmocka_unit_test(the_hand_passes_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
