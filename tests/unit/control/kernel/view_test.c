/* The table as routes and neighbours change, and which nexthops are moved: see view_bed.h. */
#include "control/alarm.h"
#include "control/kernel/path_mtu.h"
#include "view_bed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/neighbour.h>

static const uint16_t nobody[] = {0};

static uint16_t way_of(uint8_t port, const char *dst)
{
	struct addr6 addr = ip(dst);

	return routes_find(&table->routes, port, addr6_to_ipv4(&addr));
}

static void test_first_table(void **state)
{
	assert_true(compile());
	assert_neighbour(way("8.8.8.8"), true, 1);
	assert_int_equal(way("192.0.2.77"), ROUTE_UNKNOWN_HOST);
	assert_neighbour(way_of(1, "8.8.8.8"), true, 0x77);
	assert_int_equal(table->at[way_of(1, "8.8.8.8")].mtu, 1400);
	assert_int_equal(table->at[way("8.8.8.8")].ethernet[6 + 4], 9);

	assert_neighbour(table->at[1].via, false, 0); /* on link, not resolved yet */
	assert_int_equal(table->at[2].via, way("8.8.8.8"));
	assert_int_equal(table->at[3].via, way_of(1, "8.8.8.8"));
	assert_true(table->at[NEXTHOP_LOST].moved);
	assert_false(compile()); /* nothing has changed */
}

/*
 * The Ethernet address of a port changes: its neighbours' headers and our answers contain the new
 * one.
 */
static void test_port_changes_its_address(void **state)
{
	const uint8_t other[6] = {2, 0, 0, 0, 9, 7};
	uint16_t hop;

	assert_true(compile());
	hop = way("8.8.8.8");
	assert_memory_equal(table->macs[0], v.ports[0].mac, 6);
	memcpy(v.ports[0].mac, other, 6);
	assert_true(compile());
	assert_memory_equal(table->macs[0], other, 6);
	assert_memory_equal(table->at[hop].ethernet + 6, other, 6);
	assert_false(compile());
}

static void test_neighbour_changes_behind_the_hop(void **state)
{
	uint16_t hop;

	compile();
	hop = way("8.8.8.8");
	neighbour("192.0.2.1", 5, NUD_STALE);
	assert_true(compile());
	assert_int_equal(way("8.8.8.8"), hop);
	assert_neighbour(hop, true, 5);
}

/* clang-format off */
static const struct {
	uint16_t state;
	bool resolved;
	const char *why;
} lost_rows[] = {
	{ NUD_STALE,      true,  "stale is good enough" },
	{ NUD_DELAY,      true,  "so is delay" },
	{ NUD_PROBE,      true,  "and probe" },
	{ NUD_PERMANENT,  true,  "set by hand" },
	{ NUD_INCOMPLETE, true,  "asked for anew: the old address stays meanwhile" },
	{ NUD_NONE,       true,  "forgotten by the kernel: it stays as well" },
	{ NUD_FAILED,     false, "the kernel says nobody is there" },
};
/* clang-format on */

static void test_lost_neighbours(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(lost_rows); i++) {
		neighbour("192.0.2.1", 1, NUD_REACHABLE);
		compile();
		neighbour("192.0.2.1", 1, lost_rows[i].state);
		compile();
		if (table->at[way("8.8.8.8")].resolved != lost_rows[i].resolved)
			fail_msg("row %zu: %s", i, lost_rows[i].why);
	}
}

