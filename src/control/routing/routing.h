/*
 * Routing: makes what workers read from the operator's routes, learned ones, and the health of
 * tunnels.
 *
 *   routes of the file  --routing_prepare()-->  entries by network and prefix
 *   learned routes  --routing_set_learned()-->        |
 *                                        routing_compile(): trees and choices
 *                                                     |
 *                         the table of nexthops (control/kernel/neighbours.h)
 *
 * A change of one route costs as much as its own prefix (network/trie.h), however many others there
 * are. A change of a tunnel's health changes no tree (groups.h).
 *
 * Control thread.
 */
#pragma once

#include "network/network.h"
#include "network/routes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ROUTING_LEARNED_MAX = 1 << 20 }; /* prefixes of all networks together */

struct routing;

/* What is added to the priorities of a tunnel, any id: 0 if it is healthy. */
typedef uint32_t (*routing_penalty_fn)(void *arg, uint16_t tunnel);

struct routing *routing_create(void); /* NULL if memory ran out */
void routing_destroy(struct routing *r); /* accepts NULL */

/* Without it no tunnel has a penalty. */
void routing_use_penalties(struct routing *r, routing_penalty_fn penalty, void *arg);

/* A penalty has changed: the next table takes it. */
void routing_penalties_changed(struct routing *r);

/*
 * Another network. routing_prepare() takes all routes of the file; nothing is learned yet. 0, or
 * -ENOMEM: nothing has changed. Then either routing_commit(), when all workers have the table that
 * was made for it, or routing_abort(), which goes back to the previous network and what was learned
 * for it. @net must outlive its use.
 */
int routing_prepare(struct routing *r, const struct network *net);
void routing_commit(struct routing *r);
void routing_abort(struct routing *r);

/*
 * Called by routing_prepare() and routing_abort(): the network is @net now, and all that is learned
 * for it is to be given, by routing_set_learned(). 0, or -ENOMEM: the change is refused.
 */
typedef int (*routing_learn_fn)(void *arg, const struct network *net);
void routing_on_network(struct routing *r, routing_learn_fn learn, void *arg);

/*
 * All that is learned about @prefix in virtual network @vnet: @n targets, at most SPEC_TARGETS_MAX;
 * 0: nothing any more. Their indexes, and @vnet, are those of the network's spec. 0; -ENOMEM; or
 * -ENOSPC: there are too many prefixes. Then the prefix is as it was.
 */
int routing_set_learned(struct routing *r, uint16_t vnet, const struct prefix6 *prefix,
			const struct spec_target *targets, size_t n);

/*
 * Writes trees and choices to @spec, which borrows them until the next call of any function. True:
 * they differ from the last ones. When all workers have them, and no older ones:
 * routing_published().
 */
bool routing_compile(struct routing *r, struct routes_spec *spec);
void routing_published(struct routing *r);

/* --- for people ------------------------------------------------------------------------------- */

struct routing_route {
	uint16_t vnet; /* id */
	struct prefix6 prefix; /* IPv4: mapped */
	bool is_fixed, is_learned; /* in the file; by a routing protocol; or both */
	bool refuses_collision;
	size_t n; /* targets: routing_target() */
	uint32_t group; /* private */
};

struct routing_target {
	struct route_target target;
	bool is_learned;
	uint32_t priority, penalty; /* their sum decides */
	bool is_used; /* new flows go there */
};

/* The route to @dst; false: virtual network @vnet (any id) has none. */
bool routing_lookup(const struct routing *r, uint16_t vnet, const struct addr6 *dst,
		    struct routing_route *out);

/* The route of exactly this prefix. */
bool routing_find(const struct routing *r, uint16_t vnet, const struct prefix6 *prefix,
		  struct routing_route *out);

/*
 * The first route of @vnet behind @prefix in the order of address and length, or with NULL the
 * first of all. IPv4 comes first. False: there is none.
 */
bool routing_next(const struct routing *r, uint16_t vnet, const struct prefix6 *prefix,
		  struct routing_route *out);

/* Target @i of @route, which was found since the last change. */
struct routing_target routing_target(const struct routing *r, const struct routing_route *route,
				     size_t i);

/* Number of routes of @vnet, any id; of them, learned ones in *@learned. */
size_t routing_n(const struct routing *r, uint16_t vnet, size_t *learned);
