/*
 * Messages as the kernel writes them, and invalid ones: each row changes one field of a valid
 * route, neighbour or link.
 */
#include "control/kernel/netlink.h"

#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

enum { OURS = 7, ANOTHER = 8, MESSAGE_SIZE = 512 };

/* An address of either family, stored as in netlink.h. */
static struct addr6 ip(const char *text)
{
	struct addr6 addr;
	be32_t four;

	if (strchr(text, ':') != NULL) {
		assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
		return addr;
	}
	assert_int_equal(inet_pton(AF_INET, text, &four), 1);
	return addr6_from_ipv4(four);
}

static void put_address(struct nlmsghdr *nlh, uint16_t type, const char *text)
{
	struct addr6 addr = ip(text);
	be32_t four = addr6_to_ipv4(&addr);

	if (addr6_is_mapped(&addr))
		mnl_attr_put(nlh, type, sizeof(four), &four);
	else
		mnl_attr_put(nlh, type, sizeof(addr), &addr);
}

struct way {
	int ifindex;
	uint8_t flags;
	const char *gateway;
};

/* clang-format off */
static const struct route_row {
	const char *dst;
	uint8_t len;
	uint8_t table, type, tos, family;
	unsigned flags;
	int oif;
	const char *gateway;
	bool via6;
	struct way ways[3];
	bool found;
	const char *expect; /* expected gateway */
	const char *why;
} route_rows[] = {
	{ "10.0.0.0", 8,  254, RTN_UNICAST, 0, AF_INET, 0, OURS, "192.0.2.1", false, {{0}}, true, "192.0.2.1", "an ordinary route" },
	{ NULL, 0,        254, RTN_UNICAST, 0, AF_INET, 0, OURS, "192.0.2.1", false, {{0}}, true, "192.0.2.1", "the default route has no destination" },
	{ "192.0.2.0", 24, 254, RTN_UNICAST, 0, AF_INET, 0, OURS, NULL, false, {{0}}, true, "0.0.0.0", "on link" },
	{ "10.0.0.0", 8,  254, RTN_UNICAST, 0, AF_INET, 0, ANOTHER, "192.0.2.1", false, {{0}}, false, NULL, "another interface" },
	{ "10.0.0.0", 8,  254, RTN_UNICAST, 0, AF_INET, 0, 0, "192.0.2.1", false, {{0}}, false, NULL, "no interface at all" },
	{ "10.0.0.0", 8,  255, RTN_UNICAST, 0, AF_INET, 0, OURS, NULL, false, {{0}}, false, NULL, "the local table" },
	{ "10.0.0.0", 8,  254, RTN_BLACKHOLE, 0, AF_INET, 0, OURS, NULL, false, {{0}}, false, NULL, "a black hole" },
	{ "10.0.0.0", 8,  254, RTN_LOCAL, 0, AF_INET, 0, OURS, NULL, false, {{0}}, false, NULL, "an address of the machine" },
	{ "10.0.0.0", 8,  254, RTN_UNICAST, 16, AF_INET, 0, OURS, "192.0.2.1", false, {{0}}, false, NULL, "for one type of service only" },
	{ "10.0.0.0", 8,  254, RTN_UNICAST, 0, AF_INET6, 0, OURS, "192.0.2.1", false, {{0}}, false, NULL, "IPv6 with addresses of IPv4" },
	{ "fd00::", 8,    254, RTN_UNICAST, 0, AF_INET, 0, OURS, "192.0.2.1", false, {{0}}, false, NULL, "IPv4 with an address of IPv6" },
	{ "2001:db8::", 32, 254, RTN_UNICAST, 0, AF_INET6, 0, OURS, "fe80::1", false, {{0}}, true, "fe80::1", "IPv6, by a link-local gateway" },
	{ NULL, 0,        254, RTN_UNICAST, 0, AF_INET6, 0, OURS, "fe80::1", false, {{0}}, true, "fe80::1", "the default route of IPv6" },
	{ "2001:db8::", 64, 254, RTN_UNICAST, 0, AF_INET6, 0, OURS, NULL, false, {{0}}, true, "::", "IPv6, on link" },
	{ "2001:db8::", 129, 254, RTN_UNICAST, 0, AF_INET6, 0, OURS, NULL, false, {{0}}, false, NULL, "a length that cannot be, IPv6" },
	{ "2001:db8::", 32, 254, RTN_UNICAST, 0, AF_INET6, 0, 0, NULL, false,
	  {{ANOTHER, 0, "fe80::1"}, {OURS, 0, "fe80::2"}}, true, "fe80::2", "several ways of IPv6" },
	{ "10.0.0.0", 8,  254, RTN_UNICAST, 0, AF_PACKET, 0, OURS, "192.0.2.1", false, {{0}}, false, NULL, "neither family" },
	{ "10.0.0.0", 33, 254, RTN_UNICAST, 0, AF_INET, 0, OURS, "192.0.2.1", false, {{0}}, false, NULL, "a length that cannot be" },
	{ NULL, 8,        254, RTN_UNICAST, 0, AF_INET, 0, OURS, "192.0.2.1", false, {{0}}, false, NULL, "a length without a destination" },
	{ "10.0.0.0", 8,  254, RTN_UNICAST, 0, AF_INET, RTNH_F_DEAD, OURS, "192.0.2.1", false, {{0}}, false, NULL, "dead" },
	{ "10.0.0.0", 8,  254, RTN_UNICAST, 0, AF_INET, RTM_F_CLONED, OURS, "192.0.2.1", false, {{0}}, false, NULL, "from the cache" },
	{ "10.0.0.0", 8,  254, RTN_UNICAST, 0, AF_INET, 0, OURS, NULL, true, {{0}}, true, "fe80::", "by an IPv6 gateway (RFC 8950)" },
	{ "10.0.0.0", 8,  254, RTN_UNICAST, 0, AF_INET, 0, 0, NULL, false,
	  {{ANOTHER, 0, "192.0.2.1"}, {OURS, 0, "192.0.2.2"}, {OURS, 0, "192.0.2.3"}}, true, "192.0.2.2", "several ways: the first of ours" },
	{ "10.0.0.0", 8,  254, RTN_UNICAST, 0, AF_INET, 0, 0, NULL, false,
	  {{OURS, RTNH_F_DEAD, "192.0.2.1"}, {OURS, 0, "192.0.2.2"}}, true, "192.0.2.2", "the first that lives" },
	{ "10.0.0.0", 8,  254, RTN_UNICAST, 0, AF_INET, 0, 0, NULL, false,
	  {{OURS, 0, NULL}}, true, "0.0.0.0", "a way that is on link" },
	{ "10.0.0.0", 8,  254, RTN_UNICAST, 0, AF_INET, 0, 0, NULL, false,
	  {{ANOTHER, 0, "192.0.2.1"}}, false, NULL, "several ways, none of ours" },
};
/* clang-format on */

