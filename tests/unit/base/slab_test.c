/* Objects of one size: none is given twice, and what comes back is used again. */
#include "base/slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SIZE = 56, MANY = 100000 };

static int compare(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return (x > y) - (x < y);
}

static void test_apart(void **state)
{
	uintptr_t *at = calloc(MANY, sizeof(*at));
	struct slab s = {0};

	for (size_t i = 0; i < MANY; i++) {
		assert_true(slab_reserve(&s, SIZE, 1));
		at[i] = (uintptr_t)slab_take(&s);
		assert_int_equal(at[i] % 8, 0);
		*(uint64_t *)(at[i] + SIZE - sizeof(uint64_t)) = i; /* its end is ours, too */
	}
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(*(uint64_t *)(at[i] + SIZE - sizeof(uint64_t)), i);
	qsort(at, MANY, sizeof(*at), compare);
	for (size_t i = 1; i < MANY; i++)
		assert_true(at[i] - at[i - 1] >= SIZE);
	slab_fini(&s);
	free(at);
}

static void test_again(void **state)
{
	struct slab s = {0};
	void *a, *b;
	size_t spare;

	assert_null(slab_take(&s));
	assert_true(slab_reserve(&s, SIZE, 3));
	assert_true(s.n_spare >= 3);
	a = slab_take(&s);
	b = slab_take(&s);
	assert_ptr_not_equal(a, b);
	spare = s.n_spare;
	slab_give(&s, a);
	assert_int_equal(s.n_spare, spare + 1);
	assert_ptr_equal(slab_take(&s), a);
	slab_fini(&s);
	assert_null(slab_take(&s));
	assert_int_equal(s.n_spare, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_apart),
		cmocka_unit_test(test_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
