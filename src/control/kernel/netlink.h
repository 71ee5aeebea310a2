/*
 * Private to control/kernel/: rtnetlink(7) messages as plain structs.
 *
 * A dump of routes asks for one interface only, so a full routing table on another interface costs
 * nothing. Parsers check every length. A message that is truncated, or about something that we do
 * not follow, is skipped. Addresses of both families are IPv6 addresses here: IPv4 addresses are
 * v4-mapped, and IPv4 prefixes are 96 bits longer.
 *
 * Control thread.
 */
#pragma once

#include "base/addr6.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mnl_socket;
struct nlmsghdr;

struct kernel_link {
	uint8_t mac[6];
	uint32_t mtu;
	uint32_t mtu6; /* IPv6 MTU (RFC 4861 section 6.3.2); 0: IPv6 is off */
	bool up;
};

/* A nexthop of a route: its gateway and interface. */
struct kernel_gateway {
	struct addr6 gateway; /* zero: on link; may be IPv6 for an IPv4 route (RFC 8950) */
	int ifindex;
	uint16_t weight; /* 1 to 256: its share among several */
	bool dead; /* the kernel does not use it at present */
};

enum kernel_route_kind {
	KERNEL_UNICAST,
	KERNEL_BLACKHOLE,
	KERNEL_UNREACHABLE,
	KERNEL_PROHIBIT,
	KERNEL_THROW, /* the lookup ends without a route; shorter prefixes are not used */
};

enum { KERNEL_GATEWAYS_MAX = 64 };

struct kernel_route {
	struct prefix6 prefix;
	uint32_t table; /* its number; never the local one */
	uint32_t metric;
	uint32_t mtu; /* MTU that the route names (RTAX_MTU); 0: none */
	uint8_t preference; /* IPv6, among equal metrics: 0 is used first (RFC 4191) */
	uint8_t kind; /* enum kernel_route_kind */
	bool removed; /* the route was removed */
	bool replaces; /* replaces all routes of this prefix and metric */
	uint32_t nexthop; /* id of the nexthop object that has its nexthops; 0: none */
	size_t n_gateways;
	struct kernel_gateway gateways[KERNEL_GATEWAYS_MAX];
};

/* A nexthop object (ip-nexthop(8)): one nexthop, or a group of others. */
struct kernel_nexthop {
	uint32_t id;
	bool removed, blackhole;
	struct kernel_gateway gateway; /* if it is not a group */
	size_t n_group;
	uint32_t group[KERNEL_GATEWAYS_MAX];
	uint16_t weights[KERNEL_GATEWAYS_MAX];
};

struct kernel_neighbour {
	struct addr6 addr;
	uint8_t mac[6];
	uint16_t state; /* NUD_*; NUD_NONE: removed */
	int ifindex;
};

/*
 * True: @nlh adds, changes or removes a route that is for all packets, in a table other than the
 * local one. Nexthops beyond KERNEL_GATEWAYS_MAX are left out.
 */
bool netlink_parse_route(const struct nlmsghdr *nlh, struct kernel_route *out);
bool netlink_parse_nexthop(const struct nlmsghdr *nlh, struct kernel_nexthop *out);
/*
 * Reads what the kernel knows of a neighbour, and on which interface; removed: state is NUD_NONE.
 */
bool netlink_parse_neighbour(const struct nlmsghdr *nlh, struct kernel_neighbour *out);
bool netlink_parse_link(const struct nlmsghdr *nlh, int ifindex, struct kernel_link *out);

/* @groups: bits RTMGRP_*; 0: for requests only. NULL and errno on failure. */
struct mnl_socket *netlink_open(unsigned groups);

/*
 * Events about routes are sent to all sockets, whatever their table. Of these, @nl gets only those
 * of the main table, or only those of all others but the local one: the kernel leaves out the rest
 * before it uses the socket's buffer. So a storm in one table costs the other socket nothing. 0 or
 * -errno.
 */
enum netlink_tables { NETLINK_TABLE_MAIN, NETLINK_TABLES_OTHER };
int netlink_choose_tables(struct mnl_socket *nl, enum netlink_tables tables);

/*
 * Each returns 0 or -errno and calls @each for every row. @family: AF_INET or AF_INET6. -EAGAIN:
 * the table changed during the dump, and rows may be missing.
 */
typedef void (*netlink_route_fn)(const struct kernel_route *route, void *arg);
typedef void (*netlink_nexthop_fn)(const struct kernel_nexthop *nexthop, void *arg);
typedef void (*netlink_neighbour_fn)(const struct kernel_neighbour *neighbour, void *arg);
/*
 * Routes of the main table that leave by @ifindex; with @ifindex 0 those of @type (RTN_*), which
 * leave by no interface.
 */
int netlink_dump_routes(struct mnl_socket *nl, int ifindex, uint8_t type, uint8_t family,
			netlink_route_fn each, void *arg);
/*
 * Dumps all routes of the table with number @table in steps: the first asks, the second reads what
 * one receive gives. 1: there is more; 0: that was all, also if there is no such table; -errno as
 * above. The socket is not used for anything else meanwhile.
 */
int netlink_ask_table(struct mnl_socket *nl, uint32_t table, uint8_t family);
int netlink_read_table(struct mnl_socket *nl, netlink_route_fn each, void *arg);
int netlink_dump_nexthops(struct mnl_socket *nl, netlink_nexthop_fn each, void *arg);
int netlink_dump_neighbours(struct mnl_socket *nl, int ifindex, uint8_t family,
			    netlink_neighbour_fn each, void *arg);
int netlink_get_link(struct mnl_socket *nl, int ifindex, struct kernel_link *out);

/* Sends @nlh and calls @cb (mnl_cb_t) for every reply. 0 or -errno, -EAGAIN as above. */
int netlink_ask(struct mnl_socket *nl, struct nlmsghdr *nlh,
		int (*cb)(const struct nlmsghdr *nlh, void *arg), void *arg);

/* An address of an interface. Those of IPv4 are mapped, and their lengths are 96 bits longer. */
struct netlink_address {
	struct addr6 ours, peer; /* the same, if there is no far end */
	uint8_t len; /* of the prefix on the link; that of the far end, if there is one */
};

/* Calls @each for all addresses of an interface. 0 or -errno. */
typedef void (*netlink_address_fn)(const struct netlink_address *address, void *arg);
int netlink_dump_addresses(struct mnl_socket *nl, int ifindex, netlink_address_fn each, void *arg);
int netlink_set_address(struct mnl_socket *nl, bool add, int ifindex,
			const struct netlink_address *address);

/* Adds, or changes, or removes a route by @ifindex, marked as of @protocol (RTPROT_*). */
struct netlink_own_route {
	struct prefix6 prefix;
	uint32_t table, metric;
	int ifindex;
	uint8_t protocol;
};
int netlink_set_route(struct mnl_socket *nl, bool add, const struct netlink_own_route *route);

/*
 * Makes the kernel resolve or confirm the Ethernet address of @addr, as if it had a packet for it.
 * The result comes as an event. 0 or -errno.
 */
int netlink_resolve(struct mnl_socket *nl, int ifindex, const struct addr6 *addr);

/*
 * Removes an entry that netlink_resolve() made and that got no answer: the kernel's table is small.
 */
int netlink_forget(struct mnl_socket *nl, int ifindex, const struct addr6 *addr);
