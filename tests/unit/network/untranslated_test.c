/*
 * Which sources leave untranslated, by which routes, and by which uplink.
 *
 *   default  sites a, b   10.0.1.0/24 both; a 10.0.1.128/25, too    192.0.2.0/24 -> pools 0 and 1, untranslated
 *                                                                   192.0.2.128/25 -> pool 0
 *   linked   site c       10.7.0.0/16                               192.0.2.0/24 -> link to default
 *   closed   site d       10.9.0.0/16                               192.0.2.0/24 -> pool 0
 */
#include "network/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DEFAULT, LINKED, CLOSED, VNETS };
enum { FIRST_PORT = 3, SECOND_PORT, OTHER_PORT };

static be32_t four(const char *text)
{
	be32_t addr;

	assert_int_equal(inet_pton(AF_INET, text, &addr), 1);
	return addr;
}

static struct spec_target out[] = {{.kind = TARGET_EGRESS, .index = 0, .untranslated = true},
				   {.kind = TARGET_EGRESS, .index = 1, .untranslated = true}};
static struct spec_target translated[] = {{.kind = TARGET_EGRESS}};
static struct spec_target link[] = {{.kind = TARGET_LINK, .index = DEFAULT}};
static struct spec_route routes[][2] = {
	{{.targets = out, .n_targets = 2}, {.targets = translated, .n_targets = 1}},
	{{.targets = link, .n_targets = 1}},
	{{.targets = translated, .n_targets = 1}},
};
static struct spec_vnet vnets[] = {
	{.name = "default", .routes = routes[0], .n_routes = 2, .egress_pool = SPEC_POOL_DEFAULT},
	{.name = "linked", .routes = routes[1], .n_routes = 1, .egress_pool = SPEC_POOL_DEFAULT},
	{.name = "closed", .routes = routes[2], .n_routes = 1, .egress_pool = SPEC_POOL_DEFAULT},
};
static struct spec_tunnel tunnels[4];
static struct prefix4 prefixes[4][2];
static struct spec_site sites[] = {
	{.name = "a",
	 .prefixes = prefixes[0],
	 .n_prefixes = 2,
	 .tunnels = &tunnels[0],
	 .n_tunnels = 1},
	{.name = "b",
	 .prefixes = prefixes[1],
	 .n_prefixes = 1,
	 .tunnels = &tunnels[1],
	 .n_tunnels = 1},
	{.name = "c",
	 .vnet = LINKED,
	 .prefixes = prefixes[2],
	 .n_prefixes = 1,
	 .tunnels = &tunnels[2],
	 .n_tunnels = 1},
	{.name = "d",
	 .vnet = CLOSED,
	 .prefixes = prefixes[3],
	 .n_prefixes = 1,
	 .tunnels = &tunnels[3],
	 .n_tunnels = 1},
};
static struct spec_address addresses[2];
static struct spec_pool pools[] = {
	{.name = "first",
	 .port = FIRST_PORT,
	 .slice_size = 2048,
	 .addresses = &addresses[0],
	 .n_addresses = 1},
	{.name = "second",
	 .port = SECOND_PORT,
	 .slice_size = 2048,
	 .addresses = &addresses[1],
	 .n_addresses = 1},
};

static struct network *make(void)
{
	struct network_spec spec = {
		.sites = sites,
		.n_sites = ARRAY_SIZE(sites),
		.pools = pools,
		.n_pools = ARRAY_SIZE(pools),
		.vnets = vnets,
		.n_vnets = VNETS,
	};
	struct network *net;

