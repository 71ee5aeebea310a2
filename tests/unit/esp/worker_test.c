/* A worker's state is made, and two do not share it. */
#include "esp/worker.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_two(void **state)
{
	struct esp_table *t = esp_table_create(2);
	struct esp_worker *a = esp_worker_create(t, 0), *b = esp_worker_create(t, 1);

	assert_non_null(a);
	assert_non_null(b);
	assert_ptr_not_equal(a->cipher, b->cipher);
	assert_int_equal(b->index, 1);
	a->acquire_ns[65535] = 1;
	assert_int_equal(b->acquire_ns[65535], 0);
	esp_worker_destroy(a);
	esp_worker_destroy(b);
	esp_worker_destroy(NULL);
	esp_table_destroy(t);
	esp_table_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_two)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
