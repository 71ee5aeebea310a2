/*
 * Virtual networks: the egress of their sites, and where the operator's routes lead.
 *
 *   default   sites a, dc     10.8.0.0/16 -> dc; 10.8.1.0/24 -> drop; 0.0.0.0/0 -> link to shared
 *   shared    site s          10.9.0.0/16 -> s, or dc as a second priority; egress `own`
 *   island    site i          fd00::/8 -> i; no egress; link to shared for 10.9.1.0/24
 *   loop      site l          10.0.0.0/8 -> link to loop
 */
#include "network/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { A = 1, DC, S, I, L };
enum { DEFAULT, SHARED, ISLAND, LOOP };

static struct addr6 ip(const char *text)
{
	be32_t four;
	struct addr6 six;

	if (inet_pton(AF_INET, text, &four) == 1)
		return addr6_from_ipv4(four);
	assert_int_equal(inet_pton(AF_INET6, text, &six), 1);
	return six;
}

static struct prefix6 prefix(const char *text, uint8_t len)
{
	struct addr6 addr = ip(text);

	return (struct prefix6){addr, addr6_is_mapped(&addr) ? (uint8_t)(MAPPED_BITS + len) : len};
}

static struct spec_target to_dc[] = {{.kind = TARGET_SITE, .index = 1}};
static struct spec_target to_s[] = {{.kind = TARGET_TUNNEL, .index = 2},
				    {.kind = TARGET_SITE, .index = 1, .priority = 200}};
static struct spec_target to_i[] = {{.kind = TARGET_SITE, .index = 3}};
static struct spec_target drop[] = {{.kind = TARGET_DROP}};
static struct spec_target to_shared[] = {{.kind = TARGET_LINK, .index = SHARED}};
static struct spec_target to_loop[] = {{.kind = TARGET_LINK, .index = LOOP}};
static struct spec_target to_pool[] = {{.kind = TARGET_EGRESS, .index = 2}};

static struct spec_route routes[][3] = {
	{{.targets = to_dc, .n_targets = 1},
	 {.targets = drop, .n_targets = 1},
	 {.targets = to_shared, .n_targets = 1}},
	{{.targets = to_s, .n_targets = 2}, {.targets = to_pool, .n_targets = 1}},
	{{.targets = to_i, .n_targets = 1}, {.targets = to_shared, .n_targets = 1}},
	{{.targets = to_loop, .n_targets = 1}},
};

static struct spec_vnet vnets[] = {
	{.name = "default", .routes = routes[0], .n_routes = 3, .egress_pool = SPEC_POOL_DEFAULT},
	{.name = "shared", .routes = routes[1], .n_routes = 2, .egress_pool = 1},
	{.name = "island", .routes = routes[2], .n_routes = 2, .no_egress = true},
	{.name = "loop", .routes = routes[3], .n_routes = 1, .egress_pool = SPEC_POOL_DEFAULT},
};

static struct spec_tunnel tunnels[5];
static struct spec_site sites[] = {
	{.name = "a", .tunnels = &tunnels[0], .n_tunnels = 1},
	{.name = "dc", .tunnels = &tunnels[1], .n_tunnels = 1},
	{.name = "s", .tunnels = &tunnels[2], .n_tunnels = 1, .vnet = SHARED},
	{.name = "i", .tunnels = &tunnels[3], .n_tunnels = 1, .vnet = ISLAND},
	{.name = "l", .tunnels = &tunnels[4], .n_tunnels = 1, .vnet = LOOP},
};

static struct spec_address addresses[3];
static struct spec_pool pools[] = {
	{.name = "first", .slice_size = 2048, .addresses = &addresses[0], .n_addresses = 1},
	{.name = "own", .slice_size = 2048, .addresses = &addresses[1], .n_addresses = 1},
	{.name = "by route",
	 .slice_size = 2048,
	 .mapping = MAPPING_ENDPOINT_INDEPENDENT,
	 .filtering = FILTERING_ENDPOINT_INDEPENDENT,
	 .addresses = &addresses[2],
	 .n_addresses = 1},
};

static const uint16_t vnet_ids[] = {0, 30, 7, 2};

static struct network *create(void)
{
	const struct network_spec spec = {
		.sites = sites,
		.n_sites = 5,
		.pools = pools,
		.n_pools = 3,
		.vnets = vnets,
		.n_vnets = 4,
	};
	const struct network_ids ids = {.vnets = vnet_ids};
	struct network *net;

