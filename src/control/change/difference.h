/*
 * The difference of two configurations, by name, and what it does to flows.
 *
 * One item for each site, tunnel, network, route, pool, address and port that was added, changed or
 * removed, and one for each other setting that differs. Parts of an added or removed object are no
 * items of their own: a site includes its tunnels, a network its routes, a pool its addresses. The
 * order in the file is no difference, except for the tunnels of a site and for which pool is the
 * default.
 *
 * A site, tunnel or pool that only has a new name is one item, "renamed from ...": see match.h.
 *
 * Control thread only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;

enum change_what { CHANGE_ADDED, CHANGE_CHANGED, CHANGE_REMOVED };

struct change_item {
	/* "site", "tunnel", "network", "route", "pool", "address", "slices", "port", "setting" */
	const char *kind;
	/*
	 * as in the file: "berlin-1", "203.0.113.10"; for a setting its path, "flows.timeouts.udp"
	 */
	char *name;
	enum change_what what;
	char *detail; /* "mtu 1400 -> 1300", several ones separated by commas; NULL: no detail */
	const char *effect; /* what happens to flows, as a phrase; NULL: nothing */
	uint64_t flows_ended; /* 0 until change_target.count() writes it */
	bool needs_restart; /* cannot be applied while the daemon runs */
	const char *why_restart; /* "the memory of the tables is taken at the start"; or NULL */
	bool ends_flows; /* may end some flows of the named object */
};

struct difference {
	struct change_item
		*items; /* settings, ports, sites, tunnels, egress; each in the order of the file */
	size_t n;
};

/*
 * Writes all differences to @out; n is 0 if there are none. Both configurations must be valid, and
 * are not changed. The items own their texts. 0; or -ENOMEM and an empty @out. The time is O(n log
 * n) for n names.
 */
int difference_make(struct difference *out, const struct config *before,
		    const struct config *after);

void difference_fini(struct difference *d); /* accepts an empty one */
