/*
 * Which tunnel of a site is used instead of one that is down?
 *
 * A function of the states of the site's tunnels, in order of priority. The
 * result is written into the table of nexthops (control/kernel/neighbours.h):
 * flows are not touched.
 *
 * Control thread.
 */
#pragma once

#include "control/health/state.h"

#include <stddef.h>

/* One tunnel of a site. */
struct failover_tunnel {
	enum health_state state;
	bool held; /* it works again, but not for long enough */
	bool down; /* result: another one is used */
};

/*
 * Writes `down` of each of the @n tunnels. Returns the index of the tunnel that
 * stands in for those that are down: the first healthy one; else the first that
 * works; else the first of all, which is then not down. @n is at least 1.
 */
size_t failover_choose(struct failover_tunnel *tunnels, size_t n);

/*
 * Flapping: how long a tunnel is held after it works again, in milliseconds.
 * @hold_ms is doubled for each failure that began within ten times the last
 * hold, up to 16 times.
 */
struct failover_hold {
	uint64_t last_ms; /* how long it was held last; 0: never */
	uint64_t until_ms;
};

void failover_hold(struct failover_hold *h, uint64_t hold_ms, uint64_t now_ms);