	routes[0][0].prefix = prefix("10.8.0.0", 16);
	routes[0][1].prefix = prefix("10.8.1.0", 24);
	routes[0][2].prefix = prefix("0.0.0.0", 0);
	routes[1][0].prefix = prefix("10.9.0.0", 16);
	routes[1][1].prefix = prefix("192.0.2.0", 24);
	routes[2][0].prefix = prefix("fd00::", 8);
	routes[2][1].prefix = prefix("10.9.1.0", 24);
	routes[3][0].prefix = prefix("10.0.0.0", 8);
	for (unsigned i = 0; i < 3; i++) {
		addresses[i].addr = ip("203.0.113.1");
		addresses[i].addr.half[1] += htobe64(i);
		addresses[i].slices[0] = 2;
	}
	for (unsigned i = 0; i < 5; i++) {
		tunnels[i].local = ip("198.51.100.1");
		tunnels[i].remote = ip("198.51.100.2");
		tunnels[i].has_key = true;
		tunnels[i].key = i;
	}
	net = network_create(&spec, &ids);
	assert_non_null(net);
	return net;
}

static void test_leads(void **state)
{
	/* clang-format off */
	static const struct {
		unsigned vnet;
		const char *dst;
		uint16_t site;
		bool leads, reaches; /* static, learned */
		const char *why;
	} rows[] = {
		{DEFAULT, "10.8.2.1", DC, true,  true,  "a site"},
		{DEFAULT, "10.8.2.1", A,  false, true,  "another site of the network"},
		{DEFAULT, "10.8.1.1", DC, false, true,  "a longer prefix is a drop"},
		{DEFAULT, "10.9.1.1", S,  true,  true,  "through a link, the tunnel of a site"},
		{DEFAULT, "10.9.1.1", I,  false, false, "a network without a link"},
		{SHARED,  "10.9.1.1", DC, true,  false, "any priority"},
		{SHARED,  "10.8.2.1", DC, false, false, "a link has one direction"},
		{ISLAND,  "fd00::1",  I,  true,  true,  "IPv6"},
		{ISLAND,  "10.9.1.1", S,  true,  true,  "a link for a part of the prefix"},
		{ISLAND,  "10.9.2.1", S,  false, false, "and no more"},
		{ISLAND,  "fe80::1",  I,  false, true,  "no route of IPv6"},
		{LOOP,    "10.1.1.1", DC, false, false, "a loop ends"},
		{LOOP,    "10.1.1.1", 99, false, false, "no such site"},
	};
	/* clang-format on */
	struct network *net = create();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct addr6 dst = ip(rows[i].dst);
		uint16_t vnet = vnet_ids[rows[i].vnet];

		if (network_leads_to(net, vnet, &dst, rows[i].site) != rows[i].leads)
			fail_msg("row %zu: %s", i, rows[i].why);
		if (network_reaches(net, vnet, &dst, rows[i].site) != rows[i].reaches)
			fail_msg("row %zu, learned: %s", i, rows[i].why);
		assert_false(network_leads_to(net, 31, &dst, rows[i].site));
		assert_false(network_leads_to(net, 1, &dst, rows[i].site));
	}
	network_destroy(net);
}

static void test_egress(void **state)
{
	struct network *net = create();
	const struct site *a = &net->sites[A], *s = &net->sites[S], *i = &net->sites[I];
	const struct site *l = &net->sites[L];

	assert_ptr_equal(a->egress, &net->pools[0]);
	assert_null(a->egress6);
	assert_false(a->no_egress);
	assert_ptr_equal(s->egress, &net->pools[1]);
	assert_null(i->egress);
	assert_true(i->no_egress);
	assert_ptr_equal(l->egress, &net->pools[0]);

	/* a route to a pool of another mapping, here or behind a link */
	assert_true(s->is_mixed && s->by_source);
	assert_true(a->is_mixed && a->by_source);
	assert_true(i->is_mixed && i->by_source);
	assert_false(l->is_mixed || l->by_source);
	assert_true(net->lets_in);
	assert_true(net->has_routes6);
	assert_true(network_forwards_ipv6(net));
	network_destroy(net);
}

/* Without virtual networks nothing differs between sites. */
static void test_none(void **state)
{
	const struct network_spec spec = {
		.sites = sites, .n_sites = 2, .pools = pools, .n_pools = 3};
	struct network *net;
	const struct addr6 dst = ip("10.8.2.1");

	network_destroy(create()); /* fills in the addresses */
	net = network_create(&spec, NULL);
	assert_ptr_equal(net->sites[A].egress, net->egress);
	assert_false(net->sites[A].is_mixed || net->sites[A].by_source || net->lets_in);
	assert_false(network_leads_to(net, 0, &dst, DC));
	assert_false(network_forwards_ipv6(net));
	network_destroy(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leads),
		cmocka_unit_test(test_egress),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