/* A gateway has one id for all its prefixes. It moves when a route leaves the gateway. */
static void test_one_number_for_a_gateway(void **state)
{
	uint16_t first, other;

	route("10.0.0.0", 8, "192.0.2.1", 0);
	compile();
	first = way("8.8.8.8");
	assert_int_equal(way("10.1.1.1"), first);

	no_route("10.0.0.0", 8, "192.0.2.1", 0);
	route("10.0.0.0", 8, "192.0.2.3", 0);
	neighbour("192.0.2.3", 3, NUD_REACHABLE);
	assert_true(compile());
	/* its flows look up their routes again: those to 10.0.0.0/8 get another gateway */
	assert_moved(first);
	other = way("10.1.1.1");
	assert_neighbour(other, true, 3);
	assert_neighbour(way("8.8.8.8"), true, 1); /* by another id, which the other flows get */
	assert_int_equal(table->at[2].via, way("8.8.8.8"));

	no_route("10.0.0.0", 8, "192.0.2.3", 0);
	assert_true(compile());
	assert_moved(other);
	assert_int_equal(way("10.1.1.1"), way("8.8.8.8"));
}

/*
 * A longer prefix appears: flows by the shorter one look up their routes again. They also do when
 * it disappears.
 */
static void test_longer_prefix(void **state)
{
	uint16_t before;

	compile();
	before = way("8.8.8.8");
	route("8.8.0.0", 16, "192.0.2.3", 0);
	compile();
	assert_moved(before);
	assert_neighbour(way("8.8.8.8"), false, 0);
	before = way("9.9.9.9");
	assert_neighbour(before, true, 1);
	route("8.8.8.0", 24, "192.0.2.3", 0); /* a longer prefix by the same gateway: no change */
	compile();
	assert_neighbour(before, true, 1);
	no_route("0.0.0.0", 0, "192.0.2.1", 100);
	compile();
	assert_moved(before);
	assert_int_equal(way("9.9.9.9"), NEXTHOP_NONE);
	assert_int_equal(table->at[2].via, NEXTHOP_NONE);
}

static void test_lowest_metric(void **state)
{
	neighbour("192.0.2.4", 4, NUD_REACHABLE);
	route("0.0.0.0", 0, "192.0.2.4", 50);
	route("0.0.0.0", 0, "192.0.2.5", 200);
	compile();
	assert_neighbour(way("8.8.8.8"), true, 4);
	no_route("0.0.0.0", 0, "192.0.2.4", 50);
	compile();
	assert_neighbour(way("8.8.8.8"), true, 1);
	no_route("0.0.0.0", 0, "192.0.2.1", 100);
	compile();
	assert_neighbour(way("8.8.8.8"), false, 0);
}

/* clang-format off */
static const struct {
	uint8_t kind;
	uint16_t verdict;
} refusals[] = {
	{ KERNEL_BLACKHOLE,   ROUTE_BLACKHOLE },
	{ KERNEL_UNREACHABLE, ROUTE_UNREACHABLE },
	{ KERNEL_PROHIBIT,    ROUTE_PROHIBITED },
	{ KERNEL_THROW,       NEXTHOP_NONE },
};
/* clang-format on */

static void test_refusals(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct kernel_route r = route_of("8.8.0.0", 16, NULL, 5);
		struct kernel_route six = route_of("2001:db8::", 32, NULL, 5);

		r.kind = six.kind = refusals[i].kind;
		r.n_gateways = six.n_gateways = 0;
		route("2001:db8::", 16, "192.0.2.1", 0);
		event(&r);
		event(&six);
		compile();
		assert_int_equal(way("8.8.8.8"), refusals[i].verdict);
		assert_int_equal(way("2001:db8::1"), refusals[i].verdict);
		assert_neighbour(way("8.9.8.8"), true, 1);
		route("8.8.0.0", 16, "192.0.2.1", 4); /* a lower metric */
		compile();
		assert_neighbour(way("8.8.8.8"), true, 1);
		no_route("8.8.0.0", 16, "192.0.2.1", 4);
		r.removed = six.removed = true;
		event(&r);
		event(&six);
		compile();
		assert_neighbour(way("8.8.8.8"), true, 1);
	}
}

static struct kernel_route two_ways(const char *first, const char *second)
{
	struct kernel_route r = route_of("8.0.0.0", 8, first, 0);

