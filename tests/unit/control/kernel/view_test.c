/*
 * Hops keep their numbers while routes and neighbours change behind them.
 *
 *   port 0: the kernel's, 192.0.2.0/24 on link, default by 192.0.2.1 (MAC ..:01)
 *   port 1: no kernel behind it, everything to 02:..:77
 *   tunnel 1 ends at 192.0.2.9 (on link), tunnel 2 at 198.51.100.9 (by the gateway), 3 on port 1
 */
#include "control/alarm.h"
#include "control/kernel/path_mtu.h"
#include "control/kernel/view.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/neighbour.h>

static struct view v;
static struct adjacency_spec spec;
static struct tunnel tunnels[4];
static struct prefix4 prefixes[] = {{.len = 24}};
static struct spec_tunnel spec_tunnels[] = {{.name = "t1"}, {.name = "t2"}, {.name = "t3"}};
static struct spec_site spec_sites[] = {{.tunnels = spec_tunnels, .n_tunnels = 3}};
static struct site sites[2] = {[1] = {.prefixes = prefixes, .n_prefixes = 1, .first_tunnel = 1}};
static struct addr6 no_addresses6[4];
static struct network net = {
	.spec = {.sites = spec_sites, .n_sites = 1},
	.tunnels = tunnels,
	.n_tunnels = 3,
	.sites = sites,
	.n_sites = 1,
	.tunnel_addresses6 = no_addresses6,
};

static be32_t ip(const char *text)
{
	be32_t addr;

	assert_int_equal(inet_pton(AF_INET, text, &addr), 1);
	return addr;
}

/* Either family, as netlink.h has them. */
static struct addr6 ip6(const char *text)
{
	struct addr6 addr;

