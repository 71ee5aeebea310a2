/*
 * From the results of probes to the state of a tunnel: how fast it goes down, how slowly it comes
 * back, and what traffic changes.
 *
 * A row is a sequence of results, one a second: '+' answered, '-' lost, '~' lost, but packets came
 * out of the tunnel meanwhile. A number repeats the result behind it.
 */
#include "control/health/state.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { START_MS = 7000000, STEP_MS = 1000 };

static const struct row {
	const char *why;
	const char *results;
	enum health_state state;
} rows[] = {
	{"not probed yet", "", HEALTH_HEALTHY},
	{"all is well", "300+", HEALTH_HEALTHY},
	{"one is lost: no more than that", "300+-", HEALTH_HEALTHY},
	{"two in five minutes", "300+-+-", HEALTH_DEGRADED},
	{"two, but not within five minutes", "10+-305+-", HEALTH_HEALTHY},
	{"three in a row", "300+---", HEALTH_DOWN},
	{"three, but not in a row", "300+--+-", HEALTH_DEGRADED},
	{"from the first one on", "---", HEALTH_DOWN},
	{"one good probe is not enough", "300+---+", HEALTH_DOWN},
	{"nor two", "300+---++", HEALTH_DOWN},
	{"three good ones", "300+---+++", HEALTH_DEGRADED},
	{"three, but not in a row", "300+---++-+", HEALTH_DOWN},
	{"then it stays degraded", "300+---280+", HEALTH_DEGRADED},
	{"until five minutes are over", "300+---320+", HEALTH_HEALTHY},
	{"and goes down again at once", "300+---+++---", HEALTH_DOWN},
	{"packets come out of it", "300+~~~", HEALTH_DEGRADED},
	{"for ten seconds, for it was answered before", "300+9~", HEALTH_DEGRADED},
	{"then no longer", "300+11~", HEALTH_DOWN},
	{"an answer in between", "300+9~+9~", HEALTH_DEGRADED},
	{"the far end never answers: packets are enough", "300~", HEALTH_DEGRADED},
	{"until they stop", "300~-", HEALTH_DOWN},
};

static uint64_t play(struct health_life *h, const char *results, unsigned in_a_row, uint64_t now)
{
	while (*results != '\0') {
		char *end = NULL;
		unsigned long n = isdigit((unsigned char)*results) ? strtoul(results, &end, 10) : 1;

		if (isdigit((unsigned char)*results))
			results = end;
		for (unsigned long i = 0; i < n; i++, now += STEP_MS)
			health_take(h,
				    *results == '+'   ? HEALTH_ANSWERED
				    : *results == '~' ? HEALTH_LOST_ALIVE
						      : HEALTH_LOST,
				    in_a_row, now);
		results++;
	}
	return now;
}

static void test_states(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct health_life h = {0};

		play(&h, rows[i].results, HEALTH_IN_A_ROW, START_MS);
		if (h.state != rows[i].state)
			fail_msg("%s: %s", rows[i].why, health_state_names[h.state]);
	}
}

/* A thousandth of many probes: two are too few then. */
static void test_one_in_a_thousand(void **state)
{
	struct health_life h = {0};
	uint64_t now = START_MS;

	for (unsigned i = 0; i < 2500; i++, now += 100)
		health_take(&h, i % 1200 == 1000 ? HEALTH_LOST : HEALTH_ANSWERED, HEALTH_IN_A_ROW,
			    now);
	assert_int_equal(health_loss(&h).lost, 2);
	assert_int_equal(h.state, HEALTH_HEALTHY);
	health_take(&h, HEALTH_LOST, HEALTH_IN_A_ROW, now);
	assert_int_equal(h.state, HEALTH_DEGRADED);
}

/* Two more follow at once after the first lost one, and after the first good one of a dead tunnel. */
static void test_quick_ones(void **state)
{
	struct health_life h = {0};

	play(&h, "5+", HEALTH_IN_A_ROW, START_MS);
	assert_int_equal(health_take(&h, HEALTH_LOST, HEALTH_IN_A_ROW, START_MS), HEALTH_QUICK);
	assert_int_equal(health_take(&h, HEALTH_LOST, HEALTH_IN_A_ROW, START_MS), 0);
	assert_int_equal(health_take(&h, HEALTH_LOST, HEALTH_IN_A_ROW, START_MS), 0);
	assert_int_equal(h.state, HEALTH_DOWN);
	assert_int_equal(health_take(&h, HEALTH_LOST, HEALTH_IN_A_ROW, START_MS), 0);
	assert_int_equal(health_take(&h, HEALTH_ANSWERED, HEALTH_IN_A_ROW, START_MS), HEALTH_QUICK);
	assert_int_equal(health_take(&h, HEALTH_ANSWERED, HEALTH_IN_A_ROW, START_MS), 0);
	assert_int_equal(health_take(&h, HEALTH_ANSWERED, HEALTH_IN_A_ROW, START_MS), 0);
	assert_int_equal(h.state, HEALTH_DEGRADED);
}

/* Keepalives have a number of retries of their own. */
static void test_other_numbers_in_a_row(void **state)
{
	struct health_life h = {0};
	uint64_t now = play(&h, "300+4-", 5, START_MS);

	assert_int_equal(h.state, HEALTH_DEGRADED);
	play(&h, "-", 5, now);
	assert_int_equal(h.state, HEALTH_DOWN);
}

static void test_penalties(void **state)
{
	assert_int_equal(health_penalty_of(HEALTH_HEALTHY), 0);
	assert_int_equal(health_penalty_of(HEALTH_DEGRADED), 500000);
	assert_int_equal(health_penalty_of(HEALTH_DOWN), 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_one_in_a_thousand),
		cmocka_unit_test(test_quick_ones),
		cmocka_unit_test(test_penalties),
		cmocka_unit_test(test_other_numbers_in_a_row),
	};

	return cmocka_run_group_tests_name("health/state", tests, NULL, NULL);
}
