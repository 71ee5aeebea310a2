/*
 * Private to control/port/: the addresses that the kernel has on all interfaces.
 *
 * They are read by one rtnetlink(7) dump and indexed: a lookup is a search, not another dump.
 *
 * Control thread.
 */
#pragma once

#include "base/addr6.h"

#include <netinet/in.h>
#include <stddef.h>

struct alarms;
struct err_list;
struct network;
struct nlmsghdr;

struct own_address {
	struct addr6 addr; /* IPv4: v4-mapped */
	struct prefix6 network; /* of the network that the address puts its interface in */
	int ifindex;
};

struct addresses {
	struct own_address *list; /* sorted by address */
	struct own_address *links; /* sorted by interface, length and network */
	size_t n, room;
};

/* 0 or -errno; on an error @out is empty. */
int addresses_read(struct addresses *out);
void addresses_fini(struct addresses *a); /* also accepts a zeroed @a */

/*
 * The two halves of addresses_read(). A message that does not carry an address is skipped. 0 or
 * -errno.
 */
int addresses_add(struct addresses *a, const struct nlmsghdr *nlh);
int addresses_index(struct addresses *a);

bool addresses_equal(const struct addresses *a, const struct addresses *b);

/* The first kernel address inside @prefix; NULL: none. */
const struct own_address *addresses_in(const struct addresses *a, const struct prefix6 *prefix);
bool addresses_have(const struct addresses *a, const struct addr6 *addr);

/* Is @addr in a network that is configured on interface @ifindex? */
bool addresses_on_link(const struct addresses *a, int ifindex, const struct addr6 *addr);

/* IPv4 addresses are written as IPv4; returns @text. */
const char *addresses_print(const struct addr6 *addr, char text[INET6_ADDRSTRLEN]);
