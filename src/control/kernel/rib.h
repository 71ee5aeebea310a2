/*
 * Private to control/kernel/: the kernel's routes by one port, or in one table (table.h), with all
 * their nexthops.
 *
 * An entry is a prefix with all nexthops that the kernel has for it, of any metric, in the order of
 * their arrival. Events and dumps add and remove nexthops one by one. Which one is used is decided
 * later, once for any number of changes (view_compile.c). Changed entries are in a list.
 *
 * Control thread.
 */
#pragma once

#include "control/kernel/netlink.h"
#include "network/trie.h"

struct rib_nexthop {
	struct rib_nexthop *next;
	uint64_t order; /* metric, preference: lower is better */
	int row; /* row of its gateway (neighbour_rows.h); ROWS_NONE: none */
	uint32_t generation; /* number of the last dump that contained it */
	uint32_t mtu; /* MTU that the route names; 0: none */
	uint16_t weight; /* of a table (table.h); 0 elsewhere */
	uint8_t kind; /* enum kernel_route_kind */
};

struct rib_entry {
	struct prefix6 prefix;
	struct rib_nexthop *nexthops;
	uint32_t mtu; /* of the nexthop that was chosen */
	uint32_t value; /* in the workers' tree; TRIE_NONE: not in it */
	uint32_t next_free;
	bool live, changed;
	bool bounded; /* it counts towards VIEW_ROUTES_MAX */
};

struct rib {
	struct rib_entry *entries;
	size_t n_entries, room;
	uint32_t free_entry; /* free list: index plus 1; 0: none */
	size_t n; /* entries in use */
	size_t n_bounded;
	size_t n_several; /* entries that have or had more than one nexthop */
	uint32_t *changed; /* indexes of entries */
	size_t n_changed, changed_room;
	struct trie index; /* prefix -> entry */
	struct slab nexthops;
};

/* An empty one is zeroed memory. */
void rib_fini(struct rib *rib); /* the caller releases the rows */

/* Has the entry this very nexthop? */
bool rib_has(const struct rib_entry *entry, const struct rib_nexthop *nexthop);

/* Exactly this prefix; NULL: none. */
struct rib_entry *rib_find(struct rib *rib, const struct prefix6 *prefix);

/*
 * Adds a nexthop, or sets the generation of an existing one. 1: it is new; 0: it existed; -ENOMEM.
 */
int rib_add(struct rib *rib, const struct prefix6 *prefix, const struct rib_nexthop *nexthop,
	    bool bounded);

/*
 * Removes the nexthops for which @gone(nexthop, arg) is true; @gone releases what they hold.
 * Returns their number.
 */
typedef bool (*rib_gone_fn)(const struct rib_nexthop *nexthop, void *arg);
size_t rib_remove(struct rib *rib, struct rib_entry *entry, rib_gone_fn gone, void *arg);

/* The next table has to look at the entry. */
void rib_touch(struct rib *rib, struct rib_entry *entry);

/*
 * The table has looked at the entry: takes it off the list; frees it if it has no nexthop and no
 * value.
 */
void rib_settle(struct rib *rib, uint32_t entry);
