/*
 * The compiled network: everything that was asked for is found, and nothing else.
 *
 *   berlin   10.0.1.0/24, 172.16.0.0/12   b1 no key, b2 key 0, b3 key 7: the same outer addresses
 *   madrid   any source                   m1 key 7 from another address
 *   tokyo    no tunnel
 *   pool wide    203.0.113.1, slices of 2048: 1 and 31; 203.0.113.2: slice 5
 *   pool narrow  203.0.113.3, slices of 64: 1023
 */
#include "network/network.h"

#include "dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static be32_t ip(const char *text)
{
	be32_t addr;

	assert_int_equal(inet_pton(AF_INET, text, &addr), 1);
	return addr;
}

#define ADDR(a, b, c, d) (be32_t)((uint32_t)(d) << 24 | (c) << 16 | (b) << 8 | (a))

static struct prefix4 berlin_prefixes[2] = {{ADDR(10, 0, 1, 0), 24}, {ADDR(172, 16, 0, 0), 12}};

static struct spec_tunnel berlin_tunnels[3] = {
	{.name = "b1",
	 .local = ADDR(198, 51, 100, 1),
	 .remote = ADDR(198, 51, 100, 10),
	 .address = ADDR(10, 255, 0, 1),
	 .mtu = 1476,
	 .port = 3},
	{.name = "b2",
	 .local = ADDR(198, 51, 100, 1),
	 .remote = ADDR(198, 51, 100, 10),
	 .has_key = true,
	 .key = 0,
	 .mtu = 1472},
	{.name = "b3",
	 .local = ADDR(198, 51, 100, 1),
	 .remote = ADDR(198, 51, 100, 10),
	 .has_key = true,
	 .key = 7,
	 .mtu = 1472},
};
static struct spec_tunnel madrid_tunnels[1] = {
	{.name = "m1",
	 .local = ADDR(198, 51, 100, 2),
	 .remote = ADDR(198, 51, 100, 20),
	 .has_key = true,
	 .key = 7,
	 .mtu = 576},
};
static struct spec_site sites[3] = {
	{.name = "berlin",
	 .prefixes = berlin_prefixes,
	 .n_prefixes = 2,
	 .tunnels = berlin_tunnels,
	 .n_tunnels = 3},
	{.name = "madrid", .tunnels = madrid_tunnels, .n_tunnels = 1},
	{.name = "tokyo"},
};
static struct spec_address wide[2] = {
	{.addr = ADDR(203, 0, 113, 1), .slices = {UINT64_C(1) << 1 | UINT64_C(1) << 31}},
	{.addr = ADDR(203, 0, 113, 2), .slices = {UINT64_C(1) << 5}},
};
static struct spec_address narrow[1] = {
	{.addr = ADDR(203, 0, 113, 3), .slices = {[15] = UINT64_C(1) << 63}},
};
static struct spec_pool pools[2] = {
	{.name = "wide", .port = 1, .slice_size = 2048, .addresses = wide, .n_addresses = 2},
	{.name = "narrow", .port = 2, .slice_size = 64, .addresses = narrow, .n_addresses = 1},
};
static const struct network_spec spec = {
	.sites = sites, .n_sites = 3, .pools = pools, .n_pools = 2};

/* clang-format off */
static const struct {
	const char *local, *remote;
	bool has_key;
	uint32_t key;
	uint16_t tunnel;
	const char *why;
} tunnel_rows[] = {
	{ "198.51.100.1", "198.51.100.10", false, 0, 1, "no key" },
	{ "198.51.100.1", "198.51.100.10", true,  0, 2, "key 0 is not no key" },
	{ "198.51.100.1", "198.51.100.10", true,  7, 3, "by key" },
	{ "198.51.100.2", "198.51.100.20", true,  7, 4, "the same key elsewhere" },
	{ "198.51.100.1", "198.51.100.10", true,  8, TUNNEL_NONE, "another key" },
	{ "198.51.100.2", "198.51.100.20", false, 0, TUNNEL_NONE, "its key is missing" },
	{ "198.51.100.10", "198.51.100.1", false, 0, TUNNEL_NONE, "the wrong way round" },
	{ "198.51.100.1", "198.51.100.20", true,  7, TUNNEL_NONE, "ends of two tunnels" },
	{ "0.0.0.0",      "0.0.0.0",       false, 0, TUNNEL_NONE, "nothing at all" },
};

