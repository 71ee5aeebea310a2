/*
 * Routes and neighbours, followed from the kernel by netlink (rtnetlink(7)).
 *
 * Dumps routes, links and neighbours of our ports once, then listens. Each change that concerns a
 * hop makes a new adjacency table, which is handed to @publish. Hop ids never change meaning.
 *
 * Control thread.
 */
#pragma once

#include "control/port.h"
#include "network/adjacency.h"
#include "network/network.h"

struct event_base;
struct neighbours;
struct path_mtus;

/* Takes ownership of @adj: publish it to all workers, free the one before after they let go. */
typedef void (*neighbours_publish_fn)(struct adjacency *adj, void *arg);

/*
 * Builds the first table (published before this returns) and adds itself to @base. NULL and a
 * sentence in @errs on failure. @net and @paths must outlive it.
 */
struct neighbours *neighbours_create(struct event_base *base, struct port_set *ports,
				     const struct network *net, struct path_mtus *paths,
				     neighbours_publish_fn publish, void *arg,
				     struct err_list *errs);
void neighbours_destroy(struct neighbours *n); /* NULL is fine */

/* Another @paths: the next table says so. */
void neighbours_paths_changed(struct neighbours *n);

/* A worker met a destination on @port's own link that nobody has resolved: find it. */
void neighbours_want(struct neighbours *n, uint8_t port, const struct addr6 *addr);
