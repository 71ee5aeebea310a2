/* Interconnects are found by port and VLAN, whatever is asked for, and by nothing else. */
#include "network/network.h"

#include "tunnel/kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { TUNNELS = 200, PORTS = 32 };

static struct spec_tunnel tunnels[TUNNELS];
static struct spec_site site = {.name = "s", .tunnels = tunnels, .n_tunnels = TUNNELS};

/* Every third is a GRE tunnel. Ports 3, 10, 17 and so on; each has VLAN 0 and others. */
static bool is_interconnect(uint32_t i)
{
	return i % 3 != 0;
}

static uint16_t port_of(uint32_t i)
{
	return (uint16_t)(i % 4 * 7 + 3);
}

static uint16_t vlan_of(uint32_t i)
{
	return i < 4 ? 0 : (uint16_t)(4094 - i * 17);
}

static struct network *create(void)
{
	struct network *net;

	for (uint32_t i = 0; i < TUNNELS; i++) {
		tunnels[i] = (struct spec_tunnel){.mtu = 1400, .port = port_of(i)};
		if (is_interconnect(i)) {
			tunnels[i].type = TUNNEL_INTERCONNECT;
			tunnels[i].vlan = vlan_of(i);
			continue;
		}
		tunnels[i].local = addr6_from_ipv4(htonl(1));
		tunnels[i].remote = addr6_from_ipv4(htonl(2 + i));
	}
	net = network_create(&(struct network_spec){.sites = &site, .n_sites = 1}, NULL);
	assert_non_null(net);
	return net;
}

static uint16_t expected(unsigned port, unsigned vlan)
{
	for (uint32_t i = 0; i < TUNNELS; i++)
		if (is_interconnect(i) && port_of(i) == port && vlan_of(i) == vlan)
			return (uint16_t)(i + 1);
	return TUNNEL_NONE;
}

/* All ports that a byte can name, and numbers of VLANs with bits above the twelfth. */
static void test_every_place(void **state)
{
	struct network *net = create();
	unsigned found = 0;

	for (unsigned port = 0; port <= UINT8_MAX; port++)
		for (unsigned vlan = 0; vlan < 4096; vlan++) {
			uint16_t id = expected(port, vlan);

			found += id != TUNNEL_NONE;
			assert_int_equal(
				network_find_interconnect(net, (uint8_t)port, (uint16_t)vlan), id);
		}
	assert_int_equal(network_find_interconnect(net, 10, 0xf000), expected(10, 0));
	assert_int_not_equal(expected(10, 0), TUNNEL_NONE);
	assert_int_equal(net->n_interconnects, found);
	network_destroy(net);
}

static void test_not_by_addresses(void **state)
{
	struct addr6 zero = addr6_from_ipv4(0), none = {{0}};
	struct network *net = create();

	assert_int_equal(network_find_tunnel(net, 0, 0, false, 0), TUNNEL_NONE);
	assert_int_equal(network_find_tunnel6(net, &none, &none, false, 0), TUNNEL_NONE);
	assert_false(network_is_local_end(net, 0));
	assert_false(network_is_local_end6(net, &none));
	assert_false(network_has_tunnel_between(net, &zero, &zero));
	assert_false(network_uses_ipv6(net));
	network_destroy(net);
}

static void test_headers(void **state)
{
	struct network *net = create();

	for (uint32_t i = 0; i < TUNNELS; i++) {
		const struct tunnel *t = &net->tunnels[i + 1];

		assert_int_equal(network_is_interconnect(net, (uint16_t)(i + 1)),
				 is_interconnect(i));
		if (!is_interconnect(i))
			continue;
		assert_int_equal(t->header_len, vlan_of(i) == 0 ? 0 : 4);
		assert_int_equal(t->header[0] << 8 | t->header[1], vlan_of(i));
		assert_int_equal(network_inner_mtu(net, (uint16_t)(i + 1), 1500), 1500);
		assert_int_equal(ntohl(t->address), 0xc0000008); /* RFC 7600: none is set */
	}
	network_destroy(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_place),
		cmocka_unit_test(test_not_by_addresses),
		cmocka_unit_test(test_headers),
	};

	return cmocka_run_group_tests_name("interconnect", tests, NULL, NULL);
}
