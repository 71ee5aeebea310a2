/* Big memory: zeroed, aligned, and refused if the machine has not enough. */
#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
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

/* The kernel would give this much address space, and kill a process when it is used. */
static void test_more_than_there_is(void **state)
{
	uint64_t available = memory_available();

	errno = 0;
	assert_null(memory_map(available - available / 64, NULL));
	assert_int_equal(errno, ENOMEM);
}

/* Two allocations never share a cache line, however small they are. */
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

static bool is_there(const unsigned char *at)
{
	unsigned char in = 0;

	assert_int_equal(mincore((void *)at, 4096, &in), 0);
	return in & 1;
}

/* Reserved memory costs nothing until it is used or settled, and settling keeps what is there. */
static void test_reserve(void **state)
{
	unsigned char *mem = memory_reserve(5 * MIB);

	assert_non_null(mem);
	assert_int_equal((uintptr_t)mem % (2 * MIB), 0);
	assert_false(is_there(mem));
	mem[4096] = 9;
	memory_settle(mem, 4 * MIB, 3 * MIB);
	assert_int_equal(mem[4096], 9);
	assert_true(is_there(mem + 3 * MIB - 4096));
	assert_false(is_there(mem + 5 * MIB - 4096));
	assert_int_equal(mem[0] | mem[3 * MIB - 1] | mem[5 * MIB - 1], 0);
	memory_unmap(mem, 5 * MIB);
}

static void test_rows(void **state)
{
	static const size_t sizes[] = {64, 256 * 1024 - 64, 256 * 1024, 3 * MIB};

	for (unsigned i = 0; i < 4; i++) {
		unsigned char *mem = memory_rows(sizes[i]);

		assert_non_null(mem);
		assert_int_equal((uintptr_t)mem % 64, 0);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(mem[k], 0);
		memset(mem, 1, sizes[i]);
		memory_rows_free(mem, sizes[i]);
	}
	memory_rows_free(NULL, 64);
	memory_rows_free(NULL, 3 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_available),
		cmocka_unit_test(test_more_than_there_is),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
