/* Counts of flows between two addresses: the answer is never "none" while there is one. */
#include "flow/remotes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PAIRS = 5000, STRANGERS = 100000 };

static struct addr6 address6(uint32_t n)
{
	return (struct addr6){{htobe64(UINT64_C(0x20010db800000000)), htobe64(n)}};
}

static uint32_t place_of(const struct remotes *r, bool six, uint32_t local, uint32_t remote)
{
	struct addr6 a = address6(local), b = address6(remote);

	return six ? remotes_place6(r, &a, &b) : remotes_place(r, htonl(local), htonl(remote));
}

/* An added pair is reported until it is removed; of other pairs few are reported. */
static void test_pairs(void **state)
{
	for (unsigned six = 0; six < 2; six++) {
		struct remotes *r = remotes_create(7);
		unsigned seem = 0;

		assert_non_null(r);
		for (uint32_t i = 0; i < PAIRS; i++)
			remotes_add(r, place_of(r, six, i % 4, i));
		for (uint32_t i = 0; i < PAIRS; i++)
			assert_true(remotes_may_have(r, place_of(r, six, i % 4, i)));
		for (uint32_t i = 0; i < STRANGERS; i++)
			seem += remotes_may_have(r, place_of(r, six, 1, 0x1000000 + i));
		assert_in_range(seem, 0, STRANGERS / 12); /* PAIRS of 2^17 are 3.8 % */
		for (uint32_t i = 0; i < PAIRS; i++)
			remotes_remove(r, place_of(r, six, i % 4, i));
		for (uint32_t i = 0; i < sizeof(r->counts); i++)
			assert_false(remotes_may_have(r, i));
		remotes_destroy(r);
	}
}

/* A count that reached its maximum stays there: the real number is unknown. */
static void test_full(void **state)
{
	struct remotes *r = remotes_create(0);
	uint32_t place;

	assert_non_null(r);
	place = place_of(r, false, 1, 2);
	for (unsigned i = 0; i < REMOTES_FULL - 1; i++)
		remotes_add(r, place);
	for (unsigned i = 0; i < REMOTES_FULL - 1; i++) {
		assert_true(remotes_may_have(r, place));
		remotes_remove(r, place);
	}
	assert_false(remotes_may_have(r, place));
	for (unsigned i = 0; i < 1000; i++)
		remotes_add(r, place);
	for (unsigned i = 0; i < 1000; i++)
		remotes_remove(r, place);
	assert_true(remotes_may_have(r, place));
	remotes_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
