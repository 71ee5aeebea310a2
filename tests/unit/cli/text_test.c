/* Numbers and names as people like to read them. */
#include "text.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	struct text (*text)(uint64_t n);
	uint64_t n;
	const char *want;
} rows[] = {
	{text_count, 0, "0"},
	{text_count, 999, "999"},
	{text_count, 1000, "1,000"},
	{text_count, 1234567, "1,234,567"},
	{text_count, UINT64_MAX, "18,446,744,073,709,551,615"},
	{text_bytes, 0, "0 B"},
	{text_bytes, 999, "999 B"},
	{text_bytes, 1000, "1.0 kB"},
	{text_bytes, 12345, "12.3 kB"},
	{text_bytes, 99949, "99.9 kB"},
	{text_bytes, 99951, "100 kB"},
	{text_bytes, 999499, "999 kB"},
	{text_bytes, 999500, "1.0 MB"},
	{text_bytes, 123456789, "123 MB"},
	{text_bytes, UINT64_MAX, "18.4 EB"},
	{text_duration, 0, "0 s"},
	{text_duration, 59, "59 s"},
	{text_duration, 60, "1 min 00 s"},
	{text_duration, 3599, "59 min 59 s"},
	{text_duration, 7440, "2 h 04 min"},
	{text_duration, 86400, "1 d 00 h"},
	{text_duration, 1000000, "11 d 13 h"},
};

static void test_numbers(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(rows[i].text(rows[i].n).buf, rows[i].want);
}

static void test_share(void **state)
{
	assert_string_equal(text_share(0, 2048).buf, "0 %");
	assert_string_equal(text_share(1, 2048).buf, "<0.1 %");
	assert_string_equal(text_share(1024, 2048).buf, "50.0 %");
	assert_string_equal(text_share(5, 0).buf, "0 %");
}

static const struct {
	const char *in, *want;
	const char *why;
} names[] = {
	{"paris-1", "paris-1", "an honest name"},
	{"caf\xc3\xa9", "caf\xc3\xa9", "UTF-8 stays"},
	{"\xf0\x9f\x8f\xa0", "\xf0\x9f\x8f\xa0", "four bytes of it, too"},
	{"a\x1b[2Jb", "a?[2Jb", "ESC would clear the screen"},
	{"a\nb\tc\rd", "a?b?c?d", "a name is one line"},
	{"a\x7f", "a?", "DEL"},
	{"a\xc2\x9b"
	 "2J",
	 "a??2J", "C1: the other way to write ESC ["},
	{"a\xff", "a?", "not UTF-8"},
	{"a\xc3", "a?", "cut off in the middle"},
	{"\xc0\x9b", "??", "ESC in two bytes: not the shortest form"},
};

static void test_clean(void **state)
{
	char out[64];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		text_clean(names[i].in, out, sizeof(out));
		if (strcmp(out, names[i].want) != 0)
			fail_msg("%s: got \"%s\"", names[i].why, out);
	}
	text_clean("abcdef", out, 4);
	assert_string_equal(out, "abc");
	text_clean("ab\xc3\xa9", out, 4); /* the last character has no room */
	assert_string_equal(out, "ab");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_share),
		cmocka_unit_test(test_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
