/*
 * Publication: one snapshot after the other, to all workers.
 *
 * The publisher owns what workers read. A publication names the parts that are new; all others are
 * those of the snapshot before. Parts that depend on each other go out together: a network with
 * more tunnels, and the table that has a nexthop for each of them.
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

/* New parts. NULL: as before. */
struct publication {
	struct network *net; /* the publisher's from now on */
	struct nexthops *nexthops; /* the same */
	const struct settings *settings; /* copied */
	const struct worker_port *ports; /* [n_ports], copied */
	/* [n_workers]: what they need for @net, destroyed; NULL: there are no workers yet */
	struct worker_next *const *next;
};

struct publisher {
	struct snapshot snapshots[2];
	unsigned current; /* the one that workers read */
	struct network *net; /* the current one's, */
	struct nexthops *nexthops; /* and these */
	struct worker *const *workers; /* NULL: there are none yet */
	size_t n_workers;
};

/*
 * The first snapshot. @net is the publisher's from now on. All @n_ports ports, at most PORTS_MAX,
 * are to be published before workers are made; what they know of neighbours, before they run.
 */
void publisher_init(struct publisher *p, struct network *net, const struct settings *settings,
		    uint16_t n_ports);

/* The workers, made with the current snapshot: they stay the caller's and must outlive this. */
void publisher_serve(struct publisher *p, struct worker *const *workers, size_t n);

/* Destroys the parts of the current snapshot. The workers are destroyed before. */
void publisher_fini(struct publisher *p); /* one that is all zero is fine */

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
 * Returns when every worker has let go of what @new replaces. That is destroyed, unless the caller
 * asks for it by @replaced, for the readers that it has in the control thread.
 */
void publisher_publish(struct publisher *p, const struct publication *new,
		       struct publication *replaced);