	r.gateways[1] = (struct kernel_gateway){.gateway = ip(second), .ifindex = IFINDEX};
	r.n_gateways = 2;
	return r;
}

static void test_several_ways(void **state)
{
	struct kernel_route r = two_ways("192.0.2.5", "192.0.2.6");

	event(&r);
	compile();
	assert_neighbour(way("8.8.8.8"), false, 0); /* none is resolved */
	neighbour("192.0.2.6", 6, NUD_REACHABLE);
	compile();
	assert_neighbour(way("8.8.8.8"), true, 6);
	neighbour("192.0.2.5", 5, NUD_REACHABLE);
	compile();
	assert_neighbour(way("8.8.8.8"), true, 5); /* the first resolved one */
	neighbour("192.0.2.5", 0, NUD_FAILED);
	compile();
	assert_neighbour(way("8.8.8.8"), true, 6);
	neighbour("192.0.2.5", 0,
		  NUD_NONE); /* removed from the kernel's table: this also counts as failed */
	neighbour("192.0.2.6", 0, NUD_INCOMPLETE);
	compile();
	assert_neighbour(way("8.8.8.8"), true, 6);
	neighbour("192.0.2.5", 5, NUD_REACHABLE);
	compile();
	assert_neighbour(way("8.8.8.8"), true, 5);
	r.removed = true;
	r.n_gateways = 1; /* one of them is removed */
	event(&r);
	compile();
	assert_neighbour(way("8.8.8.8"), true, 6);
}

/* A second route of the same metric; then a third one replaces both, by another interface. */
static void test_replaced(void **state)
{
	struct kernel_route r = route_of("8.0.0.0", 8, "192.0.2.7", 3);

	route("8.0.0.0", 8, "192.0.2.5", 3);
	route("8.0.0.0", 8, "192.0.2.6", 3);
	neighbour("192.0.2.7", 7, NUD_REACHABLE);
	r.replaces = true;
	event(&r);
	compile();
	assert_neighbour(way("8.8.8.8"), true, 7);
	r.gateways[0].ifindex = IFINDEX + 1;
	event(&r);
	compile();
	assert_neighbour(way("8.8.8.8"), true, 1);
}

static void test_ipv6_gateway_of_an_ipv4_route(void **state)
{
	route("8.0.0.0", 8, "fe80::8", 0);
	neighbour("fe80::8", 8, NUD_REACHABLE);
	compile();
	assert_neighbour(way("8.8.8.8"), true, 8);
}

static void test_nexthop_objects(void **state)
{
	struct kernel_nexthop one = {.id = 1, .gateway = {ip("192.0.2.5"), IFINDEX, false}};
	struct kernel_nexthop two = {.id = 2, .gateway = {ip("192.0.2.6"), IFINDEX, false}};
	struct kernel_nexthop group = {.id = 9, .n_group = 2, .group = {1, 2}};
	struct kernel_nexthop hole = {.id = 4, .blackhole = true};
	struct kernel_route r = route_of("8.0.0.0", 8, NULL, 0);

	r.n_gateways = 0;
	r.nexthop = 9;
	event(&r);
	assert_true(v.doubt); /* unknown: all routes must be read again */
	view_take_nexthop(&v, &one);
	view_take_nexthop(&v, &two);
	view_take_nexthop(&v, &group);
	view_take_nexthop(&v, &hole);
	neighbour("192.0.2.6", 6, NUD_REACHABLE);
	event(&r);
	compile();
	assert_neighbour(way("8.8.8.8"), true, 6);
	r.removed = true;
	event(&r);
	r.removed = false;
	r.nexthop = 4;
	event(&r);
	compile();
	assert_int_equal(way("8.8.8.8"), ROUTE_BLACKHOLE);
}

static int add_host(const char *text)
{
	struct addr6 addr = ip(text);

	return view_add_host(&v, 0, &addr);
}

