/*
 * Longest prefix, on-link hosts, ports apart: one table of routes, one row a question.
 *
 *   port 0: default -> hop 1, 198.51.100.0/24 on link (.7 is hop 3), 10.0.0.0/8 -> 2, 10.1.2.3/32 -> 4
 *   port 1: 192.0.2.0/25 -> 5, and nothing else
 *   port 2: no route
 */
#include "network/adjacency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static be32_t ip(const char *text)
{
	be32_t addr;

	assert_int_equal(inet_pton(AF_INET, text, &addr), 1);
	return addr;
}

static struct prefix4 prefix(const char *text, uint8_t len)
{
	return (struct prefix4){ip(text), len};
}

/* clang-format off */
static const struct {
	uint8_t port;
	const char *dst;
	uint16_t hop;
	const char *why;
} rows[] = {
	{ 0, "8.8.8.8",         1,                "the default route" },
	{ 0, "10.200.0.1",      2,                "a longer prefix wins" },
	{ 0, "10.1.2.3",        4,                "a host route wins over it" },
	{ 0, "10.1.2.4",        2,                "and only for its host" },
	{ 0, "198.51.100.7",    3,                "an on-link host with a hop" },
	{ 0, "198.51.100.8",    HOP_UNKNOWN_HOST, "an on-link host nobody has resolved" },
	{ 0, "198.51.101.7",    1,                "just outside the link" },
	{ 0, "255.255.255.255", 1,                "the last address" },
	{ 0, "0.0.0.0",         1,                "the first address" },
	{ 1, "192.0.2.127",     5,                "the other port's own route" },
	{ 1, "192.0.2.128",     HOP_NONE,         "no default route there" },
	{ 1, "198.51.100.7",    HOP_NONE,         "hosts of one port are not on the other" },
	{ 2, "8.8.8.8",         HOP_NONE,         "a port without routes" },
	{ 255, "8.8.8.8",       HOP_NONE,         "the last possible port" },
};
/* clang-format on */

static struct adjacency *make_table(void)
{
	struct hop hops[6] = {[1] = {.dst_mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500, .resolved = true}};
	struct adjacency_route routes[] = {
		{prefix("198.51.100.0", 24), 0, HOP_UNKNOWN_HOST},
		{prefix("10.1.2.3", 32), 0, 4},
		{prefix("0.0.0.0", 0), 0, 1},
		{prefix("10.0.0.0", 8), 0, 2},
		{prefix("192.0.2.0", 25), 1, 5},
	};
	struct adjacency_host hosts[] = {{ip("198.51.100.7"), 0, 3}};
	uint16_t tunnel_hops[] = {0, 2, HOP_NONE}, tunnel_mtus[] = {0, 1476, 1280};

	return adjacency_create(&(struct adjacency_spec){
		.hops = hops,
		.n_hops = ARRAY_SIZE(hops),
		.routes = routes,
		.n_routes = ARRAY_SIZE(routes),
		.hosts = hosts,
		.n_hosts = ARRAY_SIZE(hosts),
		.tunnel_hops = tunnel_hops,
		.tunnel_mtus = tunnel_mtus,
		.n_tunnels = 2,
	});
}

static void test_rows(void **state)
{
	struct adjacency *adj = make_table();

	assert_non_null(adj);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint16_t hop = adjacency_route(adj, rows[i].port, ip(rows[i].dst));

		if (hop != rows[i].hop)
			fail_msg("row %zu, %s: hop %u, not %u: %s", i, rows[i].dst, hop,
				 rows[i].hop, rows[i].why);
	}
	adjacency_destroy(adj);
}

static void test_copies_what_it_was_given(void **state)
{
	struct adjacency *adj = make_table(); /* the arrays were on the stack of make_table() */

	assert_non_null(adj);
	assert_int_equal(adj->n_hops, 6);
	assert_true(adj->hops[1].resolved);
	assert_int_equal(adj->hops[1].dst_mac[5], 1);
	assert_false(adj->hops[HOP_NONE].resolved);
	assert_int_equal(adj->n_tunnels, 2);
	assert_int_equal(adj->tunnel_hops[1], 2);
	assert_int_equal(adj->tunnel_hops[2], HOP_NONE);
	assert_int_equal(adj->tunnel_mtus[2], 1280);
	adjacency_destroy(adj);
}

static void test_empty(void **state)
{
	struct adjacency *adj = adjacency_create(&(struct adjacency_spec){0});

	assert_non_null(adj);
	assert_int_equal(adjacency_route(adj, 0, ip("8.8.8.8")), HOP_NONE);
	assert_int_equal(adj->tunnel_hops[0], HOP_NONE);
	assert_false(adj->hops[HOP_NONE].resolved);
	adjacency_destroy(adj);
	adjacency_destroy(NULL);
}

/* Both tables live while a change is published; and names must not run out after many changes. */
static void test_many_changes(void **state)
{
	struct adjacency *before = make_table();

	for (int i = 0; i < 300; i++) {
		struct adjacency *after = make_table();

		assert_non_null(after);
		assert_int_equal(adjacency_route(before, 0, ip("10.200.0.1")), 2);
		adjacency_destroy(before);
		before = after;
	}
	adjacency_destroy(before);
}

/* A /20 full of hosts, each with a hop of its own; the same addresses on two ports. */
static void test_many_hosts(void **state)
{
	enum { HOSTS = 4096 };
	static struct adjacency_host hosts[2 * HOSTS];
	struct adjacency_route routes[] = {
		{prefix("10.0.0.0", 20), 0, HOP_UNKNOWN_HOST},
		{prefix("10.0.0.0", 20), 1, HOP_UNKNOWN_HOST},
	};
	struct adjacency_spec spec = {
		.routes = routes, .n_routes = 2, .hosts = hosts, .n_hosts = ARRAY_SIZE(hosts)};
	struct adjacency *adj;

	for (uint32_t i = 0; i < ARRAY_SIZE(hosts); i++)
		hosts[i] = (struct adjacency_host){htonl(0x0a000000 | i % HOSTS),
						   (uint8_t)(i / HOSTS), (uint16_t)(i + 1)};
	adj = adjacency_create(&spec);
	assert_non_null(adj);
	for (uint32_t i = 0; i < ARRAY_SIZE(hosts); i++)
		assert_int_equal(adjacency_route(adj, hosts[i].port, hosts[i].addr), i + 1);
	adjacency_destroy(adj);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	   cmocka_unit_test(test_copies_what_it_was_given),
		cmocka_unit_test(test_empty),	   cmocka_unit_test(test_many_changes),
		cmocka_unit_test(test_many_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
