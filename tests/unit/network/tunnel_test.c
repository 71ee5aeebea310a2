/* Tunnels by their outer IPv4 addresses and key: each is found, and no other. */
#include "spec_bed.h"

#include "dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
/* clang-format on */

static void test_tunnels(void **state)
{
	struct network *net = network_create(&bed_spec, NULL);

	assert_non_null(net);
	for (size_t i = 0; i < ARRAY_SIZE(tunnel_rows); i++) {
		uint16_t tunnel = network_find_tunnel(net, bed_ip(tunnel_rows[i].local),
						      bed_ip(tunnel_rows[i].remote),
						      tunnel_rows[i].has_key, tunnel_rows[i].key);

		if (tunnel != tunnel_rows[i].tunnel)
			fail_msg("row %zu: tunnel %u: %s", i, tunnel, tunnel_rows[i].why);
	}
	network_destroy(net);
}

/* 50,000 tunnels, many to one local end, random keys: each is found, and none of 50,000 others. */
static void test_many_tunnels(void **state)
{
	enum { MANY = 50000 };
	unsigned guessed = 0;
	struct spec_tunnel *tunnels = calloc(MANY, sizeof(*tunnels));
	struct spec_site site = {.name = "many", .tunnels = tunnels, .n_tunnels = MANY};
	uint64_t dice = 11;
	struct network *net;

	assert_non_null(tunnels);
	for (uint32_t i = 0; i < MANY; i++) {
		tunnels[i].local = addr6_from_ipv4(htonl(0xc6336400 + i % 7));
		tunnels[i].remote = addr6_from_ipv4(htonl(0xc6000000 + i / 3));
		tunnels[i].has_key = i % 3 != 0;
		tunnels[i].key = i % 3 == 0 ? 0 : (uint32_t)dice_next(&dice) & ~3u;
		tunnels[i].mtu = 1476;
	}
	net = network_create(&(struct network_spec){.sites = &site, .n_sites = 1}, NULL);
	assert_non_null(net);
	for (uint32_t i = 0; i < MANY; i++) {
		const struct spec_tunnel *t = &tunnels[i];

		be32_t local = addr6_to_ipv4(&t->local), remote = addr6_to_ipv4(&t->remote);

		assert_int_equal(network_find_tunnel(net, local, remote, t->has_key, t->key),
				 i + 1);
		assert_int_equal(network_find_tunnel(net, local, remote, true, t->key | 1),
				 TUNNEL_NONE);
		assert_int_equal(net->tunnel_sites[i + 1], 1);
		guessed += network_tunnel_guess(network_tunnel_place(net, local, remote, t->has_key,
								     t->key)) == i + 1;
	}
	assert_in_range(guessed, MANY * 3 / 4, MANY); /* the first place is most often right */
	assert_true(net->is_large);
	assert_int_equal(net->tunnel_sites[TUNNEL_NONE], SITE_INTERNET);
	network_destroy(net);
	free(tunnels);
}

/* So few slots that all tunnels collide: each field has to be compared. */
static void test_crowded_index(void **state)
{
	uint64_t dice = 13;

	for (unsigned round = 0; round < 500; round++) {
		struct spec_tunnel t[4] = {0};
		struct spec_site site = {.name = "few", .tunnels = t, .n_tunnels = 4};
		struct network *net;

		for (unsigned i = 0; i < 4; i++) {
			t[i].local = addr6_from_ipv4((be32_t)dice_next(&dice));
			t[i].remote = addr6_from_ipv4((be32_t)dice_next(&dice));
			t[i].has_key = i % 2;
			t[i].key = i < 3 ? 0 : 5;
			t[i].mtu = 1476;
		}
		net = network_create(&(struct network_spec){.sites = &site, .n_sites = 1}, NULL);
		for (unsigned i = 0; i < 4; i++) {
			be32_t local = addr6_to_ipv4(&t[i].local);
			be32_t remote = addr6_to_ipv4(&t[i].remote);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tunnels),
		cmocka_unit_test(test_many_tunnels),
		cmocka_unit_test(test_crowded_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
