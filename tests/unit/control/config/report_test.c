/* How a sentence shows text from the file, with any content; and the limit of errors. */
#include "control/config/report.h"

#include "base/err.h"
#include "control/config/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEN "0123456789"
#define FORTY TEN TEN TEN TEN

static const struct {
	const char *text, *shown;
	const char *why;
} rows[] = {
	{"", "\"\"", "nothing"},
	{"eth0", "\"eth0\"", "as it is"},
	{"a\n\x1b[31m\x7f", "\"a??[31m?\"", "control characters"},
	{"\xc2\x9b"
	 "31m",
	 "\"?31m\"", "the other control characters"},
	{"\xc2\xa0\xc3\xa9", "\"\xc2\xa0\xc3\xa9\"", "letters of others"},
	{FORTY "ab", "\"" FORTY "ab\"", "the longest that is shown whole"},
	{FORTY "abc", "\"" FORTY "ab...\"", "one more is cut"},
	{FORTY "a\xc3\xa9z", "\"" FORTY "a...\"", "not inside a character"},
	{FORTY "\xf0\x9f\x8f\xa0z", "\"" FORTY "...\"", "however long it is"},
	{FORTY "a\xc3\xa9", "\"" FORTY "a...\"", "even at the end"},
};

static void test_shown(void **state)
{
	char buf[REPORT_SHOWN_SIZE];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(report_shown(rows[i].text, buf), rows[i].shown) != 0)
			fail_msg("%s: %s, not %s", rows[i].why, buf, rows[i].shown);
	}
}

static void test_bound(void **state)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct report report = {.file = "f", .errs = &errs};
	struct tree_node node = {.line = 3, .column = 4};

	for (int i = 0; i < REPORT_MAX; i++)
		report_at(&report, &node, "number %d", i);
	assert_int_equal(errs.n, REPORT_MAX);
	assert_false(report_is_full(&report));
	report_place(&report, 1, 2, "one more");
	assert_true(report_is_full(&report));
	report_place(&report, 1, 2, "and one");
	assert_int_equal(errs.n, REPORT_MAX + 1);
	assert_int_equal(errs.errs[7].line, 3);
	assert_int_equal(errs.errs[7].column, 4);
	assert_string_equal(errs.errs[7].text, "number 7");
	assert_int_equal(errs.errs[REPORT_MAX].line, 0);
	err_list_fini(&errs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shown),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
