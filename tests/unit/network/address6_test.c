/* IPv6 egress addresses are found among many, beside IPv4 ones; and the sources of sites. */
#include "network/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ADDRESSES = 300 };

static struct addr6 address(uint64_t net, uint64_t host)
{
	return (struct addr6){{htobe64(net), htobe64(host)}};
}

static struct addr6 egress(uint64_t n)
{
	return address(UINT64_C(0x20010db8000100) << 8 | n % 7, n);
}

static struct network_spec spec_of(struct spec_pool *pools, struct spec_address *addresses)
{
	for (unsigned i = 0; i < ADDRESSES; i++) {
		if (i % 3 == 0)
			addresses[i].addr = addr6_from_ipv4(htonl(0xcb007100 + i));
		else
			addresses[i].addr = egress(i);
		addresses[i].slices[0] = 2;
	}
	pools[0] = (struct spec_pool){
		.slice_size = 2048, .addresses = addresses, .n_addresses = ADDRESSES};
	return (struct network_spec){.pools = pools, .n_pools = 1};
}

static void each_is_found_and_no_other(void **state)
{
	static struct spec_address addresses[ADDRESSES];
	struct spec_pool pool;
	struct network_spec spec = spec_of(&pool, addresses);
	struct network *net = network_create(&spec, NULL);

	assert_non_null(net);
	assert_int_equal(net->pools[0].n_addresses, 100);
	assert_int_equal(net->pools[0].n_addresses6, 200);
	assert_ptr_equal(net->egress, &net->pools[0]);
	assert_ptr_equal(net->egress6, &net->pools[0]);
	for (unsigned i = 0; i < 2 * ADDRESSES; i++) {
		struct addr6 addr = egress(i), other = address(1, i);
		int found = network_find_address6(net, &addr);

		assert_int_equal(network_find_egress(net, &addr), found);
		assert_int_equal(network_is_end(net, &addr), network_is_local_end6(net, &addr));

		if (i >= ADDRESSES || i % 3 == 0) {
			assert_int_equal(found, -1);
		} else {
			assert_true(addr6_equal(&net->addresses[found].addr6, &addr));
			assert_int_equal(network_find_slice(net, (uint32_t)found, 2048),
					 net->addresses[found].first_slice);
			assert_int_equal(network_find_slice(net, (uint32_t)found, 4096), -1);
		}
		assert_int_equal(network_find_address6(net, &other), -1);
		if (i < ADDRESSES)
			assert_int_equal(network_find_address(net, htonl(0xcb007100 + i)) >= 0,
					 i % 3 == 0);
	}
	network_destroy(net);
}

static void a_pool_of_one_family(void **state)
{
	struct spec_address four = {.addr = addr6_from_ipv4(htonl(0xcb007101)), .slices = {2}};
	struct spec_address six = {.addr = egress(1), .slices = {2}};
	struct spec_pool pools[] = {
		{.slice_size = 2048, .addresses = &four, .n_addresses = 1},
		{.slice_size = 2048, .addresses = &six, .n_addresses = 1},
	};
	struct network_spec spec = {.pools = pools, .n_pools = 2};
	struct network *net = network_create(&spec, NULL);

	assert_non_null(net);
	assert_ptr_equal(net->egress, &net->pools[0]);
	assert_ptr_equal(net->egress6, &net->pools[1]);
	network_destroy(net);

	spec.n_pools = 1;
	net = network_create(&spec, NULL);
	assert_non_null(net);
	assert_null(net->egress6);
	assert_int_equal(network_find_address6(net, &six.addr), -1);
	network_destroy(net);
}

/*
 * A site with prefixes of one family has no addresses of the other one; a site without prefixes may
 * use any.
 */
static void sources(void **state)
{
	struct prefix6 ula = {address(UINT64_C(0xfd00) << 48, 0), 64};
	struct prefix6 host = {address(UINT64_C(0x20010db8) << 32, 9), 128};
	struct prefix6 lists[] = {ula, host};
	struct prefix4 four = {htonl(0x0a000100), 24};
	struct spec_site sites[] = {
		{.prefixes6 = lists, .n_prefixes6 = 2},
		{.prefixes = &four, .n_prefixes = 1},
		{.n_tunnels = 0},
	};
	struct network_spec spec = {.sites = sites, .n_sites = 3};
	struct network *net = network_create(&spec, NULL);
	/* clang-format off */
	const struct {
		struct addr6 src;
		bool allowed[3];
	} rows[] = {
		{ula.addr, {true, false, true}},
		{address(UINT64_C(0xfd00) << 48, UINT64_MAX), {true, false, true}},
		{address(UINT64_C(0xfd00) << 48 | 1, 0), {false, false, true}},
		{host.addr, {true, false, true}},
		{address(UINT64_C(0x20010db8) << 32, 8), {false, false, true}},
	};
	/* clang-format on */

	assert_non_null(net);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (uint16_t site = 1; site <= 3; site++)
			assert_int_equal(network_source6_allowed(net, site, &rows[i].src),
					 rows[i].allowed[site - 1]);
	assert_false(network_source_allowed(net, 1, htonl(0x0a000101)));
	assert_true(network_source_allowed(net, 2, htonl(0x0a000101)));
	assert_true(network_source_allowed(net, 3, htonl(0x0a000101)));
	network_destroy(net);
}

