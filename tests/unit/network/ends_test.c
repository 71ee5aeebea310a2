/* Pairs of outer addresses: of tunnels of both families, with any key. */
#include "network/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { TUNNELS = 300 };

static struct spec_tunnel tunnels[TUNNELS];
static struct spec_site site = {.name = "s", .tunnels = tunnels, .n_tunnels = TUNNELS};

static struct addr6 address6(uint32_t n)
{
	return (struct addr6){{htobe64(UINT64_C(0x20010db800000000)), htobe64(n)}};
}

static bool between(const struct network *net, uint32_t local, uint32_t remote)
{
	struct addr6 a = addr6_from_ipv4(htonl(local)), b = addr6_from_ipv4(htonl(remote));

	return network_has_tunnel_between(net, &a, &b);
}

static bool between6(const struct network *net, uint32_t local, uint32_t remote)
{
	struct addr6 a = address6(local), b = address6(remote);

	return network_has_tunnel_between(net, &a, &b);
}

static void test_ends(void **state)
{
	struct network *net;

	for (uint32_t i = 0; i < TUNNELS; i++) {
		tunnels[i] = (struct spec_tunnel){.mtu = 1400, .has_key = true, .key = i};
		if (i % 2) {
			tunnels[i].local = address6(1);
			tunnels[i].remote = address6(1000 + i / 4);
		} else {
			tunnels[i].local = addr6_from_ipv4(htonl(1));
			tunnels[i].remote =
				addr6_from_ipv4(htonl(1000 + i / 4)); /* two tunnels each */
		}
	}
	net = network_create(&(struct network_spec){.sites = &site, .n_sites = 1}, NULL);
	assert_non_null(net);
	for (uint32_t n = 900; n < 1200; n++) {
		bool there = n >= 1000 && n < 1000 + TUNNELS / 4;

		assert_int_equal(between(net, 1, n), there);
		assert_int_equal(between6(net, 1, n), there);
		assert_false(between(net, n, 1)); /* in the other direction */
		assert_false(between6(net, 2, n));
	}
	network_destroy(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_ends)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
