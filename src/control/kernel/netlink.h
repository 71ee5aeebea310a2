/*
 * Private to control/kernel/: rtnetlink(7) in plain structs.
 *
 * Dumps of routes with nexthops ask for one interface only, so that a machine with a full routing
 * table on another one costs nothing. Parsers check every length; a message that is cut short or
 * not about what we follow is skipped. Both families are read into IPv6 addresses: what is IPv4
 * stands there as IPv4-mapped, its prefixes 96 bits longer.
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
	uint32_t mtu6; /* of IPv6 (RFC 4861 section 6.3.2); 0: no IPv6 there */
	bool up;
};

/* One of the nexthops of a route: the gateway and by which interface. */
struct kernel_gateway {
	struct addr6 gateway; /* zero: on link; IPv6 also of an IPv4 route (RFC 8950) */
	int ifindex;
	bool dead; /* the kernel does not use it now */
};

enum kernel_route_kind {
	KERNEL_UNICAST,
	KERNEL_BLACKHOLE,
	KERNEL_UNREACHABLE,
	KERNEL_PROHIBIT,
	KERNEL_THROW, /* no route, and none of a shorter prefix either */
};

enum { KERNEL_GATEWAYS_MAX = 64 };

struct kernel_route {
	struct prefix6 prefix;
	uint32_t metric;
	uint32_t mtu; /* that the route names (RTAX_MTU); 0: none */
	uint8_t preference; /* of IPv6, among equal metrics: 0 is used first (RFC 4191) */
	uint8_t kind; /* enum kernel_route_kind */
	bool removed; /* it is gone */
	bool replaces; /* all of this prefix and metric */
	uint32_t nexthop; /* number of a nexthop object that has them instead; 0: none */
	size_t n_gateways;
	struct kernel_gateway gateways[KERNEL_GATEWAYS_MAX];
};

/* A nexthop object (ip-nexthop(8)): one nexthop, or a group of others. */
struct kernel_nexthop {
	uint32_t id;
	bool removed, blackhole;
	struct kernel_gateway way; /* where there is no group */
	size_t n_group;
	uint32_t group[KERNEL_GATEWAYS_MAX];
};

struct kernel_neighbour {
	struct addr6 addr;
	uint8_t mac[6];
	uint16_t state; /* NUD_*; NUD_NONE: gone */
	int ifindex;
};

/*
 * True: @nlh is a route of the main table that is for all packets: added, changed or removed. More
 * nexthops than KERNEL_GATEWAYS_MAX are left out.
 */
bool netlink_parse_route(const struct nlmsghdr *nlh, struct kernel_route *out);
bool netlink_parse_nexthop(const struct nlmsghdr *nlh, struct kernel_nexthop *out);
/* The interface of a neighbour, and what is known of it; removed: state is NUD_NONE. */
bool netlink_parse_neighbour(const struct nlmsghdr *nlh, struct kernel_neighbour *out);
bool netlink_parse_link(const struct nlmsghdr *nlh, int ifindex, struct kernel_link *out);

/* Groups of bits of rtnetlink: RTMGRP_*; 0: for questions only. NULL and errno on failure. */
struct mnl_socket *netlink_open(unsigned groups);

/*
 * Each answers with 0 or -errno; @each is called for every row. @family: AF_INET or AF_INET6.
 * -EAGAIN: it changed meanwhile, and rows may be missing.
 */
typedef void (*netlink_route_fn)(const struct kernel_route *route, void *arg);
typedef void (*netlink_nexthop_fn)(const struct kernel_nexthop *nexthop, void *arg);
typedef void (*netlink_neighbour_fn)(const struct kernel_neighbour *neighbour, void *arg);
/* Routes that leave by @ifindex; with 0 those of @type (RTN_*), which leave by none. */
int netlink_dump_routes(struct mnl_socket *nl, int ifindex, uint8_t type, uint8_t family,
			netlink_route_fn each, void *arg);
int netlink_dump_nexthops(struct mnl_socket *nl, netlink_nexthop_fn each, void *arg);
int netlink_dump_neighbours(struct mnl_socket *nl, int ifindex, uint8_t family,
			    netlink_neighbour_fn each, void *arg);
int netlink_get_link(struct mnl_socket *nl, int ifindex, struct kernel_link *out);

/*
 * Has the kernel find out, or confirm, the Ethernet address of @addr: as if it had a packet for it.
 * What it finds comes as an event. 0 or -errno.
 */
int netlink_resolve(struct mnl_socket *nl, int ifindex, const struct addr6 *addr);

/* Takes out what netlink_resolve() put in and nobody answered: the kernel's table is small. */
int netlink_forget(struct mnl_socket *nl, int ifindex, const struct addr6 *addr);