static void test_hosts(void **state)
{
	uint16_t hop;

	compile();
	neighbour("192.0.2.50", 50, NUD_REACHABLE);
	assert_int_equal(add_host("192.0.2.50"), 0);
	assert_int_equal(add_host("192.0.2.50"), 0); /* only once */
	assert_int_equal(add_host("8.8.8.8"), -ENOENT); /* not on the link */
	assert_int_equal(v.n_hosts, 1);
	assert_true(compile());
	hop = way("192.0.2.50");
	assert_neighbour(hop, true, 50);
	assert_int_equal(way("192.0.2.51"), ROUTE_UNKNOWN_HOST);

	route("192.0.2.48", 28, "192.0.2.1", 0); /* the host is no longer on the link */
	compile();
	assert_moved(hop);
	assert_int_equal(way("192.0.2.50"), way("8.8.8.8"));
	assert_int_equal(v.n_hosts, 0);

	no_route("192.0.2.48", 28, "192.0.2.1", 0);
	compile();
	assert_int_equal(add_host("192.0.2.50"), 0);
	compile();
	hop = way("192.0.2.50");
	route("192.0.2.50", 32, "192.0.2.1", 0); /* a route to the host's own address */
	compile();
	assert_moved(hop);
	assert_int_equal(way("192.0.2.50"), way("8.8.8.8"));
	no_route("192.0.2.50", 32, "192.0.2.1", 0);
	compile();
	assert_int_equal(way("192.0.2.50"), ROUTE_UNKNOWN_HOST);
}

static void test_hosts_age(void **state)
{
	uint16_t used[] = {0, 0};

	neighbour("192.0.2.50", 50, NUD_REACHABLE);
	neighbour("192.0.2.51", 51, NUD_STALE);
	neighbour("192.0.2.52", 52, NUD_REACHABLE);
	compile();
	assert_int_equal(add_host("192.0.2.50"), 0);
	assert_int_equal(add_host("192.0.2.51"), 0);
	assert_int_equal(add_host("192.0.2.52"), 0);
	compile();
	used[0] = way("192.0.2.50");
	neighbour("192.0.2.52", 0, NUD_NONE); /* the kernel has forgotten it */
	census(used);
	compile();
	assert_neighbour(way("192.0.2.50"), true, 50);
	assert_neighbour(way("192.0.2.51"), true, 51);
	assert_int_equal(way("192.0.2.52"), ROUTE_UNKNOWN_HOST);
	census(used);
	compile();
	assert_neighbour(way("192.0.2.50"), true, 50);
	assert_int_equal(way("192.0.2.51"), ROUTE_UNKNOWN_HOST);
	census(nobody);
	census(nobody);
	compile();
	assert_int_equal(way("192.0.2.50"), ROUTE_UNKNOWN_HOST);
	assert_int_equal(v.n_hosts, 0);
}

/* Both families: neither uses the default route of the other one. */
static void test_ipv6(void **state)
{
	uint16_t hop;

	compile();
	assert_int_equal(way("2001:db8::1"), NEXTHOP_NONE);
	route("::", 0, "fe80::1", 100);
	route("2001:db8:7::", 64, NULL, 100);
	neighbour("fe80::1", 61, NUD_REACHABLE);
	assert_true(compile());
	hop = way("2001:db8::1");
	assert_neighbour(hop, true, 61);
	assert_int_equal(way("2001:db8:7::9"), ROUTE_UNKNOWN_HOST);
	assert_neighbour(way("8.8.8.8"), true, 1);

	neighbour("2001:db8:7::9", 62, NUD_REACHABLE);
	assert_int_equal(add_host("2001:db8:7::9"), 0);
	assert_true(compile());
	assert_neighbour(way("2001:db8:7::9"), true, 62);

	no_route("::", 0, "fe80::1", 100);
	assert_true(compile()); /* the IPv4 default route does not cover it */
	assert_moved(hop);
	assert_int_equal(way("2001:db8::1"), NEXTHOP_NONE);
	assert_neighbour(way("8.8.8.8"), true, 1);
}