static void put_ways(struct nlmsghdr *nlh, const struct way *ways, size_t n)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, RTA_MULTIPATH);

	for (size_t i = 0; i < n && ways[i].ifindex != 0; i++) {
		struct rtnexthop *way = mnl_nlmsg_get_payload_tail(nlh);
		uint32_t start = nlh->nlmsg_len;

		memset(way, 0, sizeof(*way));
		way->rtnh_ifindex = ways[i].ifindex;
		way->rtnh_flags = ways[i].flags;
		nlh->nlmsg_len += sizeof(*way);
		if (ways[i].gateway != NULL)
			put_address(nlh, RTA_GATEWAY, ways[i].gateway);
		way->rtnh_len = (unsigned short)(nlh->nlmsg_len - start);
	}
	mnl_attr_nest_end(nlh, nest);
}

static struct nlmsghdr *make_route(char *buffer, const struct route_row *row)
{
	static const uint8_t via6[18] = {AF_INET6 & 0xff, AF_INET6 >> 8, 0xfe, 0x80};
	struct nlmsghdr *nlh;
	struct rtmsg *rtm;

	memset(buffer, 0, MESSAGE_SIZE);
	nlh = mnl_nlmsg_put_header(buffer);
	nlh->nlmsg_type = RTM_NEWROUTE;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = row->family;
	rtm->rtm_table = row->table;
	rtm->rtm_type = row->type;
	rtm->rtm_tos = row->tos;
	rtm->rtm_dst_len = row->len;
	rtm->rtm_flags = row->flags;
	mnl_attr_put_u32(nlh, RTA_TABLE, row->table);
	mnl_attr_put_u32(nlh, RTA_PRIORITY, 100);
	if (row->dst != NULL)
		put_address(nlh, RTA_DST, row->dst);
	if (row->oif != 0)
		mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)row->oif);
	if (row->gateway != NULL)
		put_address(nlh, RTA_GATEWAY, row->gateway);
	if (row->via6)
		mnl_attr_put(nlh, RTA_VIA, sizeof(via6), via6);
	if (row->ways[0].ifindex != 0)
		put_ways(nlh, row->ways, ARRAY_SIZE(row->ways));
	return nlh;
}

