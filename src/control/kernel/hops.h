/*
 * Private to control/kernel/: neighbours, and the numbers that flows know them by.
 *
 * A row is one neighbour, (port, address): known to the kernel, or meant by a route, a tunnel or an
 * on-link host. Where routes name an MTU (RTAX_MTU), the neighbour has a row for each besides. A
 * row that something leads to has a number, the id of a hop. A number's life:
 *
 *   free -> in use -> moved -> free
 *
 * It is moved when nothing leads to the row any more, or when a route that did leads elsewhere now:
 * then the row takes another one. Flows that have a moved number look up their route again
 * (path/nexthop.h). It is free when a census (worker/census.h) that began after the workers knew
 * found no flow that has it.
 *
 * Control thread.
 */
#pragma once

#include "control/kernel/netlink.h"
#include "network/adjacency.h"
#include "network/trie.h"

enum {
	HOPS_ROWS_MAX = 1 << 18,
	HOPS_LOST = 1, /* the number of flows that have no route now: moved for ever */
	HOPS_NO_ROW = -1,
};

struct hops_row {
	struct addr6 addr;
	uint32_t refs; /* nexthops of routes that name it: it is to be resolved */
	uint32_t uses; /* what leads to it now: routes, tunnels, a host; it has a number */
	uint32_t generation; /* of the last dump that had it */
	uint32_t next_free; /* of rows that are nobody */
	int base; /* the neighbour's own row: itself, but for one with an MTU */
	int next; /* of the base: its first row with an MTU, of those the next; or HOPS_NO_ROW */
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

enum hops_number { HOPS_FREE, HOPS_IN_USE, HOPS_MOVED };

struct hops {
	struct hops_row *rows;
	size_t n_rows, rows_room;
	uint32_t free_row; /* first of them; UINT32_MAX: none */
	size_t n_ports;
	struct trie *index; /* [n_ports]: address -> row */

	uint8_t *numbers; /* [HOPS_MAX + 1]: enum hops_number */
	uint32_t *since; /* [HOPS_MAX + 1]: serial of the first table in which it was moved */
	uint16_t *free_numbers; /* a stack */
	size_t n_free_numbers;
	uint32_t serial; /* of the last table that the workers have */
	uint32_t census_serial; /* of the one they had when the census began */
	size_t n_moved;
	struct hop *out; /* [HOPS_MAX + 1]: the next table's */
	size_t n_out;
};

int hops_init(struct hops *h, size_t n_ports); /* 0 or -ENOMEM */
void hops_fini(struct hops *h);

/* The row of a neighbour, made when it is new. HOPS_NO_ROW: there are too many. */
int hops_row(struct hops *h, uint8_t port, const struct addr6 *addr);
/* The row of the neighbour @base for routes that name an MTU; 0: itself. */
int hops_with_mtu(struct hops *h, int base, uint32_t mtu);
int hops_find(const struct hops *h, uint8_t port, const struct addr6 *addr); /* or HOPS_NO_ROW */

/* The kernel says so. True: routes with several nexthops must choose again. */
bool hops_learn(struct hops *h, int row, const struct kernel_neighbour *neighbour);

/* Of whoever the row is. */
const struct hops_row *hops_neighbour(const struct hops *h, int row);

/* Usable: the kernel knows its address. */
bool hops_is_resolved(const struct hops_row *row);

/* Its number is given up; HOPS_NO_ROW is fine. A row that is nobody's and unknown is let go. */
void hops_retire(struct hops *h, int row);
void hops_let_go(struct hops *h, int row);

/* Gives the row a number if it needs one. False: there is none left. */
bool hops_number(struct hops *h, int row);

/* The workers have the table that was made last. */
void hops_published(struct hops *h);

/* A census begins; and ends with the numbers that flows have. */
void hops_census_begin(struct hops *h);
void hops_census_end(struct hops *h, const uint64_t *used);
