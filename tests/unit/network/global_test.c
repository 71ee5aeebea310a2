/* Global prefixes found among many: the first and last address of each, and those beside them. */
#include "network/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SITES = 40, EACH = 5 };

static struct addr6 address(uint64_t net, uint64_t host)
{
	return (struct addr6){{htobe64(net), htobe64(host)}};
}

static struct addr6 next_to(const struct addr6 *addr, int step)
{
	unsigned __int128 n =
		(unsigned __int128)be64toh(addr->half[0]) << 64 | be64toh(addr->half[1]);

	n += (unsigned __int128)(__int128)step;
	return address((uint64_t)(n >> 64), (uint64_t)n);
}

static struct addr6 last_of(const struct prefix6 *prefix)
{
	struct addr6 a = prefix->addr;

	a.half[0] |= ~addr6_half_mask(prefix->len < 64 ? prefix->len : 64);
	a.half[1] |= ~addr6_half_mask(prefix->len < 64 ? 0 : prefix->len - 64u);
	return a;
}

/*
 * Lengths from /40 to /128, with gaps between the prefixes; sites in random order of their
 * addresses.
 */
static struct prefix6 prefix_of(unsigned site, unsigned k)
{
	unsigned n = site * EACH + k;
	uint64_t net = UINT64_C(0x2001) << 48 | (uint64_t)((n * 37) % (SITES * EACH)) << 33;
	struct prefix6 p = {address(net, 0), (uint8_t)(40 + n % 89)};

	return p;
}

static void each_is_its_sites(void **state)
{
	static struct prefix6 prefixes[SITES][EACH];
	static struct spec_site sites[SITES];
	struct network_spec spec = {.sites = sites, .n_sites = SITES};
	struct network *net;

	for (unsigned i = 0; i < SITES; i++) {
		for (unsigned k = 0; k < EACH; k++)
			prefixes[i][k] = prefix_of(i, k);
		sites[i] = (struct spec_site){.global_prefixes = prefixes[i],
					      .n_global_prefixes = EACH};
	}
	net = network_create(&spec, NULL);
	assert_non_null(net);
	assert_int_equal(net->n_globals, SITES * EACH);
	for (unsigned i = 0; i < SITES; i++) {
		for (unsigned k = 0; k < EACH; k++) {
			struct addr6 first = prefixes[i][k].addr, last = last_of(&prefixes[i][k]);
			struct addr6 before = next_to(&first, -1), behind = next_to(&last, 1);

			assert_int_equal(network_find_global(net, &first), i + 1);
			assert_int_equal(network_find_global(net, &last), i + 1);
			assert_int_equal(network_find_global(net, &before), SITE_INTERNET);
			assert_int_equal(network_find_global(net, &behind), SITE_INTERNET);
		}
	}
	network_destroy(net);
}

static void where_there_is_none(void **state)
{
	struct spec_site site = {.n_tunnels = 0};
	struct network_spec spec = {.sites = &site, .n_sites = 1};
	struct network *net = network_create(&spec, NULL);
	struct addr6 zero = address(0, 0), any = address(UINT64_C(0x2001) << 48, 1);

	assert_non_null(net);
	assert_int_equal(network_find_global(net, &zero), SITE_INTERNET);
	assert_int_equal(network_find_global(net, &any), SITE_INTERNET);
	network_destroy(net);
}

/* IPv6 leaves by the first pool with an IPv6 address, or by the first pool if none has one. */
static void the_uplink(void **state)
{
	struct spec_address four = {.addr = addr6_from_ipv4(htonl(0xcb007101)), .slices = {2}};
	struct spec_address six = {.addr = address(UINT64_C(0x2001) << 48, 1), .slices = {2}};
	struct spec_pool pools[] = {
		{.port = 3, .slice_size = 2048, .addresses = &four, .n_addresses = 1},
		{.port = 5, .slice_size = 2048, .addresses = &six, .n_addresses = 1},
	};
	struct network_spec spec = {.pools = pools, .n_pools = 2};
	struct network *net = network_create(&spec, NULL);

	assert_non_null(net);
	assert_int_equal(net->uplink6, 5);
	network_destroy(net);
	spec.n_pools = 1;
	net = network_create(&spec, NULL);
	assert_non_null(net);
	assert_int_equal(net->uplink6, 3);
	network_destroy(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_its_sites),
		cmocka_unit_test(where_there_is_none),
		cmocka_unit_test(the_uplink),
	};

	return cmocka_run_group_tests_name("network/global", tests, NULL, NULL);
}