static const struct {
	const char *addr;
	int address;
	bool local_end;
	const char *why;
} address_rows[] = {
	{ "203.0.113.1",   0,  false, "first of the first pool" },
	{ "203.0.113.2",   1,  false, "second" },
	{ "203.0.113.3",   2,  false, "of the second pool" },
	{ "203.0.113.4",   -1, false, "nobody's" },
	{ "198.51.100.1",  -1, true,  "a local end" },
	{ "198.51.100.2",  -1, true,  "the other one" },
	{ "198.51.100.10", -1, false, "a remote end" },
	{ "10.255.0.1",    -1, false, "an inner address" },
	{ "0.0.0.0",       -1, false, "no address" },
};

static const struct {
	uint32_t address;
	uint16_t port;
	int slice;
	const char *why;
} slice_rows[] = {
	{ 0, 0,     -1, "the lowest ports are nobody's" },
	{ 0, 2047,  -1, "just below slice 1" },
	{ 0, 2048,   0, "first port of slice 1" },
	{ 0, 4095,   0, "its last" },
	{ 0, 4096,  -1, "just above" },
	{ 0, 63487, -1, "just below slice 31" },
	{ 0, 63488,  1, "first of slice 31" },
	{ 0, 65535,  1, "the last port" },
	{ 1, 2048,  -1, "slice 1 of another address" },
	{ 1, 10240,  2, "slice 5" },
	{ 1, 12287,  2, "its last" },
	{ 1, 12288, -1, "just above" },
	{ 2, 65471, -1, "just below slice 1023" },
	{ 2, 65472,  3, "small slices" },
	{ 2, 65535,  3, "the last port" },
};

static const struct {
	uint16_t site;
	const char *src;
	bool allowed;
	const char *why;
} source_rows[] = {
	{ 1, "10.0.1.0",       true,  "first of the prefix" },
	{ 1, "10.0.1.255",     true,  "last of it" },
	{ 1, "10.0.0.255",     false, "just below" },
	{ 1, "10.0.2.0",       false, "just above" },
	{ 1, "172.31.255.255", true,  "the other prefix" },
	{ 1, "172.32.0.0",     false, "just above that" },
	{ 2, "10.0.2.0",       true,  "no list: any" },
	{ 3, "1.2.3.4",        true,  "no list: any" },
};
/* clang-format on */

static void test_tunnels(void **state)
{
	struct network *net = network_create(&spec);

	assert_non_null(net);
	for (size_t i = 0; i < ARRAY_SIZE(tunnel_rows); i++) {
		uint16_t tunnel = network_find_tunnel(net, ip(tunnel_rows[i].local),
						      ip(tunnel_rows[i].remote),
						      tunnel_rows[i].has_key, tunnel_rows[i].key);

		if (tunnel != tunnel_rows[i].tunnel)
			fail_msg("row %zu: tunnel %u: %s", i, tunnel, tunnel_rows[i].why);
	}
	network_destroy(net);
}

static void test_addresses(void **state)
{
	struct network *net = network_create(&spec);

	for (size_t i = 0; i < ARRAY_SIZE(address_rows); i++) {
		be32_t addr = ip(address_rows[i].addr);

		if (network_find_address(net, addr) != address_rows[i].address ||
		    network_is_local_end(net, addr) != address_rows[i].local_end)
			fail_msg("row %zu, %s: %s", i, address_rows[i].addr, address_rows[i].why);
	}
	network_destroy(net);
}

/* The slice that has @port of address number @a, by looking at all of them. */
static int stupid_find_slice(const struct network *net, uint32_t a, uint32_t port)
{
	for (uint32_t k = 0; k < net->n_slices; k++) {
		const struct slice *s = &net->slices[k];

		if (s->addr == net->addresses[a].addr && port >= s->first_port &&
		    port < s->first_port + s->size)
			return (int)k;
	}
	return -1;
}

