/*
 * A specification frees all that it owns, which the ASan build checks. And values that are computed
 * from it alone: overhead, MTU, slices.
 */
#include "network/spec.h"

#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Lists stay until the last one that has them is released, in whatever order. */
static void test_sites_share(void **state)
{
	for (int first = 0; first < 3; first++) {
		struct spec_site sites[3][2] = {{{.name = "a", .n_tunnels = 1}, {.name = "b"}}};

		sites[0][0].tunnels = calloc(1, sizeof(struct spec_tunnel));
		sites[0][1].prefixes = calloc(1, sizeof(struct prefix4));
		assert_non_null(sites[0][0].tunnels);
		assert_true(spec_sites_share(sites[1], sites[0], 2));
		assert_true(spec_sites_share(sites[2], sites[1], 2));
		assert_string_equal(sites[2][1].name, "b");
		spec_sites_release(sites[first], 2);
		assert_int_equal(sites[(first + 1) % 3][0].tunnels[0].mtu, 0);
		spec_sites_release(sites[(first + 1) % 3], 2);
		assert_int_equal(sites[(first + 2) % 3][0].tunnels[0].mtu, 0);
		spec_sites_release(sites[(first + 2) % 3], 2);
	}
}

static void test_fini(void **state)
{
	struct network_spec spec = {
		.sites = calloc(2, sizeof(struct spec_site)),
		.n_sites = 2,
		.pools = calloc(1, sizeof(struct spec_pool)),
		.n_pools = 1,
		.vnets = calloc(2, sizeof(struct spec_vnet)),
		.n_vnets = 2,
	};

	assert_non_null(spec.sites);
	assert_non_null(spec.vnets);
	assert_non_null(spec.pools);
	spec.sites[0].prefixes = calloc(3, sizeof(struct prefix4));
	spec.sites[1].tunnels = calloc(2, sizeof(struct spec_tunnel));
	spec.sites[1].aliases = calloc(1, sizeof(struct spec_alias));
	spec.pools[0].addresses = calloc(4, sizeof(struct spec_address));
	spec.vnets[1].routes = calloc(2, sizeof(struct spec_route));
	spec.vnets[1].n_routes = 2;
	assert_non_null(spec.vnets[1].routes);
	spec.vnets[1].routes[1].targets = calloc(3, sizeof(struct spec_target));
	network_spec_fini(&spec);
	assert_null(spec.sites);
	assert_null(spec.pools);
	assert_null(spec.vnets);
	assert_int_equal(spec.n_sites + spec.n_pools + spec.n_vnets, 0);
	network_spec_fini(&spec); /* an empty one is fine */
}

static void test_owns_slice(void **state)
{
	struct spec_address a = {.slices = {[1] = UINT64_C(1) << 3, [15] = UINT64_C(1) << 63}};

	for (uint32_t k = 0; k < SPEC_SLICES_MAX; k++)
		assert_int_equal(spec_owns_slice(&a, k), k == 67 || k == 1023);
}

/* RFC 2784 and RFC 2890: four bytes of GRE and four of a key, behind an IPv4 or IPv6 header. */
static void test_overhead(void **state)
{
	const struct addr6 six = {{1, 1}}, four = addr6_from_ipv4(htonl(1));
	const struct {
		struct spec_tunnel tunnel;
		uint16_t overhead;
	} rows[] = {
		{{.local = four}, 24},
		{{.local = four, .has_key = true}, 28},
		{{.local = six}, 44},
		{{.local = six, .has_key = true}, 48},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint16_t overhead = rows[i].overhead;

		assert_int_equal(spec_overhead(&rows[i].tunnel), overhead);
		assert_int_equal(spec_inner_mtu(&rows[i].tunnel, ETHER_MTU), 1500 - overhead);
		assert_int_equal(spec_inner_mtu(&rows[i].tunnel, overhead + 1u), 1);
		assert_int_equal(spec_inner_mtu(&rows[i].tunnel, overhead), 0);
		assert_int_equal(spec_inner_mtu(&rows[i].tunnel, 0), 0);
	}
}

static void test_slices(void **state)
{
	assert_int_equal(spec_n_slices(64), SPEC_SLICES_MAX);
	assert_int_equal(spec_n_slices(2048), 32);
	assert_int_equal(spec_n_slices(32768), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fini),	   cmocka_unit_test(test_sites_share),
		cmocka_unit_test(test_owns_slice), cmocka_unit_test(test_overhead),
		cmocka_unit_test(test_slices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
