/*
 * Private to control/kernel/: rtnetlink(7) in plain structs.
 *
 * Dumps ask the kernel for one interface only, so that a machine with a full routing table on
 * another one costs nothing. Parsers check every length; a message that is cut short or not about
 * what we follow is skipped. Both families are read into IPv6 addresses: what is IPv4 stands there
 * as IPv4-mapped, its prefixes 96 bits longer.
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

struct kernel_route {
	struct prefix6 prefix;
	struct addr6 gateway; /* zero: on link */
	uint32_t metric;
	uint32_t mtu; /* that the route names (RTAX_MTU); 0: none */
};

struct kernel_neighbour {
	struct addr6 addr;
	uint8_t mac[6];
	uint16_t state; /* NUD_* */
};

/* True: @nlh is a route of the main table that leaves by @ifindex, the first of its ways there. */
bool netlink_parse_route(const struct nlmsghdr *nlh, int ifindex, struct kernel_route *out);
bool netlink_parse_neighbour(const struct nlmsghdr *nlh, int ifindex, struct kernel_neighbour *out);
bool netlink_parse_link(const struct nlmsghdr *nlh, int ifindex, struct kernel_link *out);

/* Groups of bits of rtnetlink: RTMGRP_*; 0: for questions only. NULL and errno on failure. */
struct mnl_socket *netlink_open(unsigned groups);

/* Each answers with 0 or -errno; @each is called for every row. @family: AF_INET or AF_INET6. */
typedef void (*netlink_route_fn)(const struct kernel_route *route, void *arg);
typedef void (*netlink_neighbour_fn)(const struct kernel_neighbour *neighbour, void *arg);
int netlink_dump_routes(struct mnl_socket *nl, int ifindex, uint8_t family, netlink_route_fn each,
			void *arg);
int netlink_dump_neighbours(struct mnl_socket *nl, int ifindex, uint8_t family,
			    netlink_neighbour_fn each, void *arg);
int netlink_get_link(struct mnl_socket *nl, int ifindex, struct kernel_link *out);

/*
 * Has the kernel find out, or confirm, the Ethernet address of @addr: as if it had a packet for it.
 * What it finds comes as an event. 0 or -errno.
 */
int netlink_resolve(struct mnl_socket *nl, int ifindex, const struct addr6 *addr);
