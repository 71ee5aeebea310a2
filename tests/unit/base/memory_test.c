/* Big memory: zeroed, aligned, and refused if the machine has not enough. */
#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { MIB = 1 << 20 };

static void test_map(void **state)
{
	enum memory_kind kind = -1;
	unsigned char *mem = memory_map(3 * MIB, &kind);

	assert_non_null(mem);
	assert_true(kind == MEMORY_HUGE || kind == MEMORY_TRANSPARENT);
	assert_int_equal((uintptr_t)mem % (2 * MIB), 0);
	for (size_t i = 0; i < 3 * MIB; i++)
		assert_int_equal(mem[i], 0);
	memset(mem, 1, 3 * MIB);
	memory_unmap(mem, 3 * MIB);
	memory_unmap(NULL, 1);
}

static void test_available(void **state)
{
	uint64_t total = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	assert_in_range(memory_available(), MIB, total);
	assert_in_range(memory_huge_available(), 0, total);
}

/* The kernel would give so much address space, and kill somebody when it is touched. */
static void test_more_than_there_is(void **state)
{
	uint64_t available = memory_available();

	errno = 0;
	assert_null(memory_map(available - available / 64, NULL));
	assert_int_equal(errno, ENOMEM);
}

/* Two neighbours never share a cache line, however small they are. */
static void test_lines(void **state)
{
	for (size_t size = 1; size < 200; size += 7) {
		unsigned char *a = memory_lines(size), *b = memory_lines(size);

		assert_non_null(a);
		assert_non_null(b);
		assert_int_equal((uintptr_t)a % 64, 0);
		assert_true((uintptr_t)(a + size - 1) / 64 != (uintptr_t)b / 64);
		assert_true((uintptr_t)(b + size - 1) / 64 != (uintptr_t)a / 64);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(a[i] | b[i], 0);
		free(a);
		free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_available),
		cmocka_unit_test(test_more_than_there_is),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
