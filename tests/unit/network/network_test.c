/* The compiled network: ids and names, and the properties of each tunnel. */
#include "spec_bed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_names_and_decisions(void **state)
{
	static const char *const tunnels[] = {"none", "b1", "b2", "b3", "m1"};
	struct network *net = network_create(&bed_spec, NULL);
	const struct tunnel *b1 = &net->tunnels[1], *m1 = &net->tunnels[4];

	assert_string_equal(network_site_name(net, SITE_INTERNET), "internet");
	assert_string_equal(network_site_name(net, 1), "berlin");
	assert_string_equal(network_site_name(net, 3), "tokyo");
	for (uint16_t t = 0; t < ARRAY_SIZE(tunnels); t++)
		assert_string_equal(network_tunnel_name(net, t), tunnels[t]);
	assert_ptr_equal(network_tunnel_spec(net, 4), &bed_spec.sites[1].tunnels[0]);

	assert_int_equal(net->tunnels[TUNNEL_NONE].site, SITE_INTERNET);
	assert_int_equal(b1->site, 1);
	assert_int_equal(b1->mtu, 1476);
	assert_int_equal(b1->port, 3);
	assert_int_equal(b1->header_len, 24);
	assert_int_equal(b1->address, bed_ip("10.255.0.1"));
	assert_int_equal(m1->site, 2);
	assert_int_equal(m1->mtu, 576);
	assert_int_equal(m1->header_len, 28);
	assert_int_equal(m1->address, bed_ip("198.51.100.2")); /* not configured: the local end */
	assert_int_equal(net->sites[2].tunnels[0], 4);
	assert_int_equal(net->pools[1].first_address, 2);
	assert_int_equal(net->addresses[2].port, 2);
	assert_int_equal(net->addresses[0].n_slices, 2);
	network_destroy(net);
}

static void test_empty(void **state)
{
	struct network *net = network_create(&(struct network_spec){0}, NULL);

	assert_non_null(net);
	assert_int_equal(network_find_tunnel(net, bed_ip("198.51.100.1"), 0, false, 0),
			 TUNNEL_NONE);
	assert_int_equal(network_find_address(net, bed_ip("203.0.113.1")), -1);
	assert_false(network_is_local_end(net, bed_ip("203.0.113.1")));
	network_destroy(net);
	network_destroy(NULL);
}

/*
 * Ids given by the caller, in any order and with gaps: everything is found by its id, and ids
 * between them are not in use.
 */
static void test_ids(void **state)
{
	static const uint16_t sites[] = {9, 2, 65534}, tunnels[] = {70, 3, 12, 65000};
	static const struct retired_tunnel retired[] = {{5, 2, 65000}, {4, SITE_INTERNET, 0}};
	const struct network_ids ids = {sites, tunnels, retired, ARRAY_SIZE(retired)};
	struct network *net = network_create(&bed_spec, &ids);
	uint32_t n_sites = 0, n_tunnels = 0;

	assert_non_null(net);
	assert_int_equal(net->n_sites, BED_SITES);
	assert_int_equal(net->n_tunnels, BED_TUNNELS);
	assert_int_equal(net->max_site, 65534);
	assert_int_equal(net->max_tunnel, 65000);
	assert_int_equal(net->n_retired, 2);
	assert_memory_equal(net->retired, retired, sizeof(retired));
	for (uint32_t i = 0; i < BED_SITES; i++) {
		const struct spec_site *spec = &bed_spec.sites[i];

		assert_string_equal(network_site_name(net, sites[i]), spec->name);
		assert_int_equal(network_find_site(net, spec->name), sites[i]);
		assert_int_equal(net->site_ids[i], sites[i]);
		assert_int_equal(net->sites[sites[i]].n_tunnels, spec->n_tunnels);
	}
	for (uint32_t i = 0; i < BED_TUNNELS; i++) {
		const struct spec_tunnel *spec = network_tunnel_spec(net, tunnels[i]);

		assert_string_equal(network_tunnel_name(net, tunnels[i]), spec->name);
		assert_int_equal(network_find_tunnel_name(net, spec->name), tunnels[i]);
		assert_int_equal(net->tunnel_ids[i], tunnels[i]);
		assert_int_equal(net->tunnels[tunnels[i]].site, i < 3 ? 9 : 2);
		assert_int_equal(network_find_tunnel(net, addr6_to_ipv4(&spec->local),
						     addr6_to_ipv4(&spec->remote), spec->has_key,
						     spec->key),
				 tunnels[i]);
	}
	assert_memory_equal(net->sites[9].tunnels, tunnels, 3 * sizeof(tunnels[0]));
	assert_true(network_source_allowed(net, 9, bed_ip("10.0.1.7")));
	assert_false(network_source_allowed(net, 9, bed_ip("10.0.2.7")));
	for (uint32_t id = 0; id <= UINT16_MAX; id++) {
		n_sites += network_has_site(net, (uint16_t)id);
		n_tunnels += network_has_tunnel(net, (uint16_t)id);
	}
	assert_int_equal(n_sites, BED_SITES);
	assert_int_equal(n_tunnels, BED_TUNNELS);
	assert_string_equal(network_site_name(net, 3), "removed");
	assert_string_equal(network_tunnel_name(net, 4), "removed");
	assert_null(network_tunnel_spec(net, 4));
	network_destroy(net);
}

