/* Which events a socket gets, and dumps in steps: with the real kernel. */
#include "control/kernel/netlink.h"

#include "tables_bed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

static unsigned count_events(struct mnl_socket *nl)
{
	char buffer[8192];
	unsigned n = 0;

	while (recv(mnl_socket_get_fd(nl), buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
		n++;
	assert_int_equal(errno, EAGAIN);
	return n;
}

static void test_choose_tables(void **state)
{
	struct mnl_socket *all = netlink_open(RTMGRP_IPV4_ROUTE);
	struct mnl_socket *main_only = netlink_open(RTMGRP_IPV4_ROUTE);
	struct mnl_socket *others = netlink_open(RTMGRP_IPV4_ROUTE);

	assert_int_equal(netlink_choose_tables(main_only, NETLINK_TABLE_MAIN), 0);
	assert_int_equal(netlink_choose_tables(others, NETLINK_TABLES_OTHER), 0);
	tables_bed_routes(RT_TABLE_MAIN, 3, false);
	tables_bed_routes(200, 5, false);
	tables_bed_routes(70000, 7, false);
	tables_bed_routes(RT_TABLE_MAIN, 3, true);
	tables_bed_routes(200, 5, true);
	assert_int_equal(count_events(all), 23);
	assert_int_equal(count_events(main_only), 6);
	assert_int_equal(count_events(others), 17);
	tables_bed_routes(70000, 7, true);
	mnl_socket_close(all);
	mnl_socket_close(main_only);
	mnl_socket_close(others);
}

struct seen {
	unsigned n, wrong;
	uint32_t table;
};

static void on_row(const struct kernel_route *route, void *arg)
{
	struct seen *seen = arg;

	seen->n++;
	seen->wrong += route->table != seen->table || route->kind != KERNEL_BLACKHOLE;
}

static unsigned dump(uint32_t table, unsigned *steps)
{
	struct mnl_socket *nl = netlink_open(0);
	struct seen seen = {.table = table};
	int ret = netlink_ask_table(nl, table, AF_INET);

	assert_int_equal(ret, 0);
	do {
		ret = netlink_read_table(nl, on_row, &seen);
		assert_true(ret >= 0);
		++*steps;
	} while (ret > 0);
	assert_int_equal(seen.wrong, 0);
	mnl_socket_close(nl);
	return seen.n;
}

static void test_dump(void **state)
{
	unsigned steps = 0;

	tables_bed_routes(70000, 2000, false);
	tables_bed_routes(1, 10, false);
	assert_int_equal(dump(70000, &steps), 2000);
	assert_true(steps > 3);
	assert_int_equal(dump(1, &steps), 10);
	assert_int_equal(dump(77777, &steps), 0); /* there is none */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose_tables),
		cmocka_unit_test(test_dump),
	};

	if (!tables_bed_enter()) {
		printf("skipped: no network namespace\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
