/*
 * Longest prefix, on-link hosts, separate ports: one table of routes, one row for each look-up.
 *
 *   port 0: default -> 1, 198.51.100.0/24 on link (.7 is 3), 10.0.0.0/8 -> 2, 10.1.2.3/32 -> 4
 *   port 1: 192.0.2.0/25 -> 5, and nothing else
 *   port 2: no route
 */
#include "network/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NONE };

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
	uint16_t nexthop;
	const char *why;
} rows[] = {
	{ 0, "8.8.8.8",         1,                "the default route" },
	{ 0, "10.200.0.1",      2,                "a longer prefix wins" },
	{ 0, "10.1.2.3",        4,                "a host route wins over it" },
	{ 0, "10.1.2.4",        2,                "and only for its host" },
	{ 0, "198.51.100.7",    3,                "an on-link host with a nexthop" },
	{ 0, "198.51.100.8",    ROUTE_UNKNOWN_HOST, "an on-link host nobody has resolved" },
	{ 0, "198.51.101.7",    1,                "just outside the link" },
	{ 0, "255.255.255.255", 1,                "the last address" },
	{ 0, "0.0.0.0",         1,                "the first address" },
	{ 1, "192.0.2.127",     5,                "the other port's own route" },
	{ 1, "192.0.2.128",     NONE,         "no default route there" },
	{ 1, "198.51.100.7",    NONE,         "hosts of one port are not on the other" },
	{ 2, "8.8.8.8",         NONE,         "a port without routes" },
	{ 255, "8.8.8.8",       NONE,         "the last possible port" },
};
/* clang-format on */

static struct routes make_routes(void)
{
	struct route4 routes[] = {
		{prefix("198.51.100.0", 24), 0, ROUTE_UNKNOWN_HOST},
		{prefix("10.1.2.3", 32), 0, 4},
		{prefix("0.0.0.0", 0), 0, 1},
		{prefix("10.0.0.0", 8), 0, 2},
		{prefix("192.0.2.0", 25), 1, 5},
	};
	struct route_host hosts[] = {{addr6_from_ipv4(ip("198.51.100.7")), 0, 3}};
	struct routes r = {0};

	assert_int_equal(routes_init(&r,
				     &(struct routes_spec){
					     .routes = routes,
					     .n_routes = ARRAY_SIZE(routes),
					     .hosts = hosts,
					     .n_hosts = ARRAY_SIZE(hosts),
				     }),
			 0);
	return r;
}

/* The table must have its own copies: the arrays were on the stack of make_routes(). */
static void test_rows(void **state)
{
	struct routes r = make_routes();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint16_t nexthop = routes_find(&r, rows[i].port, ip(rows[i].dst));

		if (nexthop != rows[i].nexthop)
			fail_msg("row %zu, %s: nexthop %u, not %u: %s", i, rows[i].dst, nexthop,
				 rows[i].nexthop, rows[i].why);
	}
	routes_fini(&r);
}

static void test_empty(void **state)
{
	struct routes r = {0};

	assert_int_equal(routes_init(&r, &(struct routes_spec){0}), 0);
	assert_int_equal(routes_find(&r, 0, ip("8.8.8.8")), NONE);
	assert_false(r.many);
	routes_fini(&r);
}

/* A /20 full of hosts, each with a nexthop of its own; the same addresses on two ports. */
static void test_many_hosts(void **state)
{
	enum { HOSTS = 4096 };
	static struct route_host hosts[2 * HOSTS];
	struct route4 routes[] = {
		{prefix("10.0.0.0", 20), 0, ROUTE_UNKNOWN_HOST},
		{prefix("10.0.0.0", 20), 1, ROUTE_UNKNOWN_HOST},
	};
	struct routes_spec spec = {
		.routes = routes, .n_routes = 2, .hosts = hosts, .n_hosts = ARRAY_SIZE(hosts)};
	struct routes r = {0};

	for (uint32_t i = 0; i < ARRAY_SIZE(hosts); i++)
		hosts[i] = (struct route_host){addr6_from_ipv4(htonl(0x0a000000 | i % HOSTS)),
					       (uint8_t)(i / HOSTS), (uint16_t)(i + 1)};
	assert_int_equal(routes_init(&r, &spec), 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(hosts); i++)
		assert_int_equal(routes_find(&r, hosts[i].port, addr6_to_ipv4(&hosts[i].addr)),
				 i + 1);
	for (uint32_t i = 0; i < HOSTS; i += ROUTES_FIND_MAX) {
		be32_t dsts[ROUTES_FIND_MAX];
		uint16_t found[ROUTES_FIND_MAX];

		for (uint32_t k = 0; k < ROUTES_FIND_MAX; k++)
			dsts[k] = addr6_to_ipv4(&hosts[i + k].addr);
		routes_find_all(&r, 1, dsts, ROUTES_FIND_MAX, found);
		for (uint32_t k = 0; k < ROUTES_FIND_MAX; k++)
			assert_int_equal(found[k], HOSTS + i + k + 1);
	}
	assert_true(r.many);
	routes_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_many_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
