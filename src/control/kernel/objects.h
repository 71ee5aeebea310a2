/*
 * Private to control/kernel/: the kernel's nexthop objects (ip-nexthop(8)).
 *
 * A route may name an object instead of its nexthops. The kernel reports a change of the object
 * alone, not the routes that use it. So whoever keeps routes reads them again after a change.
 *
 * Control thread.
 */
#pragma once

#include "control/kernel/netlink.h"

enum { OBJECTS_MAX = 65536 };

struct objects {
	struct kernel_nexthop *at;
	size_t n, room;
};

/* An empty one is zeroed memory. */
void objects_fini(struct objects *o);

/* Called before they are dumped again. */
void objects_forget(struct objects *o);

/* Takes one event, or one row of a dump. Further ones than OBJECTS_MAX are left out. */
void objects_take(struct objects *o, const struct kernel_nexthop *nexthop);

/*
 * Writes @route to @out with the nexthops of its object. A blackhole object makes it a blackhole.
 * False: the object is unknown.
 */
bool objects_expand(const struct objects *o, const struct kernel_route *route,
		    struct kernel_route *out);
