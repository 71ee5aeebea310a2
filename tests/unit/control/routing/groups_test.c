/* Groups of targets: equal ones are one, and numbers are given again. */
#include "control/routing/groups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct group_target target(uint16_t nexthop, uint32_t priority)
{
	return (struct group_target){
		.target = {.nexthop = nexthop, .weight = 1, .kind = TARGET_TUNNEL},
		.priority = priority,
	};
}

/* By nexthop. */
static uint32_t penalties[2000];

static uint32_t penalty(void *arg, const struct route_target *t)
{
	return penalties[t->nexthop];
}

static void test_equal_ones_are_one(void **state)
{
	struct groups g = {0};
	struct group_target a[] = {target(1, 5), target(2, 5)}, b[] = {target(2, 5), target(1, 5)};
	struct group_target c[] = {target(1, 5), target(2, 6)};
	uint32_t first = groups_take(&g, a, 2, false);

	assert_int_equal(groups_take(&g, b, 2, false), first);
	assert_int_not_equal(groups_take(&g, b, 2, true), first);
	assert_int_not_equal(groups_take(&g, c, 2, false), first);
	assert_int_not_equal(groups_take(&g, a, 1, false), first);
	assert_int_equal(g.n_used, 4);
	groups_drop(&g, first);
	assert_int_equal(groups_take(&g, a, 2, false), first); /* the other user was there */
	groups_drop(&g, first);
	groups_drop(&g, first);
	assert_int_equal(g.n_used, 3);
	assert_int_equal(groups_take(&g, &(struct group_target[]){target(9, 9)}[0], 1, false),
			 first);
	groups_fini(&g);
}

static void test_many(void **state)
{
	enum { MANY = 1000 };
	struct groups g = {0};
	uint32_t numbers[MANY];

	for (uint16_t i = 0; i < MANY; i++) {
		struct group_target t = target(i, i % 7);

		numbers[i] = groups_take(&g, &t, 1, false);
	}
	assert_true(groups_choose(&g, penalty, NULL));
	assert_false(groups_choose(&g, penalty, NULL));
	for (uint16_t i = 0; i < MANY; i++) {
		struct group_target t = target(i, i % 7);

		assert_int_equal(g.choices[numbers[i]].n, 1);
		assert_int_equal(g.choices[numbers[i]].targets[0].nexthop, i);
		assert_int_equal(groups_take(&g, &t, 1, false), numbers[i]);
	}
	for (uint16_t i = 0; i < MANY; i += 2) {
		groups_drop(&g, numbers[i]);
		groups_drop(&g, numbers[i]);
	}
	assert_int_equal(g.n_used, MANY / 2);
	assert_int_equal(g.choices[numbers[0]].n, 0);
	assert_int_equal(g.n, MANY);
	groups_fini(&g);
}

static void test_best(void **state)
{
	struct groups g = {0};
	struct group_target all[GROUP_TARGETS_MAX];
	uint32_t i;
	bool learned;

	for (uint16_t k = 0; k < GROUP_TARGETS_MAX; k++) {
		all[k] = target(k, 100);
		all[k].is_learned = k >= SPEC_TARGETS_MAX;
	}
	i = groups_take(&g, all, GROUP_TARGETS_MAX, false);
	groups_choose(&g, penalty, NULL);
	assert_int_equal(g.choices[i].n, SPEC_TARGETS_MAX); /* those of the file */
	assert_false(g.choices[i].is_learned);

	for (uint16_t k = 0; k < SPEC_TARGETS_MAX; k++)
		penalties[k] = 1000000;
	assert_true(groups_choose(&g, penalty, NULL));
	assert_int_equal(g.choices[i].n, SPEC_TARGETS_MAX); /* the learned ones */
	assert_true(g.choices[i].is_learned);

	penalties[3] = 0;
	assert_true(groups_choose(&g, penalty, NULL));
	assert_int_equal(g.choices[i].n, 1);
	assert_int_equal(g.choices[i].targets[0].nexthop, 3);
	assert_int_equal(groups_best(&g.list[i], penalty, NULL, &learned), 100);
	assert_false(learned);
	memset(penalties, 0, sizeof(penalties));
	groups_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_ones_are_one),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_best),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
