/*
 * Follows routes and neighbours of the kernel by netlink (rtnetlink(7)).
 *
 * Reads the routes, links and neighbours of our ports once, then listens to events. A change that
 * concerns a nexthop makes a new table of nexthops.
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
struct routing;

/* The users of the tables. */
struct neighbours_users {
	/*
	 * Takes ownership. On return all workers use @nexthops and the previous table is destroyed.
	 */
	void (*publish)(struct nexthops *nexthops, void *arg);

	/*
	 * Starts to collect the nexthops that flows have. NULL: there are no flows. False: it could
	 * not start.
	 */
	bool (*census_start)(void *arg);
	/* False: not finished. Adds the nexthops of each worker to @used, [IDS_WORDS]. */
	bool (*census_done)(void *arg, uint64_t *used);
	void *arg;
	/*
	 * The routes of virtual networks, which are part of each table. NULL: there are none. It
	 * has the first network already, and takes others with this part.
	 */
	struct routing *routing;
};

/*
 * Builds the first table, publishes it before it returns, and adds itself to @base. NULL and a
 * sentence in @errs on failure. @net, @ids and @paths must outlive the result. @ids: nexthop ids,
 * of which the tunnels of @net have taken theirs.
 */
struct neighbours *neighbours_create(struct event_base *base, struct port_set *ports,
				     const struct network *net, struct ids *ids,
				     struct path_mtus *paths, const struct neighbours_users *users,
				     struct err_list *errs);
void neighbours_destroy(struct neighbours *n); /* accepts NULL */

/* Call it after ports were opened or closed. */
void neighbours_ports_changed(struct neighbours *n);

/* @paths has changed, or users.routing: the next table contains it. */
void neighbours_paths_changed(struct neighbours *n);
void neighbours_routing_changed(struct neighbours *n);

/*
 * Until further notice flows use @substitute instead of the tunnel, or with @down false the tunnel
 * itself. neighbours_fail_over() publishes all such changes at once, without a pause.
 */
void neighbours_set_substitute(struct neighbours *n, uint16_t tunnel, bool down,
			       uint16_t substitute);
void neighbours_fail_over(struct neighbours *n);

/*
 * Changes the network in steps. neighbours_prepare() makes the table for @net, to be published
 * together with @net; NULL if memory ran out, and nothing has changed. When all workers have both,
 * call neighbours_commit(). neighbours_abort() goes back to the previous network instead.
 */
struct nexthops *neighbours_prepare(struct neighbours *n, const struct network *net);
void neighbours_commit(struct neighbours *n);
void neighbours_abort(struct neighbours *n);

/* After both commits: writes the difference to @before into the programs of the ports. */
void neighbours_follow_ports(struct neighbours *n, const struct network *before);

/*
 * The peer of interconnect @tunnel has this Ethernet address; NULL: unknown, with @failed because
 * it does not answer.
 */
void neighbours_set_peer(struct neighbours *n, uint16_t tunnel, const uint8_t *mac, bool failed);

/* The SA of @tunnel, one of IPsec, sends to @remote: the next table contains it. */
void neighbours_set_far_end(struct neighbours *n, uint16_t tunnel, const struct addr6 *remote);

/* A worker met an on-link destination that is not resolved: finds it. */
void neighbours_want(struct neighbours *n, const struct neighbour_wanted *wanted);
