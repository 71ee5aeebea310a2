/*
 * IPsec in the daemon: the table of SAs, which workers read, and what charon and its plugin have to
 * do with it.
 */
#include "control/daemon_internal.h"

#include "base/err.h"
#include "control/health/health.h"
#include "control/ipsec/ipsec.h"
#include "control/kernel/neighbours.h"
#include "esp/sa.h"

/* A snapshot like the last one: when it is published, every worker has begun another burst. */
static void wait_for_workers(void *arg)
{
	struct daemon *d = arg;

	publisher_publish(&d->publisher, &(struct publication){0}, NULL);
}

static void far_end(void *arg, uint16_t tunnel, const struct addr6 *remote)
{
	struct daemon *d = arg;

	neighbours_set_far_end(d->neighbours, tunnel, remote);
}

static void sign(void *arg, uint16_t tunnel, bool up)
{
	struct daemon *d = arg;

	health_keepalive(d->health, tunnel, up);
}

int daemon_start_ipsec(struct daemon *d, struct err_list *errs)
{
	const struct ipsec_parts parts = {
		.plugin_socket = d->config->plugin_socket,
		.vici_socket = d->config->vici_socket,
		.table = d->sas,
		.alarms = d->alarms,
		.synchronize = wait_for_workers,
		.far_end = far_end,
		.sign = sign,
		.arg = d,
	};

	d->ipsec = ipsec_create(d->base, &parts, d->net, errs);
	return d->ipsec != NULL ? 0 : -1;
}
