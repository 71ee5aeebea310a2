/* Shares: each port of a slice has exactly one owner, and both functions agree on it. */
#include "path/share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The owner by multiplication is the same as the one by a look at all shares, for all ports. */
static void check_owners(uint32_t size, uint16_t count)
{
	uint16_t owner = 0;

	for (uint32_t offset = 0; offset < size; offset++) {
		uint16_t port = (uint16_t)(65536 - size + offset);

		while (offset >= share_begin(size, owner + 1u, count))
			owner++;
		assert_int_equal(share_owner(port, size, count), owner);
	}
}

static void test_owner(void **state)
{
	for (uint32_t size = 64; size <= 32768; size *= 2) {
		for (uint16_t count = 1; count <= 7; count++)
			check_owners(size, count);
		check_owners(size, 32);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
