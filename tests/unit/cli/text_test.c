/* Numbers and names in the form that people read. */
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

static void test_counted(void **state)
{
	assert_string_equal(text_counted(0, "query", "queries").buf, "0 queries");
	assert_string_equal(text_counted(1, "query", "queries").buf, "1 query");
	assert_string_equal(text_counted(1234, "query", "queries").buf, "1,234 queries");
}

static void test_share(void **state)
{
	assert_string_equal(text_share(0, 2048).buf, "0 %");
	assert_string_equal(text_share(1, 2048).buf, "<0.1 %");
	assert_string_equal(text_share(1024, 2048).buf, "50.0 %");
	assert_string_equal(text_share(5, 0).buf, "0 %");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_counted),
		cmocka_unit_test(test_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
