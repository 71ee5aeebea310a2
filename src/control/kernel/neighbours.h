/*
 * Routes and neighbours, followed from the kernel by netlink (rtnetlink(7)).
 *
 * Reads routes, links and neighbours of our ports once, then listens. Each change that concerns a
 * nexthop makes a new table of them.
 *
 * Control thread.
 */
#pragma once

#include "control/port/port.h"
#include "network/ids.h"
#include "network/network.h"
#include "network/nexthop.h"
#include "worker/census.h"

struct event_base;
struct neighbours;
struct path_mtus;

/* Who goes by the tables. */
struct neighbours_users {
	/* Takes ownership. All workers have @nexthops on return; those before are destroyed. */
	void (*publish)(struct nexthops *nexthops, void *arg);

	/* Which nexthops do flows have? NULL: there are no flows. False: it could not begin. */
	bool (*census_start)(void *arg);
	/* False: it is not done. What each worker has is added to @used, [IDS_WORDS]. */
	bool (*census_done)(void *arg, uint64_t *used);
	void *arg;
};

/*
 * Builds the first table (published before this returns) and adds itself to @base. NULL and a
 * sentence in @errs on failure. @net, @ids and @paths must outlive it; @ids are those of nexthops,
 * of which the tunnels of @net have taken theirs.
 */
struct neighbours *neighbours_create(struct event_base *base, struct port_set *ports,
				     const struct network *net, struct ids *ids,
				     struct path_mtus *paths, const struct neighbours_users *users,
				     struct err_list *errs);
void neighbours_destroy(struct neighbours *n); /* NULL is fine */

/* Ports were opened or closed. */
void neighbours_ports_changed(struct neighbours *n);

/* Another @paths: the next table says so. */
void neighbours_paths_changed(struct neighbours *n);

/*
 * Another network, in three steps. The table for @net, which is published together with it; NULL if
 * memory ran out, and all is as before. Then, when all workers have both, neighbours_commit();
 * or neighbours_abort(), and the network before is still it.
 */
struct nexthops *neighbours_prepare(struct neighbours *n, const struct network *net);
void neighbours_commit(struct neighbours *n);
void neighbours_abort(struct neighbours *n);

/* After that and ports_commit(): the programs of the ports take the difference to @before. */
void neighbours_follow_ports(struct neighbours *n, const struct network *before);

/* A worker met a destination on a port's own link that nobody has resolved: find it. */
void neighbours_want(struct neighbours *n, const struct neighbour_wanted *wanted);
