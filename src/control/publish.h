/*
 * Publication: gives all workers one snapshot after the other.
 *
 * The publisher owns what workers read. A publication names the new parts; all others are kept from
 * the previous snapshot. Parts that depend on each other are published together, such as a network
 * with more tunnels and the table that has a nexthop for each of them.
 *
 *   publisher_publish()  ->  every worker has it  ->  what it replaced is free
 *
 * It cannot fail and allocates nothing: there are two snapshots, and workers read one of them.
 *
 * Control thread.
 */
#pragma once

#include "path/snapshot.h"

#include <stddef.h>

struct worker;
struct worker_heirs;
struct worker_next;

/* New parts. NULL: unchanged. */
struct publication {
	struct network *net; /* owned by the publisher from now on */
	struct nexthops *nexthops; /* likewise */
	const struct settings *settings; /* copied */
	const struct worker_port *ports; /* [n_ports], copied */
	/* [n_workers]: what they need for @net, destroyed; NULL: there are no workers yet */
	struct worker_next *const *next;
};

struct publisher {
	struct snapshot snapshots[2];
	unsigned current; /* the one that workers read */
	struct network *net; /* owned parts of the current snapshot, */
	struct nexthops *nexthops; /* and these */
	struct worker *const *workers; /* NULL: there are none yet */
	size_t n_workers;
};

/*
 * Makes the first snapshot. @net is the publisher's from now on. Publish all @n_ports ports, at
 * most PORTS_MAX, before workers are created, and what is known of neighbours before they run.
 */
void publisher_init(struct publisher *p, struct network *net, const struct settings *settings,
		    uint16_t n_ports);

/*
 * The workers, created with the current snapshot. The caller owns them, and they must outlive the
 * publisher.
 */
void publisher_serve(struct publisher *p, struct worker *const *workers, size_t n);

/* Destroys the parts of the current snapshot. The workers must be destroyed before. */
void publisher_fini(struct publisher *p); /* accepts a zeroed publisher */

/*
 * Makes what all workers need to go on with @net: @next[] has a place for each worker. 0 or
 * -ENOMEM, and nothing was made. publisher_drop_next(): it is not going to be published.
 */
int publisher_make_next(struct publisher *p, const struct network *net,
			const struct worker_heirs *heirs, struct worker_next **next);
void publisher_drop_next(struct publisher *p, struct worker_next **next);

static inline const struct snapshot *publisher_current(const struct publisher *p)
{
	return &p->snapshots[p->current];
}

/*
 * Returns when every worker has released what @new replaces. Destroys the replaced parts, unless
 * the caller asks for them by @replaced, because the control thread still reads them.
 */
void publisher_publish(struct publisher *p, const struct publication *new,
		       struct publication *replaced);
