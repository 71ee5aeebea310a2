/* A specification gives back all it owns: the leak checker of the ASan build is the judge. */
#include "network/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_fini(void **state)
{
	struct network_spec spec = {
		.sites = calloc(2, sizeof(struct spec_site)),
		.n_sites = 2,
		.pools = calloc(1, sizeof(struct spec_pool)),
		.n_pools = 1,
	};

	assert_non_null(spec.sites);
	assert_non_null(spec.pools);
	spec.sites[0].prefixes = calloc(3, sizeof(struct prefix4));
	spec.sites[1].tunnels = calloc(2, sizeof(struct spec_tunnel));
	spec.pools[0].addresses = calloc(4, sizeof(struct spec_address));
	network_spec_fini(&spec);
	assert_null(spec.sites);
	assert_null(spec.pools);
	assert_int_equal(spec.n_sites + spec.n_pools, 0);
	network_spec_fini(&spec); /* an empty one is fine */
}

static void test_owns_slice(void **state)
{
	struct spec_address a = {.slices = {[1] = UINT64_C(1) << 3, [15] = UINT64_C(1) << 63}};

	for (uint32_t k = 0; k < SPEC_SLICES_MAX; k++)
		assert_int_equal(spec_owns_slice(&a, k), k == 67 || k == 1023);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fini),
		cmocka_unit_test(test_owns_slice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
