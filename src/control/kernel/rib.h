/*
 * Private to control/kernel/: the kernel's routes by one port, with all their nexthops.
 *
 * An entry is a prefix with the nexthops that the kernel has for it, of any metric, in the
 * order of their arrival. Events and dumps add and remove them one by one. Which of them is used is
 * chosen later, once for however many changes (compile.c). Entries that have changed are in a list
 * of their own.
 *
 * Control thread.
 */
#pragma once

#include "control/kernel/netlink.h"
#include "network/trie.h"

struct rib_nexthop {
	struct rib_nexthop *next;
	uint64_t order; /* metric, preference: lower ones count */
	int row; /* of its gateway (neighbour_rows.h); ROWS_NONE: none */
	uint32_t generation; /* of the last dump that had it */
	uint32_t mtu; /* that the route names; 0: none */
	uint8_t kind; /* enum kernel_route_kind */
};

struct rib_entry {
	struct prefix6 prefix;
	struct rib_nexthop *nexthops;
	uint32_t mtu; /* of the nexthop that was chosen */
	uint32_t value; /* in the workers' tree; TRIE_NONE: it is not there */
	uint32_t next_free;
	bool live, changed;
	bool bounded; /* it counts among those that are bounded */
};

struct rib {
	struct rib_entry *entries;
	size_t n_entries, room;
	uint32_t free_entry; /* plus 1: a list; 0: none */
	size_t n; /* live ones */
	size_t n_bounded;
	size_t n_several; /* with more than one nexthop, now or at some time */
	uint32_t *changed; /* numbers of entries */
	size_t n_changed, changed_room;
	struct trie index; /* prefix -> entry */
};

/* An empty one is zeroed memory. */
void rib_fini(struct rib *rib); /* refs of rows are the caller's */

/* Exactly this prefix; NULL: not there. */
struct rib_entry *rib_find(struct rib *rib, const struct prefix6 *prefix);

/*
 * Adds a nexthop, or marks it with the generation if it is there. 1: it is new; 0: it was there;
 * -ENOMEM.
 */
int rib_add(struct rib *rib, const struct prefix6 *prefix, const struct rib_nexthop *nexthop,
	    bool bounded);

/*
 * Removes the nexthops for which @gone(nexthop, arg) is true; it gives back what they held. How
 * many.
 */
typedef bool (*rib_gone_fn)(const struct rib_nexthop *nexthop, void *arg);
size_t rib_remove(struct rib *rib, struct rib_entry *entry, rib_gone_fn gone, void *arg);

/* It is to be looked at by the next table. */
void rib_touch(struct rib *rib, struct rib_entry *entry);

/* The entry is looked at: not in the list any more; freed if it has no nexthop and no value. */
void rib_settle(struct rib *rib, uint32_t entry);
