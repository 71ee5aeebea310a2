/* Text from outside: which characters may be shown on a terminal. */
#include "base/clean.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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
	{"\xe0\x80\x9b", "???", "and in three"},
	{"\xed\xa0\x80", "???", "half a pair of UTF-16"},
	{"\xf4\x90\x80\x80", "????", "beyond the last character"},
};

static void test_clean(void **state)
{
	char out[64];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		clean_text(names[i].in, out, sizeof(out));
		if (strcmp(out, names[i].want) != 0)
			fail_msg("%s: got \"%s\"", names[i].why, out);
	}
	clean_text("abcdef", out, 4);
	assert_string_equal(out, "abc");
	clean_text("ab\xc3\xa9", out, 4); /* no room for the last character */
	assert_string_equal(out, "ab");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