	for (unsigned v = 0; v < VNETS; v++)
		routes[v][0].prefix =
			(struct prefix6){addr6_from_ipv4(four("192.0.2.0")), MAPPED_BITS + 24};
	routes[DEFAULT][1].prefix =
		(struct prefix6){addr6_from_ipv4(four("192.0.2.128")), MAPPED_BITS + 25};
	prefixes[0][0] = (struct prefix4){four("10.0.1.128"), 25};
	prefixes[0][1] = prefixes[1][0] = (struct prefix4){four("10.0.1.0"), 24};
	prefixes[2][0] = (struct prefix4){four("10.7.0.0"), 16};
	prefixes[3][0] = (struct prefix4){four("10.9.0.0"), 16};
	for (unsigned i = 0; i < ARRAY_SIZE(tunnels); i++)
		tunnels[i] = (struct spec_tunnel){.name = "t",
						  .local = addr6_from_ipv4(four("10.7.0.1")),
						  .remote = addr6_from_ipv4(htonl(0xc6130001 + i)),
						  .mtu = 1400};
	for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++)
		addresses[i] = (struct spec_address){addr6_from_ipv4(htonl(0xcb007101 + i)), {2}};
	net = network_create(&spec, NULL);
	assert_non_null(net);
	return net;
}

static void test_sources(void **state)
{
	static const struct {
		const char *addr;
		bool is;
		const char *why;
	} rows[] = {
		{"10.0.1.0", true, "the first one"},
		{"10.0.1.200", true, "in two prefixes"},
		{"10.0.1.255", true, "the last one"},
		{"10.0.0.255", false, "before it"},
		{"10.0.2.0", false, "behind it"},
		{"10.7.255.255", true, "of a network that is linked to one that lets out"},
		{"10.7.0.1", false, "a tunnel end of ours"},
		{"10.9.0.1", false, "of a network that lets nothing out"},
		{"0.0.0.0", false, "before all"},
		{"255.255.255.255", false, "behind all"},
	};
	struct network *net = make();

	assert_int_equal(net->n_untranslated, 2);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (network_is_untranslated(net, four(rows[i].addr)) != rows[i].is)
			fail_msg("%s: %s", rows[i].addr, rows[i].why);
	/* a site without a list may use any source, but none that is another's */
	assert_true(network_may_leave_untranslated(net, 1, four("10.0.1.200")));
	assert_false(network_may_leave_untranslated(net, 1, four("10.9.0.1")));
	net->sites[1].n_prefixes = 0;
	assert_false(network_may_leave_untranslated(net, 1, four("10.0.1.200")));
	network_destroy(net);
}

static void test_routes(void **state)
{
	static const struct {
		uint16_t vnet;
		const char *dst;
		int wanted, found; /* uplinks; -1: no route */
	} rows[] = {
		{DEFAULT, "192.0.2.1", FIRST_PORT, FIRST_PORT},
		{DEFAULT, "192.0.2.1", SECOND_PORT, SECOND_PORT},
		{DEFAULT, "192.0.2.1", OTHER_PORT, FIRST_PORT},
		{DEFAULT, "192.0.2.200", FIRST_PORT, -1}, /* a longer prefix is translated */
		{DEFAULT, "198.51.100.1", FIRST_PORT, -1},
		{LINKED, "192.0.2.1", SECOND_PORT, SECOND_PORT},
		{LINKED, "192.0.2.200", SECOND_PORT, -1},
		{CLOSED, "192.0.2.1", FIRST_PORT, -1},
		{VNETS, "192.0.2.1", FIRST_PORT, -1},
	};
	struct network *net = make();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct addr6 dst = addr6_from_ipv4(four(rows[i].dst));
		uint8_t port = (uint8_t)rows[i].wanted;
		bool found = network_leaves_untranslated(net, rows[i].vnet, &dst, &port);

		assert_int_equal(found ? port : -1, rows[i].found);
	}
	network_destroy(net);
}

/* Without such a route nothing is compared. */
static void test_none(void **state)
{
	struct network *net;

	out[0].untranslated = out[1].untranslated = false;
	net = make();
	assert_int_equal(net->n_untranslated, 0);
	assert_false(network_is_untranslated(net, four("10.0.1.1")));
	network_destroy(net);
	out[0].untranslated = out[1].untranslated = true;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