static void test_slices(void **state)
{
	struct network *net = network_create(&spec);

	assert_int_equal(net->n_slices, 4);
	for (size_t i = 0; i < ARRAY_SIZE(slice_rows); i++) {
		int slice = network_find_slice(net, slice_rows[i].address, slice_rows[i].port);

		if (slice != slice_rows[i].slice)
			fail_msg("row %zu: slice %d: %s", i, slice, slice_rows[i].why);
	}
	for (uint32_t a = 0; a < net->n_addresses; a++) {
		for (uint32_t port = 0; port < 65536; port++)
			assert_int_equal(network_find_slice(net, a, (uint16_t)port),
					 stupid_find_slice(net, a, port));
	}
	network_destroy(net);
}

static void test_sources(void **state)
{
	struct network *net = network_create(&spec);

	for (size_t i = 0; i < ARRAY_SIZE(source_rows); i++) {
		if (network_source_allowed(net, source_rows[i].site, ip(source_rows[i].src)) !=
		    source_rows[i].allowed)
			fail_msg("row %zu, %s: %s", i, source_rows[i].src, source_rows[i].why);
	}
	network_destroy(net);
}

static void test_names_and_decisions(void **state)
{
	static const char *const tunnels[] = {"none", "b1", "b2", "b3", "m1"};
	struct network *net = network_create(&spec);
	const struct tunnel *b1 = &net->tunnels[1], *m1 = &net->tunnels[4];

	assert_string_equal(network_site_name(net, SITE_INTERNET), "internet");
	assert_string_equal(network_site_name(net, 1), "berlin");
	assert_string_equal(network_site_name(net, 3), "tokyo");
	for (uint16_t t = 0; t < ARRAY_SIZE(tunnels); t++)
		assert_string_equal(network_tunnel_name(net, t), tunnels[t]);
	assert_ptr_equal(network_tunnel_spec(net, 4), &madrid_tunnels[0]);

	assert_int_equal(net->tunnels[TUNNEL_NONE].site, SITE_INTERNET);
	assert_int_equal(b1->site, 1);
	assert_int_equal(b1->mtu, 1476);
	assert_int_equal(b1->port, 3);
	assert_int_equal(b1->header_len, 24);
	assert_int_equal(b1->address, ip("10.255.0.1"));
	assert_int_equal(m1->site, 2);
	assert_int_equal(m1->mtu, 576);
	assert_int_equal(m1->header_len, 28);
	assert_int_equal(m1->address, ip("198.51.100.2")); /* none given: the local end */
	assert_int_equal(net->sites[2].first_tunnel, 4);
	assert_int_equal(net->pools[1].first_address, 2);
	assert_int_equal(net->addresses[2].port, 2);
	assert_int_equal(net->addresses[0].n_slices, 2);
	network_destroy(net);
}

static void test_empty(void **state)
{
	struct network *net = network_create(&(struct network_spec){0});

	assert_non_null(net);
	assert_int_equal(network_find_tunnel(net, ip("198.51.100.1"), 0, false, 0), TUNNEL_NONE);
	assert_int_equal(network_find_address(net, ip("203.0.113.1")), -1);
	assert_false(network_is_local_end(net, ip("203.0.113.1")));
	network_destroy(net);
	network_destroy(NULL);
}

