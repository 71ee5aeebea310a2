/* Sites and tunnels by name, few and many. */
#include "network/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct spec_pool pools[] = {{.name = "internet", .slice_size = 2048}};

/* With the maximum number of sites each name finds its id, and no other name finds one. */
static void test_all(void **state)
{
	static const uint32_t counts[] = {0, 1, 3, 4, 5, 1000, 65000};

	for (size_t c = 0; c < ARRAY_SIZE(counts); c++) {
		uint32_t n = counts[c];
		struct spec_site *sites = calloc(n + 1, sizeof(*sites));
		struct spec_tunnel *tunnels = calloc(n + 1, sizeof(*tunnels));
		struct network_spec spec = {
			.sites = sites, .n_sites = n, .pools = pools, .n_pools = 1};
		struct network *net;

		for (uint32_t i = 0; i < n; i++) {
			tunnels[i] = (struct spec_tunnel){.local = addr6_from_ipv4(1),
							  .remote = addr6_from_ipv4(2 + i),
							  .mtu = 1400};
			sites[i] = (struct spec_site){.tunnels = &tunnels[i], .n_tunnels = 1};
			snprintf(tunnels[i].name, sizeof(tunnels[i].name), "tunnel-%u", i);
			snprintf(sites[i].name, sizeof(sites[i].name), "site-%u", i);
		}
		net = network_create(&spec, NULL);
		assert_non_null(net);
		for (uint32_t i = 0; i < n; i++) {
			assert_int_equal(network_find_site(net, sites[i].name), i + 1);
			assert_int_equal(network_find_tunnel_name(net, tunnels[i].name), i + 1);
			assert_int_equal(network_find_site(net, tunnels[i].name), SITE_INTERNET);
			assert_int_equal(network_find_tunnel_name(net, sites[i].name), TUNNEL_NONE);
		}
		assert_int_equal(network_find_site(net, ""), SITE_INTERNET);
		assert_int_equal(network_find_site(net, "internet"), SITE_INTERNET);
		network_destroy(net);
		free(sites);
		free(tunnels);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
