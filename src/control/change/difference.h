/*
 * What differs between two configurations, by name, and what that does to flows.
 *
 * One item for each site, tunnel, pool, address and port that was added, changed or removed, and
 * one for each other setting that differs. What a new or removed thing consists of is no item of
 * its own: with a site come and go its tunnels, with a pool its addresses. The order of things in
 * the file means nothing and is no difference, but for the tunnels of a site and the default pools.
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
	const char *kind; /* "site", "tunnel", "pool", "address", "slices", "port", "setting" */
	char *name; /* in the file: "berlin-1", "203.0.113.10"; of a setting "flows.timeouts.udp" */
	enum change_what what;
	char *detail; /* "mtu 1400 -> 1300", several with commas between; NULL: nothing to add */
	const char *effect; /* what happens to flows, one phrase; NULL: nothing */
	uint64_t flows_ended; /* 0: who knows the flows fills it in */
	bool needs_restart; /* can not be taken while the daemon runs */
	const char *why_restart; /* "the memory of the tables is taken at the start"; or NULL */
	bool ends_flows; /* may end some of the flows of what it names */
};

struct difference {
	struct change_item
		*items; /* settings, ports, sites, tunnels, egress; in order of the file */
	size_t n;
};

/*
 * Fills @out with all that differs; none: n is 0. Both configurations were read without an error
 * and are only read; the items own their texts and do not refer to them. 0, or -ENOMEM and an empty
 * @out. n log n steps for n names.
 */
int difference_make(struct difference *out, const struct config *before,
		    const struct config *after);

void difference_fini(struct difference *d); /* an empty one is fine */