/* Of several nexthops the first one by our interface that the kernel uses is taken. */
static const struct kernel_gateway *our_way(const struct kernel_route *route)
{
	for (size_t i = 0; i < route->n_gateways; i++)
		if (route->gateways[i].ifindex == OURS && !route->gateways[i].dead)
			return &route->gateways[i];
	return NULL;
}

static bool parse(const struct nlmsghdr *nlh, struct kernel_route *route)
{
	return netlink_parse_route(nlh, route) && our_way(route) != NULL;
}

static bool is_expected(const struct route_row *row, const struct kernel_route *route)
{
	bool six = row->family == AF_INET6;
	struct addr6 dst = ip(row->dst != NULL ? row->dst : six ? "::" : "0.0.0.0");
	struct addr6 gateway = ip(row->expect);

	if (strcmp(row->expect, "0.0.0.0") == 0)
		gateway = ip("::"); /* on link, for either family */
	return addr6_equal(&our_way(route)->gateway, &gateway) && route->metric == 100 &&
	       route->prefix.len == (six ? 0 : MAPPED_BITS) + row->len &&
	       addr6_equal(&route->prefix.addr, &dst);
}

static void test_routes(void **state)
{
	_Alignas(struct nlmsghdr) char buffer[MESSAGE_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(route_rows); i++) {
		const struct route_row *row = &route_rows[i];
		struct kernel_route route;
		bool found = parse(make_route(buffer, row), &route);

		if (found != row->found)
			fail_msg("row %zu: %s", i, row->why);
		if (!found)
			continue;
		if (!is_expected(row, &route))
			fail_msg("row %zu: wrong route: %s", i, row->why);
	}
}

/* clang-format off */
static const struct {
	uint8_t type;
	bool good;
	uint8_t kind;
} kind_rows[] = {
	{ RTN_UNICAST, true, KERNEL_UNICAST },
	{ RTN_BLACKHOLE, true, KERNEL_BLACKHOLE },
	{ RTN_UNREACHABLE, true, KERNEL_UNREACHABLE },
	{ RTN_PROHIBIT, true, KERNEL_PROHIBIT },
	{ RTN_THROW, true, KERNEL_THROW },
	{ RTN_LOCAL, false, 0 }, { RTN_MULTICAST, false, 0 }, { RTN_NAT, false, 0 },
};
/* clang-format on */

static void test_kinds(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(kind_rows); i++) {
		_Alignas(struct nlmsghdr) char buffer[MESSAGE_SIZE];
		struct route_row row = route_rows[0];
		struct kernel_route route;

		row.type = kind_rows[i].type;
		assert_int_equal(netlink_parse_route(make_route(buffer, &row), &route),
				 kind_rows[i].good);
		if (kind_rows[i].good)
			assert_int_equal(route.kind, kind_rows[i].kind);
	}
}

/* The flags of an event. */
static void test_events(void **state)
{
	_Alignas(struct nlmsghdr) char buffer[MESSAGE_SIZE];
	struct nlmsghdr *nlh = make_route(buffer, &route_rows[0]);
	struct kernel_route route;

	assert_true(parse(nlh, &route));
	assert_false(route.removed || route.replaces);
	nlh->nlmsg_flags = NLM_F_REPLACE;
	assert_true(parse(nlh, &route));
	assert_true(route.replaces);
	nlh->nlmsg_type = RTM_DELROUTE;
	assert_true(parse(nlh, &route));
	assert_true(route.removed && !route.replaces);
	nlh->nlmsg_type = RTM_NEWRULE;
	assert_false(parse(nlh, &route));
}

static void test_nexthop_objects(void **state)
{
	const struct nexthop_grp group[] = {{.id = 3}, {.id = 5}};
	_Alignas(struct nlmsghdr) char buffer[MESSAGE_SIZE];
	struct nlmsghdr *nlh;
	struct nhmsg *nhm;
	struct kernel_nexthop nexthop;

	for (int kind = 0; kind < 4; kind++) {
		memset(buffer, 0, sizeof(buffer));
		nlh = mnl_nlmsg_put_header(buffer);
		nlh->nlmsg_type = RTM_NEWNEXTHOP;
		nhm = mnl_nlmsg_put_extra_header(nlh, sizeof(*nhm));
		nhm->nh_family = AF_INET;
		assert_false(netlink_parse_nexthop(nlh, &nexthop)); /* it has no number */
		mnl_attr_put_u32(nlh, NHA_ID, 7);
		if (kind == 0) {
			mnl_attr_put_u32(nlh, NHA_OIF, OURS);
			put_address(nlh, NHA_GATEWAY, "192.0.2.1");
		} else if (kind == 1) {
			mnl_attr_put(nlh, NHA_GROUP, sizeof(group), group);
		} else if (kind == 2) {
			mnl_attr_put(nlh, NHA_BLACKHOLE, 0, NULL);
		} else {
			nlh->nlmsg_type = RTM_DELNEXTHOP;
		}
		assert_true(netlink_parse_nexthop(nlh, &nexthop));
		assert_int_equal(nexthop.id, 7);
		assert_int_equal(nexthop.gateway.ifindex, kind == 0 ? OURS : 0);
		assert_int_equal(nexthop.n_group, kind == 1 ? 2 : 0);
		assert_int_equal(nexthop.group[1], kind == 1 ? 5 : 0);
		assert_int_equal(nexthop.blackhole, kind == 2);
		assert_int_equal(nexthop.removed, kind == 3);
	}
}