/* 50,000 tunnels, many to one local end, random keys: each is found, and none of 50,000 others. */
static void test_many_tunnels(void **state)
{
	enum { MANY = 50000 };
	struct spec_tunnel *tunnels = calloc(MANY, sizeof(*tunnels));
	struct spec_site site = {.name = "many", .tunnels = tunnels, .n_tunnels = MANY};
	uint64_t dice = 11;
	struct network *net;

	assert_non_null(tunnels);
	for (uint32_t i = 0; i < MANY; i++) {
		tunnels[i].local = htonl(0xc6336400 + i % 7);
		tunnels[i].remote = htonl(0xc6000000 + i / 3);
		tunnels[i].has_key = i % 3 != 0;
		tunnels[i].key = i % 3 == 0 ? 0 : (uint32_t)dice_next(&dice) & ~3u;
		tunnels[i].mtu = 1476;
	}
	net = network_create(&(struct network_spec){.sites = &site, .n_sites = 1});
	assert_non_null(net);
	for (uint32_t i = 0; i < MANY; i++) {
		const struct spec_tunnel *t = &tunnels[i];

		assert_int_equal(network_find_tunnel(net, t->local, t->remote, t->has_key, t->key),
				 i + 1);
		assert_int_equal(network_find_tunnel(net, t->local, t->remote, true, t->key | 1),
				 TUNNEL_NONE);
	}
	network_destroy(net);
	free(tunnels);
}

/* So few slots that everybody stands in everybody's way: each field has to be compared. */
static void test_crowded_index(void **state)
{
	uint64_t dice = 13;

	for (unsigned round = 0; round < 500; round++) {
		struct spec_tunnel t[4] = {0};
		struct spec_site site = {.name = "few", .tunnels = t, .n_tunnels = 4};
		struct network *net;

		for (unsigned i = 0; i < 4; i++) {
			t[i].local = (be32_t)dice_next(&dice);
			t[i].remote = (be32_t)dice_next(&dice);
			t[i].has_key = i % 2;
			t[i].key = i < 3 ? 0 : 5;
			t[i].mtu = 1476;
		}
		net = network_create(&(struct network_spec){.sites = &site, .n_sites = 1});
		for (unsigned i = 0; i < 4; i++) {
			be32_t local = t[i].local, remote = t[i].remote;
			uint32_t key = t[i].key;

			assert_int_equal(network_find_tunnel(net, local, remote, i % 2, key),
					 i + 1);
			assert_int_equal(network_find_tunnel(net, local, remote, i % 2 == 0, key),
					 TUNNEL_NONE);
			assert_int_equal(network_find_tunnel(net, local, remote, i % 2, key + 1),
					 TUNNEL_NONE);
			assert_int_equal(network_find_tunnel(net, local, ~remote, i % 2, key),
					 TUNNEL_NONE);
			assert_int_equal(network_find_tunnel(net, ~local, remote, i % 2, key),
					 TUNNEL_NONE);
			assert_false(network_is_local_end(net, ~local));
		}
		network_destroy(net);
	}
}

/* An address in several pools: one that lets the Internet in is enough, listed before or after. */
static void test_lets_in(void **state)
{
	static struct spec_address shut[2] = {{.addr = ADDR(203, 0, 113, 1), .slices = {1}},
					      {.addr = ADDR(203, 0, 113, 2), .slices = {1}}};
	static struct spec_address open[2] = {{.addr = ADDR(203, 0, 113, 3), .slices = {1}},
					      {.addr = ADDR(203, 0, 113, 1), .slices = {2}}};
	static struct spec_address late[1] = {{.addr = ADDR(203, 0, 113, 3), .slices = {4}}};
	static struct spec_pool several[3] = {
		{.addresses = shut, .n_addresses = 2, .slice_size = 2048},
		{.addresses = open,
		 .n_addresses = 2,
		 .slice_size = 2048,
		 .mapping = MAPPING_ENDPOINT_INDEPENDENT,
		 .filtering = FILTERING_ENDPOINT_INDEPENDENT},
		{.addresses = late, .n_addresses = 1, .slice_size = 2048},
	};
	struct network *net =
		network_create(&(struct network_spec){.pools = several, .n_pools = 3});

	assert_non_null(net);
	assert_true(network_address_lets_in(net, ADDR(203, 0, 113, 1)));
	assert_false(network_address_lets_in(net, ADDR(203, 0, 113, 2)));
	assert_true(network_address_lets_in(net, ADDR(203, 0, 113, 3)));
	assert_false(network_address_lets_in(net, ADDR(203, 0, 113, 4)));
	network_destroy(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tunnels),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_names_and_decisions),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_many_tunnels),
		cmocka_unit_test(test_crowded_index),
		cmocka_unit_test(test_lets_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