	if (strchr(text, ':') == NULL)
		return addr6_from_ipv4(ip(text));
	assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

static uint8_t length(const char *dst, uint8_t len)
{
	return (uint8_t)(strchr(dst, ':') == NULL ? MAPPED_BITS + len : len);
}

static void route(const char *dst, uint8_t len, const char *gateway, uint32_t metric)
{
	struct kernel_route r = {.prefix = {ip6(dst), length(dst, len)}, .metric = metric};

	if (gateway != NULL)
		r.gateway = ip6(gateway);

	assert_int_equal(view_add_route(&v, 0, &r), 0);
}

static void neighbour(const char *addr, uint8_t last, uint16_t state)
{
	struct kernel_neighbour n = {
		.addr = ip6(addr), .mac = {2, 0, 0, 0, 0, last}, .state = state};

	assert_int_equal(view_add_neighbour(&v, 0, &n), 0);
}

static bool compile(void)
{
	view_sort(&v);
	return view_compile(&v, &net, &spec);
}

static void usual_routes(void)
{
	view_clear_routes(&v);
	route("0.0.0.0", 0, "192.0.2.1", 100);
	route("192.0.2.0", 24, NULL, 0);
}

static int setup(void **state)
{
	tunnels[1] = (struct tunnel){.remote = ip("192.0.2.9"), .port = 0, .site = 1};
	tunnels[2] = (struct tunnel){.remote = ip("198.51.100.9"), .port = 0, .site = 1};
	tunnels[3] = (struct tunnel){.remote = ip("198.51.100.9"), .port = 1, .site = 1};
	if (view_init(&v, 2, 3) != 0)
		return -1;
	v.ports[0] = (struct view_port){.has_kernel = true, .mac = {2, 0, 0, 0, 9, 0}, .mtu = 1500};
	v.ports[1] = (struct view_port){.next_hop = {2, 0, 0, 0, 0, 0x77}, .mtu = 1400};
	usual_routes();
	neighbour("192.0.2.1", 1, NUD_REACHABLE);
	return 0;
}

static int teardown(void **state)
{
	view_fini(&v);
	return 0;
}

/* The hop behind the first row of exactly this prefix. */
static uint16_t hop_of(uint8_t port, const char *dst, uint8_t len)
{
	for (size_t i = 0; i < spec.n_routes; i++)
		if (spec.routes[i].port == port && spec.routes[i].prefix.len == len &&
		    spec.routes[i].prefix.addr == ip(dst))
			return spec.routes[i].hop;
	return HOP_NONE;
}

static void assert_hop(uint16_t id, bool resolved, uint8_t last)
{
	assert_in_range(id, 1, spec.n_hops - 1);
	assert_int_equal(spec.hops[id].resolved, resolved);
	if (resolved)
		assert_int_equal(spec.hops[id].dst_mac[5], last);
}

static void test_first_table(void **state)
{
	assert_true(compile());
	assert_hop(hop_of(0, "0.0.0.0", 0), true, 1);
	assert_int_equal(hop_of(0, "192.0.2.0", 24), HOP_UNKNOWN_HOST);
	assert_hop(hop_of(1, "0.0.0.0", 0), true, 0x77);
	assert_int_equal(spec.hops[hop_of(1, "0.0.0.0", 0)].mtu, 1400);
	assert_int_equal(spec.hops[hop_of(0, "0.0.0.0", 0)].src_mac[4], 9);

	assert_hop(spec.tunnel_hops[1], false, 0); /* on link, nobody has answered yet */
	assert_int_equal(spec.tunnel_hops[2], hop_of(0, "0.0.0.0", 0));
	assert_int_equal(spec.tunnel_hops[3], hop_of(1, "0.0.0.0", 0));
	assert_int_equal(v.n_targets, 2); /* the gateway and the end of tunnel 1 */
	assert_false(compile()); /* nothing has changed */
}

/* A port's address is changed: hops send from the new one, and answers name it. */
static void test_port_changes_its_address(void **state)
{
	const uint8_t other[6] = {2, 0, 0, 0, 9, 7};
	uint16_t hop;

	assert_true(compile());
	hop = hop_of(0, "0.0.0.0", 0);
	assert_int_equal(spec.n_macs, 2);
	assert_memory_equal(spec.macs[0], v.ports[0].mac, 6);
	memcpy(v.ports[0].mac, other, 6);
	assert_true(compile());
	assert_memory_equal(spec.macs[0], other, 6);
	assert_memory_equal(spec.hops[hop].src_mac, other, 6);
	assert_false(compile());

	memcpy(v.ports[1].mac, other, 6); /* no hop of it is resolved: the answers alone */
	assert_true(compile());
	assert_memory_equal(spec.macs[1], other, 6);
	assert_false(compile());
}

static void test_gateway_changes_behind_the_hop(void **state)
{
	uint16_t hop;

	compile();
	hop = hop_of(0, "0.0.0.0", 0);
	view_clear_routes(&v);
	route("0.0.0.0", 0, "192.0.2.2", 100);
	route("192.0.2.0", 24, NULL, 0);
	assert_true(compile());
	assert_int_equal(hop_of(0, "0.0.0.0", 0), hop);
	assert_hop(hop, false, 0); /* not the old gateway's address */

	neighbour("192.0.2.2", 2, NUD_REACHABLE);
	assert_true(compile());
	assert_hop(hop, true, 2);
}

static void test_neighbour_changes_behind_the_hop(void **state)
{
	uint16_t hop;

	compile();
	hop = hop_of(0, "0.0.0.0", 0);
	view_clear_neighbours(&v);
	neighbour("192.0.2.1", 5, NUD_STALE);
	assert_true(compile());
	assert_hop(hop, true, 5);
}

/* clang-format off */
static const struct {
	bool there;
	uint16_t state;
	bool resolved;
	const char *why;
} lost_rows[] = {
	{ true,  NUD_STALE,      true,  "stale is good enough" },
	{ true,  NUD_DELAY,      true,  "so is delay" },
	{ true,  NUD_PROBE,      true,  "and probe" },
	{ true,  NUD_PERMANENT,  true,  "set by hand" },
	{ true,  NUD_INCOMPLETE, true,  "asked for anew: the old address stays meanwhile" },
	{ false, 0,              true,  "forgotten by the kernel: it stays as well" },
	{ true,  NUD_FAILED,     false, "the kernel says nobody is there" },
};
/* clang-format on */

static void test_lost_neighbours(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(lost_rows); i++) {
		view_clear_neighbours(&v);
		neighbour("192.0.2.1", 1, NUD_REACHABLE);
		compile();
		view_clear_neighbours(&v);
		if (lost_rows[i].there)
			neighbour("192.0.2.1", 1, lost_rows[i].state);
		compile();
		if (spec.hops[hop_of(0, "0.0.0.0", 0)].resolved != lost_rows[i].resolved)
			fail_msg("row %zu: %s", i, lost_rows[i].why);
	}
}

