/*
 * What follows from the health of tunnels: flows move to another tunnel of the site, and routes by
 * the tunnel get a penalty. Both are in one table of nexthops.
 */
#include "control/daemon_internal.h"

#include "base/err.h"
#include "control/health/health.h"
#include "control/keepalive.h"
#include "control/kernel/neighbours.h"
#include "control/routing/routing.h"

static void fail_over(void *arg, const struct health_switch *switches, size_t n)
{
	struct daemon *d = arg;

	for (size_t i = 0; i < n; i++)
		neighbours_set_substitute(d->neighbours, switches[i].tunnel, switches[i].down,
					  switches[i].substitute);
	neighbours_fail_over(d->neighbours);
}

static uint32_t penalty_of(void *arg, uint16_t tunnel)
{
	const struct daemon *d = arg;

	return health_penalty(d->health, tunnel);
}

static void penalties_changed(void *arg)
{
	struct daemon *d = arg;

	routing_penalties_changed(d->routing);
	neighbours_routing_changed(d->neighbours);
}

static void keepalive_heard(void *arg, uint16_t tunnel, bool answered)
{
	struct daemon *d = arg;

	health_keepalive(d->health, tunnel, answered);
}

int daemon_start_health(struct daemon *d, struct err_list *errs)
{
	const struct health_users users = {
		.fail_over = fail_over, .changed = penalties_changed, .arg = d};

	d->health = health_create(d->base, d->net, d->workers, d->n_workers, d->alarms, &users);
	if (d->health == NULL) {
		err_add(errs, NULL, 0, 0, "not enough memory to probe the tunnels");
		return -1;
	}
	routing_use_penalties(d->routing, penalty_of, d);
	keepalives_listen(d->keepalives, keepalive_heard, d);
	return 0;
}