static bool uses_ipv6(const struct network_spec *spec)
{
	struct network *net = network_create(spec, NULL);
	bool uses;

	assert_non_null(net);
	uses = network_uses_ipv6(net);
	assert_int_equal(network_forwards_ipv6(net), spec_forwards_ipv6(spec));
	network_destroy(net);
	return uses;
}

/* Each of the three reasons alone is enough. */
static void who_uses_ipv6(void **state)
{
	struct spec_address four = {.addr = addr6_from_ipv4(htonl(0xcb007101)), .slices = {2}};
	struct spec_address six = {.addr = egress(1), .slices = {2}};
	struct spec_pool pool = {.slice_size = 2048, .addresses = &four, .n_addresses = 1};
	struct spec_tunnel tunnel = {
		.local = addr6_from_ipv4(1), .remote = addr6_from_ipv4(2), .mtu = 1400};
	struct prefix6 global = {egress(2), 64};
	struct spec_site site = {.name = "one", .tunnels = &tunnel, .n_tunnels = 1};
	struct network_spec spec = {.sites = &site, .n_sites = 1, .pools = &pool, .n_pools = 1};

	assert_false(uses_ipv6(&spec));
	pool.addresses = &six;
	assert_true(uses_ipv6(&spec));
	pool.addresses = &four;
	site.global_prefixes = &global;
	site.n_global_prefixes = 1;
	assert_true(uses_ipv6(&spec));
	site.n_global_prefixes = 0;
	tunnel = (struct spec_tunnel){.local = egress(3), .remote = egress(4), .mtu = 1400};
	assert_true(uses_ipv6(&spec));
}

static bool tunnel_has_ipv6(const struct network_spec *spec)
{
	struct network *net = network_create(spec, NULL);
	bool has;

	assert_non_null(net);
	has = network_tunnel_has_ipv6(net, 1);
	network_destroy(net);
	return has;
}

/* Whether a site has IPv6, which decides the least MTU of its tunnels. */
static void behind_which_tunnel_is_ipv6(void **state)
{
	enum { V4 = 1, V6 = 2, GLOBAL = 4, INSIDE = 8, EGRESS6 = 16 };
	static const struct {
		unsigned has;
		bool six;
		const char *why;
	} rows[] = {
		{0, false, "none is translated, and none ends here"},
		{EGRESS6, true, "any source may send, and is translated"},
		{INSIDE, true, "any source may send to the gateway"},
		{V4 | INSIDE | EGRESS6, false, "its hosts have IPv4 alone"},
		{V6, true, "its hosts have IPv6"},
		{V4 | V6, true, "they have both"},
		{GLOBAL, true, "they leave untranslated"},
		{V4 | GLOBAL, true, "likewise"},
	};
	struct prefix4 four = {htonl(0x0a000100), 24};
	struct prefix6 ula = {address(UINT64_C(0xfd00) << 48, 0), 64}, global = {egress(2), 64};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned has = rows[i].has;
		struct spec_address addr = {.addr = addr6_from_ipv4(htonl(0xcb007101)),
					    .slices = {2}};
		struct spec_pool pool = {.slice_size = 2048, .addresses = &addr, .n_addresses = 1};
		struct spec_tunnel tunnel = {
			.local = addr6_from_ipv4(1), .remote = addr6_from_ipv4(2), .mtu = 1400};
		struct spec_site site = {.tunnels = &tunnel, .n_tunnels = 1};
		struct network_spec spec = {
			.sites = &site, .n_sites = 1, .pools = &pool, .n_pools = 1};

		if (has & EGRESS6)
			addr = (struct spec_address){.addr = egress(1), .slices = {2}};
		if (has & INSIDE)
			tunnel.address6 = egress(5);
		site.prefixes = &four;
		site.n_prefixes = (has & V4) != 0;
		site.prefixes6 = &ula;
		site.n_prefixes6 = (has & V6) != 0;
		site.global_prefixes = &global;
		site.n_global_prefixes = (has & GLOBAL) != 0;
		if (tunnel_has_ipv6(&spec) != rows[i].six)
			fail_msg("row %zu: %s", i, rows[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_uses_ipv6),
		cmocka_unit_test(behind_which_tunnel_is_ipv6),
		cmocka_unit_test(each_is_found_and_no_other),
		cmocka_unit_test(a_pool_of_one_family),
		cmocka_unit_test(sources),
	};

	return cmocka_run_group_tests_name("network/address6", tests, NULL, NULL);
}
