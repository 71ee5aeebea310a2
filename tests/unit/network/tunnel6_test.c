/* Tunnels over IPv6: found among many by every field, beside tunnels over IPv4. */
#include "dice.h"
#include "network/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MANY = 20000, FOURS = 100 };

static struct addr6 address(uint64_t net, uint64_t host)
{
	return (struct addr6){{htobe64(net), htobe64(host)}};
}

static uint16_t find(const struct network *net, const struct spec_tunnel *t)
{
	return network_find_tunnel6(net, &t->local, &t->remote, t->has_key, t->key);
}

/*
 * Few local ends, remote ends that differ in either half, three tunnels to each: without key, and
 * with two keys.
 */
static void make(struct spec_tunnel *t, uint32_t i)
{
	*t = (struct spec_tunnel){.mtu = 1456, .outer_ttl = 9};
	if (i % (MANY / FOURS) == 0) {
		t->local = addr6_from_ipv4(htonl(0xc6336401));
		t->remote = addr6_from_ipv4(htonl(0xc6330000 + i));
		return;
	}
	t->local = address(UINT64_C(0x20010db8) << 32, i % 5 + 1);
	t->remote = address(UINT64_C(0x20010db8) << 32 | (i / 3) % 64, i / 3);
	t->has_key = i % 3 != 0;
	t->key = i % 3 == 2 ? i : 0;
}

static void each_is_found_and_no_other(void **state)
{
	struct spec_tunnel *tunnels = calloc(MANY, sizeof(*tunnels));
	struct spec_site site = {.name = "many", .tunnels = tunnels, .n_tunnels = MANY};
	struct network *net;

	assert_non_null(tunnels);
	for (uint32_t i = 0; i < MANY; i++)
		make(&tunnels[i], i);
	net = network_create(&(struct network_spec){.sites = &site, .n_sites = 1}, NULL);
	assert_non_null(net);
	for (uint32_t i = 0; i < MANY; i++) {
		const struct spec_tunnel *t = &tunnels[i];
		struct addr6 local = network_tunnel_local(net, (uint16_t)(i + 1));
		struct addr6 remote = network_tunnel_remote(net, (uint16_t)(i + 1));
		struct spec_tunnel other = *t;

		assert_true(addr6_equal(&local, &t->local));
		assert_true(addr6_equal(&remote, &t->remote));
		if (addr6_is_mapped(&local)) {
			assert_int_equal(find(net, t), TUNNEL_NONE);
			assert_int_equal(network_find_tunnel(net, addr6_to_ipv4(&local),
							     addr6_to_ipv4(&remote), t->has_key,
							     t->key),
					 i + 1);
			continue;
		}
		assert_int_equal(find(net, t), i + 1);
		other.remote.half[0] ^= htobe64(UINT64_C(1) << 20);
		assert_int_equal(find(net, &other), TUNNEL_NONE);
		other = *t;
		other.remote.half[1] ^= htobe64(UINT64_C(1) << 40);
		assert_int_equal(find(net, &other), TUNNEL_NONE);
		other = *t;
		other.key ^= UINT32_C(1) << 31;
		other.has_key = true;
		assert_int_equal(find(net, &other), TUNNEL_NONE);
	}
	network_destroy(net);
	free(tunnels);
}

/* So few slots that all tunnels collide: each field has to be compared. */
static void a_crowded_index(void **state)
{
	uint64_t dice = 17;

	for (unsigned round = 0; round < 500; round++) {
		struct spec_tunnel t[3] = {0};
		struct spec_site site = {.name = "few", .tunnels = t, .n_tunnels = 3};
		struct network *net;

		for (unsigned i = 0; i < 3; i++) {
			t[i].local = address(dice_next(&dice) | 1, dice_next(&dice));
			t[i].remote = address(dice_next(&dice) | 1, dice_next(&dice));
			t[i].has_key = i > 0;
			t[i].key = i < 2 ? 0 : 5;
			t[i].mtu = 1456;
		}
		net = network_create(&(struct network_spec){.sites = &site, .n_sites = 1}, NULL);
		assert_non_null(net);
		for (unsigned i = 0; i < 3; i++) {
			for (unsigned field = 0; field < 6; field++) {
				struct spec_tunnel other = t[i];

				other.local.half[0] ^= field == 0;
				other.local.half[1] ^= field == 1;
				other.remote.half[0] ^= field == 2;
				other.remote.half[1] ^= field == 3;
				other.has_key ^= field == 4;
				other.key ^= field == 5;
				assert_int_equal(find(net, &other), TUNNEL_NONE);
			}
			assert_int_equal(find(net, &t[i]), i + 1);
			assert_true(network_is_local_end6(net, &t[i].local));
			assert_true(network_is_ours6(net, &t[i].local));
			assert_false(network_is_local_end6(net, &t[i].remote));
			assert_false(network_is_ours6(net, &t[i].remote));
			assert_int_equal(network_find_address6(net, &t[i].local), -1);
		}
		network_destroy(net);
	}
}

/* The properties of a tunnel follow from its outer header. */
static void what_is_compiled(void **state)
{
	struct spec_tunnel t[] = {
		{.mtu = 1456},
		{.mtu = 1279},
		{.mtu = 1456,
		 .address = addr6_from_ipv4(htonl(0x0a0000fe)),
		 .has_key = true,
		 .key = 7},
	};
	struct spec_site site = {.name = "some", .tunnels = t, .n_tunnels = ARRAY_SIZE(t)};
	const struct addr6 inside = address(UINT64_C(0xfd00) << 48, 1);
	struct network *net;

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		t[i].local = address(UINT64_C(0x20010db8) << 32, 1);
		t[i].remote = address(UINT64_C(0x20010db8) << 32, 2 + i);
	}
	t[2].address6 = inside;
	net = network_create(&(struct network_spec){.sites = &site, .n_sites = 1}, NULL);
	assert_non_null(net);
	assert_int_equal(net->tunnels[1].outer, OUTER_IPV6);
	assert_int_equal(net->tunnels[1].header_len, 44);
	assert_int_equal(net->tunnels[1].address, htonl(0xc0000008));
	assert_true(addr6_equal(&net->tunnel_addresses6[1], &t[0].local));
	assert_true(addr6_is_zero(&net->tunnel_addresses6[2])); /* IPv6 does not fit */
	assert_int_equal(net->tunnels[3].header_len, 48);
	assert_int_equal(net->tunnels[3].address, addr6_to_ipv4(&t[2].address));
	assert_true(addr6_equal(&net->tunnel_addresses6[3], &inside));
	network_destroy(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_found_and_no_other),
		cmocka_unit_test(a_crowded_index),
		cmocka_unit_test(what_is_compiled),
	};

	return cmocka_run_group_tests_name("network/tunnel6", tests, NULL, NULL);
}
