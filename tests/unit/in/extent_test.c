/*
 * The extent of a packet: compared with a plain array of bytes, for random fragments and at its
 * limits.
 */
#include "in/extent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX = EXTENT_PAYLOAD_MAX };

/* clang-format off */
static const struct {
	size_t at, len;
	bool last, sound;
	const char *why;
} sound[] = {
	{0, 8, false, true, "the smallest"},
	{0, 0, false, false, "nothing"},
	{0, 0, true, false, "nothing, at the end"},
	{0, 7, false, false, "not a multiple of eight, and more follows"},
	{0, 7, true, true, "the last one may be"},
	{4, 8, false, false, "not at a unit"},
	{65512, 3, true, true, "the last bytes there can be"},
	{65512, 4, true, false, "one too many"},
	{65528, 8, false, false, "ping of death"},
	{65504, 8, false, true, "the last whole unit"},
	{0, MAX, true, true, "everything"},
};
/* clang-format on */

static void edges(void **state)
{
	for (size_t i = 0; i < sizeof(sound) / sizeof(sound[0]); i++) {
		if (extent_is_sound(sound[i].at, sound[i].len, sound[i].last) != sound[i].sound)
			fail_msg("%s", sound[i].why);
	}
}

static void everything_at_once(void **state)
{
	struct extent e = {0};

	assert_int_equal(extent_add(&e, 0, MAX, true), EXTENT_NEW);
	assert_true(extent_is_complete(&e));
	assert_int_equal(extent_add(&e, 0, MAX, true), EXTENT_AGAIN);
	assert_int_equal(extent_add(&e, 65504, 8, false), EXTENT_AGAIN);
	assert_int_equal(extent_add(&e, 65504, 8, true), EXTENT_CLASH);
}

/* The expected result, from an array with one entry for each unit of eight bytes. */
static enum extent_verdict model(bool *units, size_t *end_of, size_t *total, size_t at, size_t len,
				 bool last)
{
	size_t end = at + len;
	bool some = false, all = true;

	for (size_t u = at / 8; u * 8 < end; u++) {
		some = some || units[u];
		all = all && units[u];
	}
	if (all && end <= *end_of && (!last || end == *total))
		return EXTENT_AGAIN;
	if (some || (last && (*total != 0 || end < *end_of)) ||
	    (!last && *total != 0 && end >= *total))
		return EXTENT_CLASH;
	for (size_t u = at / 8; u * 8 < end; u++)
		units[u] = true;
	*end_of = end > *end_of ? end : *end_of;
	*total = last ? end : *total;
	return EXTENT_NEW;
}

static void like_the_model(void **state)
{
	srandom(1);
	for (unsigned run = 0; run < 20000; run++) {
		struct extent e = {0};
		bool units[256] = {0};
		size_t end_of = 0, total = 0, scale = run % 2 ? 8 : 64;

		for (unsigned k = 0; k < 24; k++) {
			bool last = random() % 8 == 0;
			size_t at = (size_t)random() % scale * 8;
			size_t len = (size_t)(1 + random() % (long)(scale / 2)) * 8;

			len -= last ? (size_t)random() % 8 : 0;
			if (extent_add(&e, at, len, last) !=
			    model(units, &end_of, &total, at, len, last))
				fail_msg("run %u, fragment %u", run, k);
			assert_int_equal(e.total, total);
			assert_int_equal(e.end, end_of);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges),
		cmocka_unit_test(everything_at_once),
		cmocka_unit_test(like_the_model),
	};

	return cmocka_run_group_tests_name("extent", tests, NULL, NULL);
}
