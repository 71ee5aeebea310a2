/*
 * The rest of an idle worker: when it begins, how long its sleeps get, and that the sweep looks at
 * as many records in a second whatever they are.
 */
#include "worker/idle.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_sleeps(void **state)
{
	static const struct {
		uint32_t turns, sleep_ns;
		const char *why;
	} rows[] = {
		{0, 0, "a packet came"},
		{IDLE_POLLS, 0, "the next packet of a burst is near"},
		{IDLE_POLLS + 1, IDLE_SLEEP_MIN_NS, "the shortest sleep first"},
		{IDLE_POLLS + IDLE_STEP - 1, IDLE_SLEEP_MIN_NS, "for a step"},
		{IDLE_POLLS + IDLE_STEP, 2 * IDLE_SLEEP_MIN_NS, "then twice as long"},
		{IDLE_POLLS + 2 * IDLE_STEP, 4 * IDLE_SLEEP_MIN_NS, "and again"},
		{IDLE_POLLS + 3 * IDLE_STEP, IDLE_SLEEP_MAX_NS, "the longest"},
		{UINT32_MAX, IDLE_SLEEP_MAX_NS, "never longer"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (idle_sleep_ns(rows[i].turns) != rows[i].sleep_ns)
			fail_msg("%s: %u ns", rows[i].why, idle_sleep_ns(rows[i].turns));
}

/* A flow ends in time also if the worker turns seldom. */
static void test_the_sweep_keeps_its_pace(void **state)
{
	for (uint32_t turns = IDLE_POLLS + 1; turns < IDLE_POLLS + 5 * IDLE_STEP; turns++)
		assert_int_equal(idle_sweep(turns) / IDLE_SWEEP,
				 idle_sleep_ns(turns) / IDLE_SLEEP_MIN_NS);
	assert_int_equal(idle_sweep(0), IDLE_SWEEP);
}

static void test_what_control_waits_for(void **state)
{
	assert_int_equal(idle_expect(7), 7);
	assert_int_equal(idle_sleep_ns(idle_expect(UINT32_MAX)), 0);
	assert_int_equal(idle_sleep_ns(idle_expect(UINT32_MAX) + 1), IDLE_SLEEP_MIN_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sleeps),
		cmocka_unit_test(test_the_sweep_keeps_its_pace),
		cmocka_unit_test(test_what_control_waits_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
