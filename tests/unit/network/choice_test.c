/*
 * The choice among targets: each gets a share of the flows in proportion to its weight, whatever
 * the weights; and when a target comes or goes, no flow moves between two others.
 */
#include "network/choice.h"

#include "base/types.h"
#include "dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FLOWS = 200000 };

static struct route_choice choice_of(const uint16_t *weights, unsigned n)
{
	struct route_choice c = {.n = (uint8_t)n};

	for (unsigned i = 0; i < n; i++)
		c.targets[i] = (struct route_target){
			.nexthop = (uint16_t)(i + 1),
			.weight = weights[i],
			.seed = 0x1000 + i, /* seeds that differ in few bits are as good */
		};
	return c;
}

static void count(const struct route_choice *c, unsigned *flows)
{
	uint64_t dice = 1;

	for (unsigned i = 0; i < FLOWS; i++)
		flows[choice_pick(c, dice_next(&dice))->nexthop]++;
}

/* Within four standard deviations of the share, sqrt(n p) or less each. */
static void test_shares(void **state)
{
	static const struct {
		uint16_t weights[SPEC_TARGETS_MAX];
		unsigned n;
		const char *why;
	} rows[] = {
		{{1}, 1, "one takes all"},
		{{1, 1}, 2, "two equal ones"},
		{{1, 256}, 2, "the widest ratio"},
		{{256, 1}, 2, "the same in the other order"},
		{{1, 2, 3, 4}, 4, "four"},
		{{256, 256, 256, 256, 256, 256, 256, 256, 256, 256, 256, 256, 256, 256, 256, 1},
		 16,
		 "a small one among sixteen: the logarithm is exact enough"},
	};

	for (size_t r = 0; r < ARRAY_SIZE(rows); r++) {
		struct route_choice c = choice_of(rows[r].weights, rows[r].n);
		unsigned flows[SPEC_TARGETS_MAX + 1] = {0}, sum = 0;

		for (unsigned i = 0; i < c.n; i++)
			sum += rows[r].weights[i];
		count(&c, flows);
		for (unsigned i = 0; i < c.n; i++) {
			double share = (double)FLOWS * rows[r].weights[i] / sum;
			double off = (double)flows[i + 1] - share;

			if (off * off > 16 * share + 16)
				fail_msg("%s: target %u has %u flows, not %.0f", rows[r].why, i,
					 flows[i + 1], share);
		}
	}
}

/* Flows of a target that goes spread over the others; every other flow stays. */
static void test_disruption(void **state)
{
	static const uint16_t weights[] = {10, 1, 64, 7, 7};
	enum { N = ARRAY_SIZE(weights) };
	struct route_choice all = choice_of(weights, N);

	for (unsigned gone = 0; gone < N; gone++) {
		struct route_choice rest = all;
		uint64_t dice = 2;

		rest.targets[gone] = rest.targets[--rest.n]; /* also in another order */
		for (unsigned i = 0; i < FLOWS / 10; i++) {
			uint64_t hash = dice_next(&dice);
			uint16_t before = choice_pick(&all, hash)->nexthop;
			uint16_t after = choice_pick(&rest, hash)->nexthop;

			assert_true(before == after || before == gone + 1);
			assert_int_not_equal(after, gone + 1);
		}
	}
}

/* A larger weight only wins flows, and a smaller one only loses them. */
static void test_weight(void **state)
{
	static const uint16_t light[] = {5, 5, 5}, heavy[] = {5, 50, 5};
	struct route_choice before = choice_of(light, 3), after = choice_of(heavy, 3);
	uint64_t dice = 3;

	for (unsigned i = 0; i < FLOWS / 10; i++) {
		uint64_t hash = dice_next(&dice);
		uint16_t was = choice_pick(&before, hash)->nexthop;
		uint16_t is = choice_pick(&after, hash)->nexthop;

		assert_true(was == is || is == 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_disruption),
		cmocka_unit_test(test_weight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
