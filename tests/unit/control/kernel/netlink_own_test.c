/* Addresses and routes that we set: with the real kernel, in a namespace of our own. */
#include "control/kernel/netlink.h"

#include "tables_bed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

enum { LOOPBACK = 1, TABLE = 1900 };

static const struct addr6 six = {{0xfd, 1}}; /* in memory order, so fd00::100:0:0:0 here */

static struct addr6 four(uint32_t addr)
{
	return addr6_from_ipv4(htonl(addr));
}

struct seen {
	struct netlink_address at[16];
	size_t n;
};

static void on_address(const struct netlink_address *address, void *arg)
{
	struct seen *seen = arg;

	assert_true(seen->n < 16);
	seen->at[seen->n++] = *address;
}

static bool has(struct mnl_socket *nl, const struct netlink_address *wanted)
{
	struct seen seen = {.n = 0};
	bool found = false;

	assert_int_equal(netlink_dump_addresses(nl, LOOPBACK, on_address, &seen), 0);
	for (size_t i = 0; i < seen.n; i++)
		found = found || (addr6_equal(&seen.at[i].ours, &wanted->ours) &&
				  addr6_equal(&seen.at[i].peer, &wanted->peer) &&
				  seen.at[i].len == wanted->len);
	return found;
}

/* Each is seen as it was set, and goes as it was seen, whatever its length is. */
static void test_addresses(void **state)
{
	const struct netlink_address rows[] = {
		{four(0xa9fef000), four(0xa9fef001), 128},
		{four(0xa9fef002), four(0xa9fef002), 127},
		{four(0x0a000005), four(0x0a000005), 96 + 8},
		{six, {{0xfd, 2}}, 128},
		{{{0xfd, 4}}, {{0xfd, 4}}, 64},
	};
	struct mnl_socket *nl = netlink_open(0);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(has(nl, &rows[i]));
		assert_int_equal(netlink_set_address(nl, true, LOOPBACK, &rows[i]), 0);
		assert_true(has(nl, &rows[i]));
		assert_int_equal(netlink_set_address(nl, false, LOOPBACK, &rows[i]), 0);
		assert_false(has(nl, &rows[i]));
		assert_int_equal(netlink_set_address(nl, false, LOOPBACK, &rows[i]),
				 -EADDRNOTAVAIL);
	}
	assert_int_equal(netlink_set_address(nl, true, 999, &rows[0]), -ENODEV);
	mnl_socket_close(nl);
}

struct routes {
	struct kernel_route at[8];
	size_t n;
};

static void on_route(const struct kernel_route *route, void *arg)
{
	struct routes *routes = arg;

	assert_true(routes->n < 8);
	routes->at[routes->n++] = *route;
}

static struct routes routes_of(uint8_t family)
{
	static struct routes routes;
	struct mnl_socket *nl = netlink_open(0);
	int ret = netlink_ask_table(nl, TABLE, family);

	routes.n = 0;
	while (ret >= 0 && (ret = netlink_read_table(nl, on_route, &routes)) > 0)
		;
	assert_int_equal(ret, 0);
	mnl_socket_close(nl);
	return routes;
}

static void test_routes(void **state)
{
	struct netlink_own_route rows[] = {
		{{four(0xcb007100), 96 + 24}, TABLE, 1, LOOPBACK, 252},
		{{six, 128}, TABLE, 4, LOOPBACK, 252},
	};
	struct mnl_socket *nl = netlink_open(0);

	for (size_t i = 0; i < 2; i++) {
		uint8_t family = i == 0 ? AF_INET : AF_INET6;
		struct routes routes;

		assert_int_equal(netlink_set_route(nl, true, &rows[i]), 0);
		assert_int_equal(netlink_set_route(nl, true, &rows[i]), 0); /* again */
		routes = routes_of(family);
		assert_int_equal(routes.n, 1);
		assert_true(addr6_equal(&routes.at[0].prefix.addr, &rows[i].prefix.addr));
		assert_int_equal(routes.at[0].prefix.len, rows[i].prefix.len);
		assert_int_equal(routes.at[0].metric, rows[i].metric);
		assert_int_equal(routes.at[0].gateways[0].ifindex, LOOPBACK);
		assert_int_equal(netlink_set_route(nl, false, &rows[i]), 0);
		assert_int_equal(routes_of(family).n, 0);
		assert_int_equal(netlink_set_route(nl, false, &rows[i]), -ESRCH);
	}
	mnl_socket_close(nl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_routes),
	};

	if (!tables_bed_enter() || system("ip link set lo up") != 0) {
		printf("skipped: no network namespace\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
