/*
 * The worker's clock against plain arithmetic: at the frequencies of real counters, and with
 * counters that are wrong.
 */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct {
	const char *why;
	uint64_t hz;
} rows[] = {
	{"ARM, the slowest", 1000000},	    {"ARM, older", 24000000},
	{"ARM, since 8.6", 1000000000},	    {"a server", 2100000000},
	{"not a round number", 2893201337}, {"a fast one", 6000000000},
};

/* Starts shortly before the counter wraps, which must not matter. */
#define START (UINT64_MAX - 12345)
#define SYSTEM UINT64_C(777000000000)

static uint64_t ns_of(uint64_t ticks, uint64_t hz)
{
	return (uint64_t)((unsigned __int128)ticks * NS_PER_S / hz);
}

static uint64_t ticks_of(uint64_t ns, uint64_t hz)
{
	return (uint64_t)((unsigned __int128)ns * hz / NS_PER_S);
}

/* Reads the clock as a worker does. */
static void move(struct clock *c, uint64_t ticks, uint64_t ns)
{
	if (!clock_move(c, ticks))
		clock_anchor(c, ticks, SYSTEM + ns);
}

static void follows_the_counter(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t hz = rows[i].hz, since = 0, last = 0;
		struct clock c;

		clock_start(&c, START, hz, SYSTEM);
		assert_int_equal(c.now_ns, NS_PER_S);
		for (unsigned step = 0; step < 100000; step++) {
			uint64_t ns;

			since += step % 1000 == 999 ? 5 * hz + step : hz / 997 + step % 7;
			ns = ns_of(since, hz);
			move(&c, START + since, ns);
			/* one tick more or less at the beginning of a second */
			assert_in_range(c.now_ns, NS_PER_S + ns - NS_PER_S / hz - 3, NS_PER_S + ns);
			assert_in_range(c.now_s, (NS_PER_S + ns - NS_PER_S / hz - 3) / NS_PER_S,
					ns / NS_PER_S + 1);
			assert_true(c.now_ns >= last);
			last = c.now_ns;
		}
		assert_int_equal(c.steps, 0);
	}
}

static void sleeps_a_year(void **state)
{
	struct clock c;

	clock_start(&c, START, 3000000000, SYSTEM);
	move(&c, START + UINT64_C(31536000) * 3000000000, 31536000 * NS_PER_S);
	assert_int_equal(c.now_s, 31536001);
	assert_int_equal(c.steps, 0);
}

enum { MS = 1000000, HZ = 1000000000 };

/*
 * Runs a minute in steps of 10 ms. Every 500 ms the clock is compared with the system's, as a
 * worker does every so many turns. At @at_ms the counter steps by @step_ms; it runs at
 * @speed_per_mille of its speed.
 */
/* clang-format off */
static const struct {
	const char *why;
	uint32_t at_ms;
	int64_t step_ms;
	uint32_t speed_per_mille;
	uint32_t error_ms; /* largest error against the system's time, */
	uint32_t settled_ms; /* and largest error after 20 seconds */
	uint32_t steps_min, steps_max;
} stories[] = {
	{"a good counter",           5000, 0,        1000, 10,  10, 0, 0},
	{"back by a minute",         5000, -60000,   1000, 10,  10, 1, 1},
	{"back by ten days",         5005, -INT64_C(864000000), 1000, 10, 10, 1, 1},
	{"back by a tenth",          5050, -100,     1000, 110, 10, 0, 1},
	{"forward by a minute",      5000, 60000,    1000, 10,  10, 1, 1},
	{"forward by half a second", 5000, 500,      1000, 510, 10, 1, 1},
	{"a little too fast",        5000, 0,        1001, 11,  11, 0, 0},
	{"a little too slow",        5000, 0,        999,  11,  11, 0, 0},
	{"half as fast again",       5000, 0,        1500, 500, 10, 2, 2},
	{"ten times as fast",        5000, 0,        10000, 1000, 10, 2, 2},
	{"half as fast",             5000, 0,        500,  500, 10, 2, 2},
	{"a tenth as fast",          5000, 0,        100,  500, 10, 2, 2},
	{"stands still",             5000, 0,        0,    510, 510, 100, 120},
};
/* clang-format on */

static void play(size_t i)
{
	uint64_t last_ns = 0, hz = ticks_of(HZ, HZ) / 1000 * stories[i].speed_per_mille;
	uint32_t last_s = 0;
	struct clock c;

	clock_start(&c, START, HZ, SYSTEM);
	for (uint64_t ms = 10; ms <= 60000; ms += 10) {
		uint64_t ns = ms * MS, ticks = START + ticks_of(ns, hz), ours, error;

		if (ms >= stories[i].at_ms)
			ticks += (uint64_t)stories[i].step_ms * (HZ / 1000);
		if (ms % 500 == 0)
			clock_anchor(&c, ticks, SYSTEM + ns);
		else
			move(&c, ticks, ns);
		ours = c.now_ns - NS_PER_S;
		error = (ours > ns ? ours - ns : ns - ours) / MS;
		if (error > (ms > 20000 ? stories[i].settled_ms : stories[i].error_ms))
			fail_msg("%s: wrong by %lu ms after %lu ms", stories[i].why, error, ms);
		if (c.now_ns < last_ns || c.now_s < last_s)
			fail_msg("%s: went back after %lu ms", stories[i].why, ms);
		last_ns = c.now_ns;
		last_s = c.now_s;
	}
	if (c.steps < stories[i].steps_min || c.steps > stories[i].steps_max)
		fail_msg("%s: counted %u times", stories[i].why, c.steps);
}

static void counters_not_to_be_trusted(void **state)
{
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
		play(i);
}

/* The thread was interrupted between the two readings, as on a busy machine. That is no step. */
static void held_up(void **state)
{
	uint64_t ns = 0;
	struct clock c;

	clock_start(&c, START, HZ, SYSTEM);
	for (unsigned i = 0; i < 1000; i++) {
		ns += 1003 * UINT64_C(1000000);
		clock_anchor(&c, START + ns, SYSTEM + ns + i % 45 * MS);
	}
	assert_int_equal(c.steps, 0);
	assert_int_equal(c.ticks_per_s, HZ);
}

static void tests_advance_it(void **state)
{
	struct clock c;

	clock_start(&c, START, HZ, SYSTEM);
	move(&c, START + HZ / 2, NS_PER_S / 2);
	clock_advance(&c, 100);
	assert_int_equal(c.now_s, 101);
	assert_int_equal(c.now_ns, 101 * NS_PER_S + NS_PER_S / 2);
	move(&c, START + 2 * (uint64_t)HZ, 2 * NS_PER_S);
	assert_int_equal(c.now_s, 103);
	assert_int_equal(c.steps, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_counter),	      cmocka_unit_test(sleeps_a_year),
		cmocka_unit_test(counters_not_to_be_trusted), cmocka_unit_test(held_up),
		cmocka_unit_test(tests_advance_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
