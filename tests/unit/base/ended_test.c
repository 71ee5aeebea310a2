/* Reasons why changes end flows: names are unique, each has a sentence. */
#include "base/ended.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_names(void **state)
{
	for (int i = 0; i < ENDED_COUNT; i++) {
		assert_true(strlen(ended_infos[i].name) > 0 && strlen(ended_infos[i].help) > 0);
		assert_int_equal(strspn(ended_infos[i].name, "abcdefghijklmnopqrstuvwxyz_"),
				 strlen(ended_infos[i].name));
		for (int k = 0; k < i; k++)
			assert_string_not_equal(ended_infos[i].name, ended_infos[k].name);
	}
	assert_string_equal(ended_infos[ENDED_SLICE_LOST].name, "slice_lost");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