static void test_deleted_route_follows_the_covering_one(void **state)
{
	uint16_t hop;

	route("10.0.0.0", 8, "192.0.2.3", 0);
	neighbour("192.0.2.3", 3, NUD_REACHABLE);
	compile();
	hop = hop_of(0, "10.0.0.0", 8);
	assert_hop(hop, true, 3);

	usual_routes(); /* without it */
	assert_true(compile());
	assert_int_equal(hop_of(0, "10.0.0.0", 8), HOP_NONE);
	assert_hop(hop, true, 1); /* flows that know it go by the default route now */

	view_clear_routes(&v);
	assert_true(compile());
	assert_hop(hop, false, 0);
	assert_int_equal(spec.tunnel_hops[2], HOP_NONE);

	usual_routes();
	route("10.0.0.0", 8, "192.0.2.3", 0);
	assert_true(compile());
	assert_int_equal(hop_of(0, "10.0.0.0", 8), hop); /* the same number again */
	assert_hop(hop, true, 3);
}

static void test_lowest_metric(void **state)
{
	neighbour("192.0.2.4", 4, NUD_REACHABLE);
	route("0.0.0.0", 0, "192.0.2.4", 50);
	route("0.0.0.0", 0, "192.0.2.5", 200);
	compile();
	assert_hop(hop_of(0, "0.0.0.0", 0), true, 4);
	assert_int_equal(spec.n_routes, 3); /* each prefix once: with the one of port 1 */
}

static int add_host(const char *text)
{
	struct addr6 addr = ip6(text);

	return view_add_host(&v, 0, &addr);
}

static int add_host_number(uint32_t n)
{
	struct addr6 addr = addr6_from_ipv4(htonl(n));

	return view_add_host(&v, 0, &addr);
}

static void test_hosts(void **state)
{
	uint16_t hop = 0;

	compile();
	neighbour("192.0.2.50", 50, NUD_REACHABLE);
	assert_int_equal(add_host("192.0.2.50"), 0);
	assert_int_equal(add_host("192.0.2.50"), 0); /* once */
	assert_true(compile());
	for (size_t i = 0; i < spec.n_hosts; i++)
		if (spec.hosts[i].addr == ip("192.0.2.50"))
			hop = spec.hosts[i].hop;
	assert_hop(hop, true, 50);
	assert_int_equal(spec.n_hosts, 2); /* and the end of tunnel 1 */
}

static void test_hosts_are_bounded(void **state)
{
	for (uint32_t i = 0; i < VIEW_HOSTS_MAX; i++)
		assert_int_equal(add_host_number(0x0a000000 + i), 0);
	assert_int_equal(add_host_number(0x0b000000), -ENOSPC);
	assert_int_equal(add_host_number(0x0a000000), 0); /* that one is there */
	compile();
	assert_int_equal(spec.n_hosts, VIEW_HOSTS_MAX + 1);
}