/* Invalid ids: unknown ones and duplicates. */
static void test_bad_ids(void **state)
{
	static const uint16_t good_sites[] = {1, 2, 3}, good_tunnels[] = {1, 2, 3, 4};
	static const struct retired_tunnel none[] = {{TUNNEL_NONE, 1, 1}};
	/* clang-format off */
	static const struct {
		uint16_t sites[BED_SITES], tunnels[BED_TUNNELS];
		const char *why;
	} rows[] = {
		{{0, 2, 3}, {1, 2, 3, 4}, "a site is the Internet"},
		{{1, 2, 1}, {1, 2, 3, 4}, "two sites are one"},
		{{1, 2, 3}, {1, 2, 3, 0}, "a tunnel is none"},
		{{1, 2, 65535}, {1, 2, 3, 4}, "a site beyond what workers keep"},
		{{1, 2, 3}, {1, 65001, 3, 4}, "so a tunnel"},
		{{1, 2, 3}, {7, 2, 3, 7}, "two tunnels of different sites are one"},
	};
	/* clang-format on */
	const struct network_ids retired = {good_sites, good_tunnels, none, 1};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct network_ids ids = {rows[i].sites, rows[i].tunnels, NULL, 0};

		errno = 0;
		if (network_create(&bed_spec, &ids) != NULL || errno != EINVAL)
			fail_msg("row %zu: %s", i, rows[i].why);
	}
	errno = 0;
	assert_null(network_create(&bed_spec, &retired));
	assert_int_equal(errno, EINVAL);
}

/* A site has the id of its virtual network, not its place in the file. */
static void test_vnets(void **state)
{
	static const struct {
		uint16_t ids[3];
		bool good;
		const char *why;
	} rows[] = {
		{{0, 7, 3}, true, "any order, with gaps"},
		{{0, 7, 7}, false, "two are one"},
		{{1, 0, 2}, false, "the first is the default"},
		{{0, 65535, 1}, true, "the last id"},
	};
	struct spec_site sites[] = {
		{.name = "a", .vnet = 1}, {.name = "b"}, {.name = "c", .vnet = 2}};
	struct spec_vnet vnets[] = {{.name = "default"}, {.name = "x"}, {.name = "y"}};
	const struct network_spec spec = {
		.sites = sites, .n_sites = 3, .vnets = vnets, .n_vnets = 3};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct network_ids ids = {.vnets = rows[i].ids};
		struct network *net = network_create(&spec, &ids);

		if ((net != NULL) != rows[i].good)
			fail_msg("row %zu: %s", i, rows[i].why);
		if (net == NULL)
			continue;
		assert_int_equal(net->sites[1].vnet, rows[i].ids[1]);
		assert_int_equal(net->sites[2].vnet, 0);
		assert_int_equal(net->sites[3].vnet, rows[i].ids[2]);
		assert_int_equal(net->max_vnet, rows[i].ids[1]);
		network_destroy(net);
	}
}

/* Ports keep their slots, whatever their order in the file. */
static void test_ports(void **state)
{
	static const uint8_t slots[] = {3, 1, 7};
	const struct network_ids ids = {.ports = slots};
	struct spec_tunnel tunnels[] = {
		{.name = "a", .port = 0, .local = MAPPED(9), .remote = MAPPED(1)},
		{.name = "b", .port = 2, .local = MAPPED(9), .remote = MAPPED(2)}};
	struct spec_site site = {.name = "s", .tunnels = tunnels, .n_tunnels = 2};
	struct spec_address four = {.addr = MAPPED(3), .slices = {2}};
	struct spec_address six = {.addr = {{1, 1}}, .slices = {2}};
	struct spec_pool pools[] = {
		{.slice_size = 2048, .port = 1, .addresses = &four, .n_addresses = 1},
		{.slice_size = 2048, .port = 2, .addresses = &six, .n_addresses = 1}};
	const struct network_spec spec = {
		.sites = &site, .n_sites = 1, .pools = pools, .n_pools = 2};
	struct network *net = network_create(&spec, &ids);

	assert_non_null(net);
	assert_int_equal(net->tunnels[1].port, 3);
	assert_int_equal(net->tunnels[2].port, 7);
	assert_int_equal(net->pools[0].port, 1);
	assert_int_equal(net->addresses[0].port, 1);
	assert_int_equal(net->pools[1].port, 7);
	assert_int_equal(net->addresses[1].port, 7);
	assert_int_equal(net->uplink6, 7);
	network_destroy(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_decisions),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_vnets),
		cmocka_unit_test(test_bad_ids),
		cmocka_unit_test(test_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