static void test_ipv6_that_nobody_needs(void **state)
{
	v.with_six = false;
	route("::", 0, "fe80::1", 100);
	compile();
	assert_int_equal(way("2001:db8::1"), NEXTHOP_NONE);
}

/* clang-format off */
static const struct {
	const char *why;
	uint16_t port, port6; /* MTU of port 0 */
	uint32_t route, host; /* of its default route and of its on-link route; 0: none */
	uint16_t hop; /* MTU of the default route's neighbour */
	/* 28 bytes less than that of the on-link network and of the default route */
	uint16_t tunnel1, tunnel2;
	enum mtu_bound bound1, bound2;
} mtu_rows[] = {
	{"all fits",                   1500, 0,    0,    0,    1500, 1400, 1400, MTU_BY_TUNNEL, MTU_BY_TUNNEL},
	{"a narrow port",              1400, 0,    0,    0,    1400, 1372, 1372, MTU_BY_PORT,   MTU_BY_PORT},
	{"narrower still",             1300, 0,    0,    0,    1300, 1272, 1272, MTU_BY_PORT,   MTU_BY_PORT},
	{"as it was",                  1500, 0,    0,    0,    1500, 1400, 1400, MTU_BY_TUNNEL, MTU_BY_TUNNEL},
	{"a route that names an MTU",  1500, 0,    1380, 0,    1380, 1400, 1352, MTU_BY_TUNNEL, MTU_BY_ROUTE},
	{"a connected route that does",1500, 0,    0,    1380, 1500, 1352, 1400, MTU_BY_ROUTE,  MTU_BY_TUNNEL},
	{"a route that names more",    1400, 0,    9000, 0,    1400, 1372, 1372, MTU_BY_PORT,   MTU_BY_PORT},
	{"IPv6 has less on that link", 1500, 1300, 0,    0,    1500, 1400, 1400, MTU_BY_TUNNEL, MTU_BY_TUNNEL},
};
/* clang-format on */

static void replace_with_mtu(struct kernel_route r, uint32_t mtu)
{
	r.replaces = true;
	r.mtu = mtu;
	event(&r);
}

