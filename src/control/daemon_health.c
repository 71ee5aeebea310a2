/*
 * What follows from the health of tunnels: flows move to another tunnel of the site by one table of
 * nexthops.
 */
#include "control/daemon_internal.h"

#include "base/err.h"
#include "control/health/health.h"
#include "control/keepalive.h"
#include "control/kernel/neighbours.h"

static void fail_over(void *arg, const struct health_switch *switches, size_t n)
{
	struct daemon *d = arg;

	for (size_t i = 0; i < n; i++)
		neighbours_set_substitute(d->neighbours, switches[i].tunnel, switches[i].down,
					  switches[i].substitute);
	neighbours_fail_over(d->neighbours);
}

static void keepalive_heard(void *arg, uint16_t tunnel, bool answered)
{
	struct daemon *d = arg;

	health_keepalive(d->health, tunnel, answered);
}

int daemon_start_health(struct daemon *d, struct err_list *errs)
{
	const struct health_users users = {.fail_over = fail_over, .arg = d};

	d->health = health_create(d->base, d->net, d->workers, d->n_workers, d->alarms, &users);
	if (d->health == NULL) {
		err_add(errs, NULL, 0, 0, "not enough memory to probe the tunnels");
		return -1;
	}
	keepalives_listen(d->keepalives, keepalive_heard, d);
	return 0;
}
