/* The replay window against a list of what was seen; and the high half of numbers. */
#include "esp/window.h"

#include "../dice.h"
#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MODEL = 20000 };

static const uint16_t sizes[] = {64, 128, 192, 1024, 4096};

static uint64_t bits[64];

static struct esp_window make(uint16_t size, uint64_t newest)
{
	struct esp_window w;

	memset(bits, 0, sizeof(bits));
	esp_window_init(&w, bits, size);
	if (newest > 0)
		assert_true(esp_window_set(&w, newest));
	return w;
}

static void test_words(void **state)
{
	assert_int_equal(esp_window_words(64), 1);
	assert_int_equal(esp_window_words(65), 2);
	assert_int_equal(esp_window_words(192), 4);
	assert_int_equal(esp_window_words(4096), 64);
}

/* What a window of @size says about a number @ahead of, or behind, the newest one. */
static void test_borders(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint16_t size = sizes[i];
		struct esp_window w = make(size, 10000);

		assert_false(esp_window_look(&w, 10000));
		assert_false(esp_window_set(&w, 10000));
		assert_true(esp_window_look(&w, 10001));
		assert_true(esp_window_look(&w, 10000 - size + 1));
		assert_false(esp_window_look(&w, 10000 - size));
		assert_true(esp_window_set(&w, 10000 - size + 1));
		assert_false(esp_window_look(&w, 10000 - size + 1));
		assert_int_equal(w.newest, 10000);
		/* the step that puts the oldest one out, and no other */
		assert_true(esp_window_set(&w, 10001));
		assert_false(esp_window_look(&w, 10000 - size + 1));
		assert_true(esp_window_look(&w, 10000 - size + 2));
		assert_false(esp_window_look(&w, 10000));
		/* a whole window ahead: what was seen is gone, all between is new */
		assert_true(esp_window_set(&w, 10001 + size));
		for (uint64_t n = 10002; n < 10001u + size; n++)
			assert_true(esp_window_look(&w, n));
		assert_false(esp_window_look(&w, 10001));
	}
}

static void test_zero_is_never_sent(void **state)
{
	struct esp_window w = make(64, 0);

	assert_false(esp_window_look(&w, 0));
	assert_true(esp_window_look(&w, 1));
}

/* Random numbers, forward steps of all lengths, against an array. */
static void test_model(void **state)
{
	uint64_t dice = 12;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		static uint8_t seen[MODEL];
		struct esp_window w = make(sizes[i], 0);
		uint64_t newest = 0;

		memset(seen, 0, sizeof(seen));
		seen[0] = 1;
		for (unsigned n = 0; n < 200000; n++) {
			uint32_t step = 1u << dice_roll(&dice, 13);
			uint64_t low = newest > sizes[i] + 9u ? newest - sizes[i] - 9 : 0;
			uint64_t x = low + dice_roll(&dice, (uint32_t)(newest - low) + step);
			bool new;

			if (x >= MODEL)
				break;
			new = !seen[x] && (x > newest || newest - x < sizes[i]);
			assert_int_equal(esp_window_look(&w, x), new);
			assert_int_equal(esp_window_set(&w, x), new);
			seen[x] = 1;
			newest = x > newest && new ? x : newest;
			assert_int_equal(w.newest, newest);
		}
		assert_true(newest > MODEL / 2);
	}
}

/* clang-format off */
static const struct {
	const char *why;
	uint64_t newest;
	uint32_t low;
	uint64_t number;
} esn[] = { /* a window of 64 */
	{"the first packet",                        0,           1,          1},
	{"in the window",                           0x100000100, 0x100,      0x100000100},
	{"its lower end",                           0x100000100, 0xc1,       0x1000000c1},
	{"just below: it must be the next round",   0x100000100, 0xc0,       0x2000000c0},
	{"far ahead",                               0x100000100, 0xffffffff, 0x1ffffffff},
	{"the border is crossed",                   0x1fffffff0, 0,          0x200000000},
	{"the window ends at the border",           0x1ffffffff, 0xffffffc0, 0x1ffffffc0},
	{"one more",                                0x1ffffffff, 0xffffffbf, 0x2ffffffbf},
	{"window over the border, upper part",      0x200000005, 5,          0x200000005},
	{"above it",                                0x200000005, 6,          0x200000006},
	{"lower part",                              0x200000005, 0xffffffff, 0x1ffffffff},
	{"lowest number of it",                     0x200000005, 0xffffffc6, 0x1ffffffc6},
	{"below that it is ahead",                  0x200000005, 0xffffffc5, 0x2ffffffc5},
	{"the window begins at zero",               0x20000003f, 0xffffffff, 0x2ffffffff},
	{"one number less: the round before",       0x20000003e, 0xffffffff, 0x1ffffffff},
	{"no round before the first",               5,           0xffffffff, 0},
	{"the first border",                        0xfffffff0,  1,          0x100000001},
};
/* clang-format on */

static void test_esn(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(esn); i++) {
		struct esp_window w = make(64, esn[i].newest);

		if (esp_window_number(&w, true, esn[i].low) != esn[i].number)
			fail_msg("%s", esn[i].why);
		assert_int_equal(esp_window_number(&w, false, esn[i].low), esn[i].low);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_borders),
		cmocka_unit_test(test_zero_is_never_sent),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_esn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
