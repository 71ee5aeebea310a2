/* A list of sentences with their places: what is printed, and in which order. */
#include "base/err.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *file;
	unsigned line, column;
	const char *text;
} added[] = {
	{"a.yaml", 9, 2, "last"},	   {"a.yaml", 3, 7, "second"}, {"a.yaml", 3, 1, "first"},
	{"a.yaml", 3, 7, "second, again"}, {"a.yaml", 5, 0, "a line"}, {NULL, 0, 0, "no place"},
};

static const char expected[] = "no place\n"
			       "a.yaml:3:1: first\n"
			       "a.yaml:3:7: second\n"
			       "a.yaml:3:7: second, again\n"
			       "a.yaml:5: a line\n"
			       "a.yaml:9:2: last\n";

static void print(struct err_list *list, char **text)
{
	size_t len;
	FILE *out = open_memstream(text, &len);

	assert_non_null(out);
	err_print(list, out);
	fclose(out);
}

static void test_sorted_by_place(void **state)
{
	struct err_list list = ERR_LIST_EMPTY;
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(added); i++)
		err_add(&list, added[i].file, added[i].line, added[i].column, "%s", added[i].text);
	assert_int_equal(list.n, ARRAY_SIZE(added));
	print(&list, &text);
	assert_string_equal(text, expected);
	free(text);
	err_list_fini(&list);
	assert_int_equal(list.n, 0);
}

static void test_copies(void **state)
{
	struct err_list list = ERR_LIST_EMPTY;
	char file[] = "b.yaml", *text;

	err_add(&list, file, 1, 1, "%s is %d", "capacity", -1);
	memset(file, 'x', sizeof(file) - 1);
	print(&list, &text);
	assert_string_equal(text, "b.yaml:1:1: capacity is -1\n");
	free(text);
	err_list_fini(&list);
}

static void test_empty(void **state)
{
	struct err_list list = ERR_LIST_EMPTY;
	char *text;

	print(&list, &text);
	assert_string_equal(text, "");
	free(text);
	err_list_fini(&list);
	err_list_fini(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sorted_by_place),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
