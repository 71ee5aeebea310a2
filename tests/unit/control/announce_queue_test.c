/*
 * The queue of announcements: each address is announced three times, with growing gaps, also with
 * others in between.
 */
#include "control/announce_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 5000, PER_TICK = 20, TICK_MS = 20 };

static struct addr6 numbered(uint32_t i)
{
	return addr6_from_ipv4(htonl(i));
}

static uint32_t number(const struct addr6 *addr)
{
	return ntohl(addr6_to_ipv4(addr));
}

static void test_one_address(void **state)
{
	static const struct {
		uint64_t now_ms;
		int nth; /* -1: no address is due */
	} steps[] = {
		{100, 0},   {100, -1},	{1099, -1}, {1100, 1},
		{1100, -1}, {3099, -1}, {3100, 2},  {9999, -1},
	};
	struct announce_queue q = {{{NULL, 0, 0, 0}}};
	struct addr6 addr = numbered(7), taken;
	unsigned nth;

	assert_true(announce_queue_is_empty(&q));
	assert_int_equal(announce_queue_add(&q, &addr, 100), 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		bool is = announce_queue_take(&q, steps[i].now_ms, &taken, &nth);

		if (is != (steps[i].nth >= 0) || (is && nth != (unsigned)steps[i].nth))
			fail_msg("step %zu", i);
		assert_true(!is || addr6_equal(&taken, &addr));
	}
	assert_true(announce_queue_is_empty(&q));
	announce_queue_clear(&q);
}

/*
 * Many addresses, with a limit for each tick: all in their order, and no first announcement waits
 * for a second one.
 */
static void test_many(void **state)
{
	static uint64_t last_ms[MANY];
	static uint8_t times[MANY];
	struct announce_queue q = {{{NULL, 0, 0, 0}}};
	uint64_t now = 0;
	size_t firsts = 0;

	for (uint32_t i = 0; i < MANY; i++) {
		struct addr6 addr = numbered(i);

		assert_int_equal(announce_queue_add(&q, &addr, 0), 0);
	}
	for (; !announce_queue_is_empty(&q) && now < 1000000; now += TICK_MS) {
		struct addr6 addr;
		unsigned nth;

		for (int i = 0; i < PER_TICK && announce_queue_take(&q, now, &addr, &nth); i++) {
			uint32_t n = number(&addr);

			assert_in_range(n, 0, MANY - 1);
			assert_int_equal(nth, times[n]++);
			if (nth == 0)
				assert_int_equal(n, firsts++);
			else
				assert_true(now - last_ms[n] >= nth * 1000);
			if (nth > 0)
				assert_int_equal(firsts, MANY);
			last_ms[n] = now;
		}
	}
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(times[i], ANNOUNCE_TIMES);
	announce_queue_clear(&q);
}

/* Addresses are added and taken in random order, while the rings wrap and grow. */
static void test_in_any_order(void **state)
{
	struct announce_queue q = {{{NULL, 0, 0, 0}}};
	unsigned added = 0, taken = 0;
	uint64_t now = 0;

	srand(4711);
	while (added < MANY || !announce_queue_is_empty(&q)) {
		struct addr6 addr = numbered(added);
		unsigned nth;

		now += (unsigned)rand() % 10;
		for (int n = rand() % 9; n > 0 && added < MANY; n--, added++)
			assert_int_equal(announce_queue_add(&q, &addr, now), 0);
		for (int n = rand() % 30; n > 0 && announce_queue_take(&q, now, &addr, &nth); n--)
			taken++;
	}
	assert_int_equal(taken, ANNOUNCE_TIMES * MANY);
	announce_queue_clear(&q);
	assert_true(announce_queue_is_empty(&q));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_address),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
