/*
 * Private to control/kernel/: neighbours, and the nexthop ids under which flows know them.
 *
 * A row is one neighbour, (port, address), that the kernel knows or that a route, a tunnel or an
 * on-link host needs. If routes name an MTU (RTAX_MTU), the neighbour has another row for each such
 * MTU. A row in use has a nexthop id (ids.h). The id is retired when the row is no longer in use,
 * or when a route that led to the row now leads elsewhere; in the second case the row takes a new
 * id. A retired id is `moved`: flows that have it look up their route again (path/resolve.h).
 *
 * Control thread.
 */
#pragma once

#include "control/kernel/netlink.h"
#include "network/ids.h"
#include "network/nexthop.h"
#include "network/trie.h"

enum {
	ROWS_MAX = 1 << 18,
	ROWS_NONE = -1,
};

struct neighbour_row {
	struct addr6 addr;
	uint32_t refs; /* nexthops of routes that name it: it must be resolved */
	uint32_t uses; /* users of the row: routes, tunnels, a host. If > 0, it has an id */
	uint32_t generation; /* number of the last dump that contained it */
	uint32_t next_free; /* list of free rows */
	int base; /* the neighbour's own row; differs from this one if this one has an MTU */
	int next; /* list: from the base to its rows with an MTU; ROWS_NONE at the end */
	int host_row; /* of the base, if it is a host: the row that the host uses */
	uint32_t mtu; /* MTU of the route; 0: that of the port */
	uint16_t id; /* 0: none */
	uint16_t state; /* NUD_* as the kernel reports it; NUD_NONE: the kernel does not know it */
	uint8_t mac[6]; /* the last known address */
	uint8_t port;
	bool live; /* false: the row is free */
	bool resolved; /* mac is valid */
	bool failed; /* it did not answer, and has not answered since */
	bool moved; /* a route that led here now leads elsewhere */
	bool host; /* an on-link host uses it; counts in uses */
	uint8_t idle; /* host: censuses in a row that found no flow to it */
};

struct neighbour_rows {
	struct neighbour_row *rows;
	size_t n_rows, rows_room;
	uint32_t free_row; /* first free row; UINT32_MAX: none */
	size_t n_ports;
	struct trie *index; /* [n_ports]: address -> row */

	struct ids *ids; /* nexthop ids: shared with the network's tunnels */
	struct nexthop *out; /* [NEXTHOP_LAST + 1], by id: the next table */
};

/* 0 or -ENOMEM. @ids is borrowed. */
int rows_init(struct neighbour_rows *h, size_t n_ports, struct ids *ids);
void rows_fini(struct neighbour_rows *h);

/* Finds the row of a neighbour, or adds one. ROWS_NONE: there are too many. */
int rows_add(struct neighbour_rows *h, uint8_t port, const struct addr6 *addr);
/* The row of the neighbour @base for routes with this MTU; 0: @base itself. */
int rows_with_mtu(struct neighbour_rows *h, int base, uint32_t mtu);
int rows_find(const struct neighbour_rows *h, uint8_t port,
	      const struct addr6 *addr); /* or ROWS_NONE */

/* Takes what the kernel reports. True: routes with several nexthops must choose again. */
bool rows_learn(struct neighbour_rows *h, int row, const struct kernel_neighbour *neighbour);

/* The neighbour's own row, which holds its address. */
const struct neighbour_row *rows_neighbour(const struct neighbour_rows *h, int row);

/* Does the kernel know its Ethernet address? */
bool rows_is_resolved(const struct neighbour_row *row);

/*
 * Retires the row's id; accepts ROWS_NONE. rows_free_unused() frees a row that is not in use and
 * that the kernel does not know.
 */
void rows_retire(struct neighbour_rows *h, int row);
void rows_free_unused(struct neighbour_rows *h, int row);

/* Gives the row an id if it needs one. False: no id is free. */
bool rows_number(struct neighbour_rows *h, int row);

/* After a census: counts how long hosts have had no flow. */
void rows_age_hosts(struct neighbour_rows *h, const uint64_t *used);
