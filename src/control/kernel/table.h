/*
 * Private to control/: the routes of one kernel table, as a routing daemon left them there.
 *
 *   events and dumps -> struct table -> table_take_changes() -> control/routing/learned.h
 *
 * Routes by a port (view.h) need neighbours and nexthop ids, and are bounded together. Routes of a
 * table lead to tunnels by the far end's inner address, and each table has a bound of its own. So
 * the two share the storage of prefixes (rib.h) and nothing else.
 *
 * No sockets and no clock here: tests take the kernel's place. Control thread.
 */
#pragma once

#include "control/kernel/netlink.h"
#include "control/kernel/rib.h"

enum {
	TABLE_WAYS_MAX = 64, /* nexthops of one prefix, of all metrics; others are left out */
	TABLE_GATEWAYS_MAX = 65536,
};

/* One nexthop of a prefix. */
struct table_way {
	struct addr6 gateway; /* zero: none; IPv4: mapped */
	uint32_t metric;
	uint16_t weight; /* 1 to 256 */
	uint8_t kind; /* enum kernel_route_kind */
	bool elsewhere; /* without a gateway, by another interface than the followed one */
};

struct table {
	uint32_t number;
	size_t limit; /* prefixes; further ones are refused */
	size_t n_refused; /* how many times a route was refused since the last dump began */
	bool short_of_memory; /* one of them for this reason, not for the limit */
	uint64_t n_drifted; /* routes that a dump had to add or remove */
	uint64_t n_events; /* since the start */

	/* private to table.c */
	uint32_t generation;
	bool in_dump;
	unsigned n_dumps; /* 0, 1, 2: two or more */
	uint64_t events_before, differences; /* of the last dump */
	struct rib rib;
	struct addr6 *gateways;
	size_t n_gateways, gateways_room;
	struct trie gateway_index; /* address -> its place in @gateways */
};

void table_init(struct table *t, uint32_t number, size_t limit);
void table_fini(struct table *t);

/*
 * Takes an event, or a row of a dump, with the nexthops of objects in it (objects.h). A nexthop
 * without a gateway counts if it is by @device, the interface number of our own device (0: none).
 */
void table_take(struct table *t, const struct kernel_route *route, int device);

/*
 * Before and after a dump. If it was @whole, routes that were not in it are removed, and they stay
 * in use until then.
 */
void table_begin_dump(struct table *t);
void table_end_dump(struct table *t, bool whole);

/*
 * Call it after a whole dump, when the events that waited meanwhile are taken. Counts what the dump
 * had to add or remove, unless it was the first one. If there were such events, the differences may
 * be theirs, and are not counted; they are if events were @lost before.
 */
void table_count_drift(struct table *t, bool lost);

/* Number of prefixes. */
size_t table_n(const struct table *t);

/* Were prefixes refused, and is there room for them now? Then a dump is due. */
bool table_has_room_again(const struct table *t);

/*
 * Calls @each for every prefix that has changed since the last call: all its nexthops, in the order
 * of their arrival; @n 0: the prefix is gone.
 */
typedef void (*table_change_fn)(const struct prefix6 *prefix, const struct table_way *ways,
				size_t n, void *arg);
void table_take_changes(struct table *t, table_change_fn each, void *arg);
bool table_has_changes(const struct table *t);

/* Every prefix counts as changed: what gateways mean is different now. */
void table_touch_all(struct table *t);