/*
 * Truncated at every length, it is never parsed as another route, and not read beyond its end
 * (ASan).
 */
static void test_truncated(void **state)
{
	_Alignas(struct nlmsghdr) char whole[MESSAGE_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(route_rows); i++) {
		uint32_t len = make_route(whole, &route_rows[i])->nlmsg_len;

		for (uint32_t cut = sizeof(struct nlmsghdr); cut < len; cut++) {
			struct nlmsghdr *nlh = test_malloc(cut);
			struct kernel_route route;

			memcpy(nlh, whole, cut);
			nlh->nlmsg_len = cut;
			if (parse(nlh, &route))
				assert_true(route.prefix.len <= 128);
			test_free(nlh);
		}
	}
}

/* A nexthop with a wrong length field. */
static void test_lying_lengths(void **state)
{
	static const unsigned short lies[] = {0, 1, 7, 9, 17, 0xffff};
	_Alignas(struct nlmsghdr) char buffer[MESSAGE_SIZE];
	const struct route_row *row = &route_rows[15];

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct nlmsghdr *nlh = make_route(buffer, row);
		struct nlattr *attr;
		struct kernel_route route;

		mnl_attr_for_each(attr, nlh, sizeof(struct rtmsg))
		{
			if (mnl_attr_get_type(attr) == RTA_MULTIPATH)
				((struct rtnexthop *)mnl_attr_get_payload(attr))->rtnh_len =
					lies[i];
		}
		assert_false(parse(nlh, &route));
	}
}

/* clang-format off */
static const struct {
	uint16_t state, mac_len;
	uint8_t family, flags;
	int ifindex;
	bool found;
	uint16_t expect;
	const char *why;
} neighbour_rows[] = {
	{ NUD_REACHABLE,  6, AF_INET,  0, OURS, true, NUD_REACHABLE, "reachable" },
	{ NUD_STALE,      6, AF_INET,  0, OURS, true, NUD_STALE, "stale" },
	{ NUD_FAILED,     0, AF_INET,  0, OURS, true, NUD_FAILED, "failed: it has no address" },
	{ NUD_INCOMPLETE, 0, AF_INET,  0, OURS, true, NUD_INCOMPLETE, "being looked for" },
	{ NUD_REACHABLE,  4, AF_INET,  0, OURS, true, NUD_INCOMPLETE, "not an Ethernet address" },
	{ NUD_REACHABLE,  6, AF_INET6, 0, OURS, true, NUD_REACHABLE, "IPv6" },
	{ NUD_REACHABLE,  6, AF_PACKET, 0, OURS, false, 0, "neither family" },
	{ NUD_REACHABLE,  6, AF_INET,  NTF_PROXY, OURS, false, 0, "one that the kernel answers for" },
	{ NUD_REACHABLE,  6, AF_INET,  0, ANOTHER, false, 0, "another interface" },
};
/* clang-format on */

static void test_neighbours(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};

	for (size_t i = 0; i < ARRAY_SIZE(neighbour_rows); i++) {
		_Alignas(struct nlmsghdr) char buffer[MESSAGE_SIZE] = {0};
		struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
		struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
		const char *text = neighbour_rows[i].family == AF_INET6 ? "fe80::1" : "192.0.2.1";
		struct addr6 addr = ip(text);
		struct kernel_neighbour out;
		bool found;

		nlh->nlmsg_type = RTM_NEWNEIGH;
		ndm->ndm_family = neighbour_rows[i].family;
		ndm->ndm_ifindex = neighbour_rows[i].ifindex;
		ndm->ndm_state = neighbour_rows[i].state;
		ndm->ndm_flags = neighbour_rows[i].flags;
		put_address(nlh, NDA_DST, text);
		if (neighbour_rows[i].mac_len > 0)
			mnl_attr_put(nlh, NDA_LLADDR, neighbour_rows[i].mac_len, mac);

		found = netlink_parse_neighbour(nlh, &out) && out.ifindex == OURS;
		if (found != neighbour_rows[i].found ||
		    (found &&
		     (out.state != neighbour_rows[i].expect || !addr6_equal(&out.addr, &addr))))
			fail_msg("row %zu: %s", i, neighbour_rows[i].why);
		if (found && neighbour_rows[i].mac_len == 6)
			assert_memory_equal(out.mac, mac, 6);
	}
}

