/*
 * Private to control/kernel/: neighbours, and the numbers that flows know them by.
 *
 * A row is one neighbour, (port, address): known to the kernel, or meant by a route, a tunnel or an
 * on-link host. Where routes name an MTU (RTAX_MTU), the neighbour has a row for each besides. A
 * row that something leads to has a number, the id of a nexthop (ids.h). The number is retired when
 * nothing leads to the row any more, or when a route that did leads elsewhere now: then the row
 * takes another one. What is behind a retired number is `moved`: flows that have it look up their
 * route again (path/resolve.h).
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
	uint32_t refs; /* nexthops of routes that name it: it is to be resolved */
	uint32_t uses; /* what leads to it now: routes, tunnels, a host; it has a number */
	uint32_t generation; /* of the last dump that had it */
	uint32_t next_free; /* of rows that are nobody */
	int base; /* the neighbour's own row: itself, but for one with an MTU */
	int next; /* of the base: its first row with an MTU, of those the next; or ROWS_NONE */
	int host_row; /* of the base, if it is a host: which of its rows */
	uint32_t mtu; /* the route's; 0: the port's */
	uint16_t id; /* 0: none */
	uint16_t state; /* NUD_*, as the kernel said; NUD_NONE: it does not know it */
	uint8_t mac[6]; /* the last one known */
	uint8_t port;
	bool live; /* false: the row is nobody */
	bool resolved; /* mac is good */
	bool failed; /* nobody answered, and nobody has since */
	bool moved; /* something that led here leads elsewhere */
	bool host; /* somebody's on-link destination: one of the uses */
	uint8_t idle; /* host: censuses in a row without a flow to it */
};

struct neighbour_rows {
	struct neighbour_row *rows;
	size_t n_rows, rows_room;
	uint32_t free_row; /* first of them; UINT32_MAX: none */
	size_t n_ports;
	struct trie *index; /* [n_ports]: address -> row */

	struct ids *ids; /* of nexthops: shared with the network's tunnels */
	struct nexthop *out; /* [NEXTHOP_LAST + 1], by number: the next table's */
};

/* 0 or -ENOMEM. @ids is borrowed. */
int rows_init(struct neighbour_rows *h, size_t n_ports, struct ids *ids);
void rows_fini(struct neighbour_rows *h);

/* The row of a neighbour, made when it is new. ROWS_NONE: there are too many. */
int rows_add(struct neighbour_rows *h, uint8_t port, const struct addr6 *addr);
/* The row of the neighbour @base for routes that name an MTU; 0: itself. */
int rows_with_mtu(struct neighbour_rows *h, int base, uint32_t mtu);
int rows_find(const struct neighbour_rows *h, uint8_t port,
	      const struct addr6 *addr); /* or ROWS_NONE */

/* The kernel says so. True: routes with several nexthops must choose again. */
bool rows_learn(struct neighbour_rows *h, int row, const struct kernel_neighbour *neighbour);

/* Of whoever the row is. */
const struct neighbour_row *rows_neighbour(const struct neighbour_rows *h, int row);

/* Usable: the kernel knows its address. */
bool rows_is_resolved(const struct neighbour_row *row);

/* Its number is given up; ROWS_NONE is fine. A row that is nobody's and unknown is let go. */
void rows_retire(struct neighbour_rows *h, int row);
void rows_let_go(struct neighbour_rows *h, int row);

/* Gives the row a number if it needs one. False: there is none left. */
bool rows_number(struct neighbour_rows *h, int row);

/* After a census: hosts that no flow has gone to are idle. */
void rows_age_hosts(struct neighbour_rows *h, const uint64_t *used);
