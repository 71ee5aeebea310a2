/* The exact output of tables, blanks included. */
#include "table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct table_column columns[] = {
	{"NAME", TABLE_LEFT}, {"PACKETS", TABLE_RIGHT}, {"HELP", TABLE_LEFT}, {NULL}};

static char *printed(const struct table *t, int titles)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	table_print(t, titles, out);
	fclose(out);
	return text;
}

static void test_aligned(void **state)
{
	struct table *t = table_create(columns);
	char *text;

	table_cell(t, "a");
	table_cell(t, "%d", 12345678);
	table_cell(t, "right-aligned numbers");
	table_cell(t, "caf\xc3\xa9s"); /* five characters, six bytes */
	table_cell(t, "7");
	table_cell(t, "%s", "");
	text = printed(t, 1);
	assert_string_equal(text, "NAME    PACKETS  HELP\n"
				  "a      12345678  right-aligned numbers\n"
				  "caf\xc3\xa9s         7\n");
	free(text);
	table_destroy(t);
}

static void test_without_titles(void **state)
{
	static const struct table_column fixed[] = {
		{"A", TABLE_LEFT, 4}, {"B", TABLE_RIGHT, 3}, {NULL}};
	struct table *t = table_create(fixed);
	char *text;

	table_cell(t, "x");
	table_cell(t, "y");
	text = printed(t, 0);
	assert_string_equal(text, "x       y\n"); /* as wide as with longer cells */
	free(text);
	table_destroy(t);
}

static void test_cells_are_clean(void **state)
{
	static const struct table_column one[] = {{"NAME", TABLE_LEFT}, {NULL}};
	struct table *t = table_create(one);
	char *text;

	table_cell(t, "evil\x1b]0;title\x07\n");
	text = printed(t, 0);
	assert_string_equal(text, "evil?]0;title??\n");
	free(text);
	table_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aligned),
		cmocka_unit_test(test_without_titles),
		cmocka_unit_test(test_cells_are_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
