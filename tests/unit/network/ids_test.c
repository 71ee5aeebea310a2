/*
 * An id is given again only when a new table without it was published, it has rested, and no flow
 * has it.
 */
#include "network/ids.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dice.h"

enum { FIRST = 3, LAST = 9, ALL = LAST - FIRST + 1 };

static int setup(void **state)
{
	*state = ids_create(FIRST, LAST);
	return *state == NULL;
}

static int teardown(void **state)
{
	ids_destroy(*state);
	return 0;
}

static void takes_the_lowest(void **state)
{
	struct ids *ids = *state;

	assert_int_equal(ids_max(ids), IDS_NONE);
	for (uint16_t id = FIRST; id <= LAST; id++)
		assert_int_equal(ids_take(ids), id);
	assert_int_equal(ids_take(ids), IDS_NONE);
	assert_int_equal(ids_n_free(ids), 0);

	ids_give_back(ids, 7);
	ids_give_back(ids, 4);
	assert_int_equal(ids_take(ids), 4);
	assert_int_equal(ids_take(ids), 7);
	assert_int_equal(ids_take(ids), IDS_NONE);
}

static void takes_the_given(void **state)
{
	struct ids *ids = *state;

	assert_true(ids_take_given(ids, 5));
	assert_false(ids_take_given(ids, 5));
	assert_false(ids_take_given(ids, 0));
	assert_false(ids_take_given(ids, FIRST - 1));
	assert_false(ids_take_given(ids, LAST + 1));
	assert_false(ids_take_given(ids, UINT16_MAX));
	assert_int_equal(ids_n_free(ids), ALL - 1);
	assert_int_equal(ids_max(ids), 5);
	assert_int_equal(ids_take(ids), FIRST);
	assert_int_equal(ids_take(ids), FIRST + 1);
	assert_int_equal(ids_take(ids), 6);
	assert_int_equal(ids_state(ids, 6), IDS_USED);
	assert_int_equal(ids_state(ids, 0), IDS_FREE);
}

static void bounds_arrays(void **state)
{
	struct ids *ids = *state;

	assert_true(ids_take_given(ids, 4) && ids_take_given(ids, 8));
	assert_int_equal(ids_max(ids), 8);
	ids_give_back(ids, 8);
	assert_int_equal(ids_max(ids), 4);
	ids_give_back(ids, 4);
	assert_int_equal(ids_max(ids), IDS_NONE);
}

/*
 * A number is retired at second 100 until 220. Then these events follow: "p" a publication, "bN" a
 * census begins at N, "e" it ends without the number, "E" it ends and has found the number.
 */
/* clang-format off */
static const struct {
	const char *what;
	enum ids_state then;
	const char *why;
} lives[] = {
	{ "",                 IDS_RETIRED, "nothing happens" },
	{ "p b220 e",         IDS_FREE,    "published, rested, and no flow has it" },
	{ "p b219 e",         IDS_RETIRED, "it still rested when the census began" },
	{ "p b220 E",         IDS_RETIRED, "a flow has it" },
	{ "p b220 E b230 e",  IDS_FREE,    "no flow has it any more" },
	{ "b220 e",           IDS_RETIRED, "workers still give it to flows" },
	{ "b220 p e",         IDS_RETIRED, "they did when the census began" },
	{ "b220 p e b221 e",  IDS_FREE,    "but not when the next one did" },
	{ "p b210 b220 e",    IDS_FREE,    "the first census was given up" },
	{ "p b220 b210 e",    IDS_RETIRED, "the second one counts" },
	{ "p p p b999 e",     IDS_FREE,    "much later" },
};
/* clang-format on */

static void happen(struct ids *ids, uint16_t id, const char *what)
{
	uint64_t used[IDS_WORDS] = {0};

	for (char *end; *what != '\0'; what++) {
		switch (*what) {
		case 'p':
			ids_published(ids);
			break;
		case 'b':
			ids_census_begin(ids, (uint32_t)strtoul(what + 1, &end, 10));
			what = end - 1;
			break;
		case 'E':
			ids_mark(used, id);
			/* fall through */
		case 'e':
			ids_census_end(ids, used);
			memset(used, 0, sizeof(used));
			break;
		}
	}
}

static void lives_as_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		struct ids *ids = ids_create(FIRST, LAST);
		uint16_t id = ids_take(ids), other = ids_take(ids);

		ids_published(ids);
		ids_retire(ids, id, 220);
		happen(ids, id, lives[i].what);
		assert_int_equal(ids_wants_census(ids, 220),
				 lives[i].then == IDS_RETIRED &&
					 strchr(lives[i].what, 'p') != NULL);
		if (ids_state(ids, id) != lives[i].then)
			fail_msg("row %zu: %s", i, lives[i].why);
		assert_int_equal(ids_state(ids, other), IDS_USED);
		assert_int_equal(ids_n_retired(ids), lives[i].then == IDS_RETIRED);
		assert_int_equal(ids_n_free(ids), ALL - 1 - (lives[i].then == IDS_RETIRED));
		assert_false(lives[i].then == IDS_RETIRED && ids_take_given(ids, id));
		ids_destroy(ids);
	}
}

/* Serial numbers and the clock wrap after 2^32. */
static void clock_goes_round(void **state)
{
	struct ids *ids = *state;
	uint16_t id = ids_take(ids);

	ids_retire(ids, id, 5);
	ids_published(ids);
	ids_census_begin(ids, UINT32_MAX - 5);
	assert_int_equal(ids_census_end(ids, (uint64_t[IDS_WORDS]){0}), 0);
	ids_census_begin(ids, 5);
	assert_int_equal(ids_census_end(ids, (uint64_t[IDS_WORDS]){0}), 1);
}

/* After random operations each number is in one state, and the counts agree. */
static void counts_agree(void **state)
{
	struct ids *ids = *state;
	uint64_t used[IDS_WORDS] = {0};
	uint64_t seed = 7;

	for (uint32_t n = 0; n < 20000; n++) {
		uint16_t id = (uint16_t)(FIRST + dice_roll(&seed, ALL)), max = IDS_NONE;
		size_t n_free = 0, n_retired = 0;

		switch (dice_roll(&seed, 6)) {
		case 0:
			ids_take(ids);
			break;
		case 1:
			ids_take_given(ids, id);
			break;
		case 2:
			if (ids_state(ids, id) == IDS_USED)
				ids_retire(ids, id, n);
			break;
		case 3:
			if (ids_state(ids, id) == IDS_USED)
				ids_give_back(ids, id);
			break;
		case 4:
			ids_published(ids);
			break;
		default:
			ids_census_begin(ids, n);
			ids_census_end(ids, used);
		}
		for (id = FIRST; id <= LAST; id++) {
			n_free += ids_state(ids, id) == IDS_FREE;
			n_retired += ids_state(ids, id) == IDS_RETIRED;
			max = ids_state(ids, id) == IDS_FREE ? max : id;
		}
		assert_int_equal(ids_n_free(ids), n_free);
		assert_int_equal(ids_n_retired(ids), n_retired);
		assert_int_equal(ids_max(ids), max);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(takes_the_lowest, setup, teardown),
		cmocka_unit_test_setup_teardown(takes_the_given, setup, teardown),
		cmocka_unit_test_setup_teardown(bounds_arrays, setup, teardown),
		cmocka_unit_test(lives_as_told),
		cmocka_unit_test_setup_teardown(clock_goes_round, setup, teardown),
		cmocka_unit_test_setup_teardown(counts_agree, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
