/* Which tunnel of a site stands in for those that are down, and how long one is held. */
#include "control/health/failover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { HOLD = 30000, START = 5000000 };

/* A letter a tunnel: Healthy, degraDed, oUt (down), hEld (it works again, not for long). */
static const struct row {
	const char *why;
	const char *tunnels;
	size_t best;
	const char *down; /* 'x': the best one is used instead */
} rows[] = {
	{"one tunnel", "H", 0, "."},
	{"one tunnel, down: there is no other", "U", 0, "."},
	{"all are healthy", "HHH", 0, "..."},
	{"the first is down", "UHH", 1, "x.."},
	{"the second is down", "HUH", 0, ".x."},
	{"two are down", "UUH", 2, "xx."},
	{"a degraded one stays in use", "DH", 1, ".."},
	{"a healthy one is a better substitute", "UDH", 2, "x.."},
	{"a degraded one is better than none", "UD", 1, "x."},
	{"all are down: the first is used", "UUU", 0, ".xx"},
	{"held: flows stay where they are", "EH", 1, "x."},
	{"held, and the other fails: it is used", "EU", 0, ".x"},
	{"held, and the others fail, not in order", "UEU", 1, "x.x"},
};

static struct failover_tunnel tunnel_of(char letter)
{
	return (struct failover_tunnel){
		.state = letter == 'U'	 ? HEALTH_DOWN
			 : letter == 'H' ? HEALTH_HEALTHY
					 : HEALTH_DEGRADED,
		.held = letter == 'E',
	};
}

static void test_choice(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct failover_tunnel tunnels[8];
		size_t n = strlen(rows[i].tunnels), best;

		for (size_t k = 0; k < n; k++)
			tunnels[k] = tunnel_of(rows[i].tunnels[k]);
		best = failover_choose(tunnels, n);
		if (best != rows[i].best)
			fail_msg("%s: %zu is used", rows[i].why, best);
		for (size_t k = 0; k < n; k++)
			if (tunnels[k].down != (rows[i].down[k] == 'x'))
				fail_msg("%s: tunnel %zu", rows[i].why, k);
	}
}

/* A path that fails again and again is held longer each time, and forgiven when it is stable. */
static void test_hold(void **state)
{
	struct failover_hold h = {0};
	uint64_t now = START;
	const unsigned factors[] = {1, 2, 4, 8, 16, 16};

	for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
		failover_hold(&h, HOLD, now);
		assert_int_equal(h.until_ms - now, factors[i] * HOLD);
		now = h.until_ms - 1; /* it fails while it is held */
	}
	now = h.until_ms + 10 * h.last_ms - 1;
	failover_hold(&h, HOLD, now);
	assert_int_equal(h.until_ms - now, 16 * HOLD);
	now = h.until_ms + 10 * h.last_ms;
	failover_hold(&h, HOLD, now);
	assert_int_equal(h.until_ms - now, HOLD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_hold),
	};

	return cmocka_run_group_tests_name("health/failover", tests, NULL, NULL);
}
