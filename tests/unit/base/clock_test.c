/* The worker's clock against plain arithmetic, at the frequencies of real counters. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	const char *why;
	uint64_t hz;
} rows[] = {
	{"ARM, the slowest", 1000000},	    {"ARM, older", 24000000},
	{"ARM, since 8.6", 1000000000},	    {"a server", 2100000000},
	{"not a round number", 2893201337}, {"a fast one", 6000000000},
};

/* Start close to where the counter wraps: it must not matter. */
#define START (UINT64_MAX - 12345)

static void check_at(const struct clock *c, uint64_t since, uint64_t hz)
{
	uint64_t ns = (uint64_t)((unsigned __int128)since * NS_PER_S / hz) + NS_PER_S;

	assert_in_range(c->now_ns, ns - 2, ns);
	assert_int_equal(c->now_s, since / hz + 1);
}

static void follows_the_counter(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t hz = rows[i].hz, since = 0, last = 0;
		struct clock c;

		clock_start(&c, START, hz);
		check_at(&c, 0, hz);
		for (unsigned step = 0; step < 100000; step++) {
			since += step % 1000 == 999 ? 5 * hz + step : hz / 997 + step % 7;
			clock_move(&c, START + since);
			check_at(&c, since, hz);
			assert_true(c.now_ns >= last);
			last = c.now_ns;
		}
	}
}

static void does_not_step_back(void **state)
{
	struct clock c;

	clock_start(&c, START, 1000000000);
	clock_move(&c, START + 7000000123);
	assert_int_equal(c.now_s, 8);
	clock_move(&c, START + 6000000000); /* another core's counter is behind */
	assert_int_equal(c.now_s, 8);
	assert_int_equal(c.now_ns, 8 * NS_PER_S + 123);
}

static void sleeps_a_year(void **state)
{
	struct clock c;

	clock_start(&c, START, 3000000000);
	clock_move(&c, START + UINT64_C(31536000) * 3000000000);
	assert_int_equal(c.now_s, 31536001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_counter),
		cmocka_unit_test(does_not_step_back),
		cmocka_unit_test(sleeps_a_year),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