static void test_link(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	_Alignas(struct nlmsghdr) char buffer[MESSAGE_SIZE] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	struct kernel_link link;

	nlh->nlmsg_type = RTM_NEWLINK;
	ifi->ifi_index = OURS;
	ifi->ifi_flags = IFF_UP;
	mnl_attr_put(nlh, IFLA_ADDRESS, 6, mac);
	assert_false(netlink_parse_link(nlh, OURS, &link)); /* no MTU */
	mnl_attr_put_u32(nlh, IFLA_MTU, 9000);
	assert_true(netlink_parse_link(nlh, OURS, &link));
	assert_int_equal(link.mtu, 9000);
	assert_true(link.up);
	assert_memory_equal(link.mac, mac, 6);
	assert_false(netlink_parse_link(nlh, ANOTHER, &link));
}

/* The MTU of a route: an attribute within RTA_METRICS. */
static void test_route_mtu(void **state)
{
	const struct route_row *row = &route_rows[0];
	_Alignas(struct nlmsghdr) char buffer[MESSAGE_SIZE];
	struct nlmsghdr *nlh = make_route(buffer, row);
	struct kernel_route route;
	struct nlattr *nest;

	assert_true(parse(nlh, &route));
	assert_int_equal(route.mtu, 0);
	nest = mnl_attr_nest_start(nlh, RTA_METRICS);
	mnl_attr_put_u32(nlh, RTAX_ADVMSS, 900);
	mnl_attr_nest_end(nlh, nest);
	assert_true(parse(nlh, &route));
	assert_int_equal(route.mtu, 0);
	nlh = make_route(buffer, row);
	nest = mnl_attr_nest_start(nlh, RTA_METRICS);
	mnl_attr_put_u32(nlh, RTAX_LOCK, 1 << RTAX_MTU);
	mnl_attr_put_u32(nlh, RTAX_MTU, 1400);
	mnl_attr_nest_end(nlh, nest);
	assert_true(parse(nlh, &route));
	assert_int_equal(route.mtu, 1400);
	assert_int_equal(route.metric, 100);
}

/*
 * The MTU of IPv6 may be smaller than that of the link: AF_INET6 within IFLA_AF_SPEC, if the kernel
 * sends it.
 */
static void test_link_mtu6(void **state)
{
	static const struct {
		size_t words; /* of the interface's IPv6 configuration */
		uint32_t mtu6;
	} rows[] = {{0, 0}, {DEVCONF_MTU6, 0}, {DEVCONF_MTU6 + 1, 1400}, {DEVCONF_MTU6 + 9, 1400}};
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_Alignas(struct nlmsghdr) char buffer[MESSAGE_SIZE] = {0};
		struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
		struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
		uint32_t conf[DEVCONF_MTU6 + 9] = {[DEVCONF_MTU6] = 1400};
		struct nlattr *families, *six;
		struct kernel_link link;

		nlh->nlmsg_type = RTM_NEWLINK;
		ifi->ifi_index = OURS;
		mnl_attr_put(nlh, IFLA_ADDRESS, 6, mac);
		mnl_attr_put_u32(nlh, IFLA_MTU, 1500);
		families = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
		six = mnl_attr_nest_start(nlh, AF_INET6);
		mnl_attr_put(nlh, IFLA_INET6_CONF, rows[i].words * sizeof(conf[0]), conf);
		mnl_attr_nest_end(nlh, six);
		mnl_attr_nest_end(nlh, families);
		assert_true(netlink_parse_link(nlh, OURS, &link));
		assert_int_equal(link.mtu, 1500);
		assert_int_equal(link.mtu6, rows[i].mtu6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),		cmocka_unit_test(test_events),
		cmocka_unit_test(test_nexthop_objects), cmocka_unit_test(test_routes),
		cmocka_unit_test(test_truncated),	cmocka_unit_test(test_lying_lengths),
		cmocka_unit_test(test_neighbours),	cmocka_unit_test(test_link),
		cmocka_unit_test(test_route_mtu),	cmocka_unit_test(test_link_mtu6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