static void test_routes_are_bounded(void **state)
{
	uint32_t n = VIEW_ROUTES_MAX + 100;

	view_clear_routes(&v);
	for (uint32_t i = 0; i < n; i++) {
		struct kernel_route r = {
			.prefix = {addr6_from_ipv4(htonl(i << 8)), MAPPED_BITS + 24},
			.gateway = ip6("192.0.2.1"),
		};

		assert_int_equal(view_add_route(&v, 0, &r), 0);
	}
	route("0.0.0.0", 0, "192.0.2.1", 0); /* last, and yet kept: the shortest come first */
	compile();
	assert_int_equal(spec.n_routes, VIEW_ROUTES_MAX);
	assert_hop(hop_of(0, "0.0.0.0", 0), true, 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static const struct adjacency_route6 *route6_of(const char *dst, uint8_t len)
{
	struct addr6 addr = ip6(dst);

	for (size_t i = 0; i < spec.n_routes6; i++) {
		const struct adjacency_route6 *r = &spec.routes6[i];

		if (r->port == 0 && r->prefix.len == len && addr6_equal(&r->prefix.addr, &addr))
			return r;
	}
	return NULL;
}

/* Both families side by side: neither sees the other's default route. */
static void test_ipv6(void **state)
{
	uint16_t hop;

	compile();
	assert_null(route6_of("::", 0));
	route("::", 0, "fe80::1", 100);
	route("2001:db8:7::", 64, NULL, 100);
	neighbour("fe80::1", 61, NUD_REACHABLE);
	assert_true(compile());
	assert_non_null(route6_of("::", 0));
	assert_hop(route6_of("::", 0)->hop, true, 61);
	assert_int_equal(route6_of("2001:db8:7::", 64)->hop, HOP_UNKNOWN_HOST);
	assert_hop(hop_of(0, "0.0.0.0", 0), true, 1);

	hop = route6_of("::", 0)->hop;
	view_clear_routes(&v);
	route("0.0.0.0", 0, "192.0.2.1", 100);
	assert_true(compile()); /* the IPv4 default route does not cover it */
	assert_false(spec.hops[hop].resolved);

	neighbour("2001:db8:7::9", 62, NUD_REACHABLE);
	view_sort(&v);
	assert_int_equal(add_host("2001:db8:7::9"), 0);
	assert_true(compile());
	assert_int_equal(spec.n_hosts6, 1);
	assert_hop(spec.hosts6[0].hop, true, 62);
}

/* clang-format off */
static const struct {
	const char *why;
	uint16_t port, port6; /* MTU of port 0 */
	uint32_t route, host; /* of its default route and of its network; 0: none */
	uint16_t hop; /* MTU of the hop of the default route */
	uint16_t tunnel1, tunnel2; /* 28 bytes less, by the network and by the default route */
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

/* One row after another, as if the machine changed under a running gateway. */
static void test_mtu_follows_port_and_route(void **state)
{
	struct path_mtus *paths;

	for (uint16_t id = 1; id <= 3; id++) {
		tunnels[id].mtu = 1400;
		tunnels[id].header_len = 28;
	}
	paths = path_mtus_create(&net);
	assert_non_null(paths);
	v.paths = paths;
	for (size_t i = 0; i < ARRAY_SIZE(mtu_rows); i++) {
		struct tunnel_mtu one, two;

		v.ports[0].mtu = mtu_rows[i].port;
		v.ports[0].mtu6 = mtu_rows[i].port6;
		view_clear_routes(&v);
		route("0.0.0.0", 0, "192.0.2.1", 100);
		v.routes[0].route.mtu = mtu_rows[i].route;
		route("192.0.2.0", 24, NULL, 0);
		v.routes[1].route.mtu = mtu_rows[i].host;
		route("::", 0, "fe80::1", 100);
		assert_true(compile());
		assert_false(compile());
		one = path_mtu_of(paths, &net, 1);
		two = path_mtu_of(paths, &net, 2);
		if (spec.hops[hop_of(0, "0.0.0.0", 0)].mtu != mtu_rows[i].hop ||
		    spec.tunnel_mtus[1] != mtu_rows[i].tunnel1 || one.mtu != mtu_rows[i].tunnel1 ||
		    spec.tunnel_mtus[2] != mtu_rows[i].tunnel2 || two.mtu != mtu_rows[i].tunnel2 ||
		    one.bound != mtu_rows[i].bound1 || two.bound != mtu_rows[i].bound2)
			fail_msg("%s: tunnel 1 %u by its %s, tunnel 2 %u by its %s",
				 mtu_rows[i].why, one.mtu, mtu_bound_names[one.bound], two.mtu,
				 mtu_bound_names[two.bound]);
		assert_int_equal(spec.hops[route6_of("::", 0)->hop].mtu,
				 mtu_rows[i].port6 != 0 ? mtu_rows[i].port6 : mtu_rows[i].port);
		assert_int_equal(spec.tunnel_mtus[3], 1372); /* port 1 has 1,400 all the time */
	}
	path_mtus_destroy(paths);
}

/* One alarm for all tunnels that are too narrow for what every packet must find. */
static void test_narrow_tunnels_are_reported(void **state)
{
	struct alarms *alarms = alarms_create();
	struct path_mtus *paths;

	for (uint16_t id = 1; id <= 3; id++) {
		tunnels[id].mtu = 1400;
		tunnels[id].header_len = 28;
	}
	paths = path_mtus_create(&net);
	assert_true(alarms != NULL && paths != NULL);
	v.paths = paths;
	v.alarms = alarms;
	v.ports[0].mtu = 604; /* 576 inside */
	compile();
	assert_int_equal(alarms_count(alarms), 0);
	v.ports[0].mtu = 603;
	compile();
	assert_int_equal(alarms_count(alarms), 1);
	assert_non_null(strstr(alarms_at(alarms, 0)->text, "2 tunnels"));
	assert_non_null(strstr(alarms_at(alarms, 0)->text, "t1, takes 575 bytes, by its port"));
	v.ports[0].mtu = 1500;
	compile();
	assert_int_equal(alarms_count(alarms), 0);
	path_mtus_destroy(paths);
	alarms_destroy(alarms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_first_table),
		CASE(test_port_changes_its_address),
		CASE(test_gateway_changes_behind_the_hop),
		CASE(test_neighbour_changes_behind_the_hop),
		CASE(test_lost_neighbours),
		CASE(test_deleted_route_follows_the_covering_one),
		CASE(test_lowest_metric),
		CASE(test_hosts),
		CASE(test_hosts_are_bounded),
		CASE(test_ipv6),
		CASE(test_mtu_follows_port_and_route),
		CASE(test_narrow_tunnels_are_reported),
		CASE(test_routes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