/* One row after the other, as if the machine changed while the gateway runs. */
static void test_mtu_follows_port_and_route(void **state)
{
	struct path_mtus *paths = path_mtus_create(&net);

	assert_non_null(paths);
	v.paths = paths;
	route("::", 0, "fe80::1", 100);
	neighbour("192.0.2.50", 50, NUD_REACHABLE);
	compile();
	assert_int_equal(add_host("192.0.2.50"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(mtu_rows); i++) {
		uint16_t port = mtu_rows[i].port, host = (uint16_t)mtu_rows[i].host;
		struct tunnel_mtu one, two;

		v.ports[0].mtu = port;
		v.ports[0].mtu6 = mtu_rows[i].port6;
		replace_with_mtu(route_of("0.0.0.0", 0, "192.0.2.1", 100), mtu_rows[i].route);
		replace_with_mtu(route_of("192.0.2.0", 24, NULL, 0), host);
		assert_true(compile());
		assert_false(compile());
		one = path_mtu_of(paths, &net, 1);
		two = path_mtu_of(paths, &net, 2);
		if (table->at[way("8.8.8.8")].mtu != mtu_rows[i].hop ||
		    table->at[1].mtu != mtu_rows[i].tunnel1 || one.mtu != mtu_rows[i].tunnel1 ||
		    table->at[2].mtu != mtu_rows[i].tunnel2 || two.mtu != mtu_rows[i].tunnel2 ||
		    one.bound != mtu_rows[i].bound1 || two.bound != mtu_rows[i].bound2)
			fail_msg("%s: tunnel 1 %u by its %s, tunnel 2 %u by its %s",
				 mtu_rows[i].why, one.mtu, mtu_bound_names[one.bound], two.mtu,
				 mtu_bound_names[two.bound]);
		assert_int_equal(table->at[way("2001:db8::1")].mtu,
				 mtu_rows[i].port6 != 0 ? mtu_rows[i].port6 : port);
		assert_int_equal(table->at[way("192.0.2.50")].mtu, host != 0 ? host : port);
		assert_int_equal(table->at[3].mtu, 1372); /* the MTU of port 1 is always 1,400 */
	}
	path_mtus_destroy(paths);
}

/* One alarm for all tunnels that carry less than IP requires. */
static void test_narrow_tunnels_are_reported(void **state)
{
	struct alarms *alarms = alarms_create();
	struct path_mtus *paths;

	paths = path_mtus_create(&net);
	assert_true(alarms != NULL && paths != NULL);
	v.paths = paths;
	v.alarms = alarms;
	v.ports[0].mtu = 604; /* 576 bytes inside the tunnel */
	compile();
	assert_int_equal(alarms_count(alarms), 0);
	v.ports[0].mtu = 603;
	compile();
	assert_int_equal(alarms_count(alarms), 1);
	assert_non_null(strstr(alarms_at(alarms, 0)->text, "2 tunnels"));
	assert_non_null(
		strstr(alarms_at(alarms, 0)->text, "t1, carries 575 bytes because of its port"));
	v.ports[0].mtu = 1500;
	compile();
	assert_int_equal(alarms_count(alarms), 0);
	path_mtus_destroy(paths);
	alarms_destroy(alarms);
}

/* No route to a far end, or a nexthop that does not answer: one alarm for all tunnels. */
static void test_unreachable_tunnels_are_reported(void **state)
{
	struct alarms *alarms = alarms_create();

	assert_non_null(alarms);
	v.alarms = alarms;
	neighbour("192.0.2.1", 1, NUD_REACHABLE);
	compile();
	assert_int_equal(alarms_count(alarms), 0);

	no_route("0.0.0.0", 0, "192.0.2.1", 100);
	compile();
	assert_int_equal(alarms_count(alarms), 1);
	assert_int_equal(alarms_at(alarms, 0)->kind, ALARM_TUNNEL_UNREACHABLE);
	assert_non_null(strstr(alarms_at(alarms, 0)->text, "reached: 1;"));
	assert_non_null(strstr(alarms_at(alarms, 0)->text, "t2: no route"));

	v.ports[0].ifindex = 0; /* the alarm port_missing says so */
	compile();
	assert_int_equal(alarms_count(alarms), 0);
	v.ports[0].ifindex = IFINDEX;

	route("0.0.0.0", 0, "192.0.2.1", 100);
	neighbour("192.0.2.1", 1, NUD_FAILED);
	compile();
	assert_int_equal(alarms_count(alarms), 1);
	assert_non_null(strstr(alarms_at(alarms, 0)->text, "t2: the nexthop"));

	neighbour("192.0.2.1", 1, NUD_REACHABLE);
	compile();
	assert_int_equal(alarms_count(alarms), 0);
	alarms_destroy(alarms);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, bed_setup, bed_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_first_table),
		CASE(test_port_changes_its_address),
		CASE(test_neighbour_changes_behind_the_hop),
		CASE(test_lost_neighbours),
		CASE(test_one_number_for_a_gateway),
		CASE(test_longer_prefix),
		CASE(test_lowest_metric),
		CASE(test_refusals),
		CASE(test_several_ways),
		CASE(test_replaced),
		CASE(test_ipv6_gateway_of_an_ipv4_route),
		CASE(test_nexthop_objects),
		CASE(test_hosts),
		CASE(test_hosts_age),
		CASE(test_ipv6),
		CASE(test_ipv6_that_nobody_needs),
		CASE(test_mtu_follows_port_and_route),
		CASE(test_narrow_tunnels_are_reported),
		CASE(test_unreachable_tunnels_are_reported),
	};

	return cmocka_run_group_tests_name("control/kernel/view", tests, NULL, NULL);
}
