/*
 * Private to control/port/: the addresses that the kernel has itself, on all interfaces, by one
 * dump of rtnetlink(7), indexed. A question costs a search, not another dump.
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
	struct addr6 addr; /* IPv4: mapped */
	struct prefix6 network; /* that the interface is in by it */
	int ifindex;
};

struct addresses {
	struct own_address *list; /* by address */
	struct own_address *links; /* the same by interface, length and network */
	size_t n, room;
};

/* 0 or -errno: then @out is empty. */
int addresses_read(struct addresses *out);
void addresses_fini(struct addresses *a); /* also of one that is all zero */

/* addresses_read() in parts: a message that is no address of ours is skipped. 0 or -errno. */
int addresses_add(struct addresses *a, const struct nlmsghdr *nlh);
int addresses_index(struct addresses *a);

bool addresses_equal(const struct addresses *a, const struct addresses *b);

/* The first address of the kernel's in @prefix; NULL: there is none. */
const struct own_address *addresses_in(const struct addresses *a, const struct prefix6 *prefix);
bool addresses_have(const struct addresses *a, const struct addr6 *addr);

/* Is @addr in a network that is configured on interface @ifindex? */
bool addresses_on_link(const struct addresses *a, int ifindex, const struct addr6 *addr);

/* IPv4 as IPv4; @text. */
const char *addresses_print(const struct addr6 *addr, char text[INET6_ADDRSTRLEN]);

/*
 * own.c: egress addresses and global prefixes of @net that the kernel has an address of, but for
 * those that @before had already (NULL: none): sentences in @errs and -EADDRINUSE, or 0.
 */
int own_check(const struct addresses *own, const char *file, const struct network *before,
	      const struct network *net, struct err_list *errs);

/* The same while we run, as alarms that are raised and cleared. @before: at the last call. */
void own_compare(struct alarms *alarms, const struct network *net, const struct addresses *before,
		 const struct addresses *now);

/* The network is @net and no longer @before: alarms about what is not ours any more are cleared. */
void own_follow(struct alarms *alarms, const struct network *before, const struct network *net,
		const struct addresses *own);
