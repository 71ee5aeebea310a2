/*
 * Workers: creation, the snapshots that they get, and censuses of their flows. See
 * daemon_internal.h.
 */
#include "control/daemon_internal.h"

#include "base/err.h"
#include "base/mono.h"
#include "control/alarm.h"
#include "control/announce.h"
#include "control/epoch.h"
#include "control/interconnect/interconnect.h"
#include "control/kept_flows.h"
#include "control/kernel/neighbours.h"
#include "control/kernel/path_watch.h"
#include "control/registry.h"
#include "control/routing/routing.h"
#include "esp/sa.h"
#include "network/nexthop.h"
#include "path/context.h"
#include "path/handover.h"
#include "worker/census.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

enum {
	WANTED_PERIOD_US = 20000, /* the longest time until an unresolved host is requested */
	WANTED_BATCH = 64,
};

/*
 * The CPU of worker @i: from the last allowed one downwards, since a machine uses the first ones
 * for itself. -1, any CPU, if there are too few.
 */
static int choose_cpu(size_t i, size_t n_workers)
{
	cpu_set_t cpus;
	size_t skip = i;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0 || CPU_COUNT(&cpus) < 2 ||
	    (size_t)CPU_COUNT(&cpus) < n_workers)
		return -1;
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--)
		if (CPU_ISSET(cpu, &cpus) && skip-- == 0)
			return cpu;
	return -1;
}

/* Before memory is checked and taken: what an earlier process left is in memory, too. */
int daemon_open_kept(struct daemon *d, struct err_list *errs)
{
	d->kept = kept_flows_open(d->config);
	if (d->kept == NULL) {
		err_add(errs, NULL, 0, 0, "not enough memory to keep flows");
		return -1;
	}
	kept_flows_yield(d->kept, port_memory_needed(d->config));
	return 0;
}

int daemon_create_workers(struct daemon *d, struct err_list *errs)
{
	struct worker_config w = {
		.flows_capacity =
			(d->config->flows_capacity + d->config->workers - 1) / d->config->workers,
		.flows6_capacity =
			(d->config->flows_capacity6 + d->config->workers - 1) / d->config->workers,
		.count = d->config->workers,
		.snapshot = publisher_current(&d->publisher),
		.epoch =
			d->config->port_rest > 0 ? epoch_next(d->config->epoch_file, d->alarms) : 0,
	};

	d->sas = w.esp = esp_table_create(w.count);
	if (d->sas == NULL) {
		err_add(errs, NULL, 0, 0, "not enough memory for the table of IPsec's SAs");
		return -1;
	}
	path_mtus_know_sas(d->paths, d->sas);
	w.secret = kept_flows_secret(d->kept);
	if (w.count > 1) {
		d->handover = handover_create(w.count, w.secret);
		if (d->handover == NULL) {
			err_add(errs, NULL, 0, 0, "not enough memory for the rings of %u workers",
				w.count);
			return -1;
		}
		w.handover = d->handover;
		w.secret = handover_secret(d->handover);
	}
	for (size_t i = 0; i < d->config->workers; i++) {
		w.index = i;
		w.cpu = choose_cpu(i, d->config->workers);
		w.kept = kept_flows_create(d->kept, w.index, false, w.flows_capacity);
		w.kept6 = kept_flows_create(d->kept, w.index, true, w.flows6_capacity);
		d->workers[i] = worker_create(&w);
		if (d->workers[i] == NULL) {
			err_add(errs, NULL, 0, 0,
				"cannot make the table for %" PRIu32
				" flows of worker %zu: %s; flows.capacity says how many",
				w.flows_capacity, i, strerror(errno));
			return -1;
		}
		d->n_workers++;
	}
	publisher_serve(&d->publisher, d->workers, d->n_workers);
	kept_flows_adopt(d->kept, d->workers, d->registry);
	return 0;
}

int daemon_start_workers(struct daemon *d, struct err_list *errs)
{
	for (size_t i = 0; i < d->n_workers; i++) {
		int err = worker_start(d->workers[i]);

		if (err < 0) {
			err_add(errs, NULL, 0, 0, "cannot start worker %zu: %s", i, strerror(-err));
			return -1;
		}
	}
	return 0;
}

/* --- the kernel ------------------------------------------------------------------------------- */

static void publish_nexthops(struct nexthops *nexthops, void *arg)
{
	struct daemon *d = arg;

	publisher_publish(&d->publisher, &(struct publication){.nexthops = nexthops}, NULL);
}

/* One census finds the ids of nexthops and those of sites. */
static bool start_census(void *arg)
{
	struct daemon *d = arg;

	ids_census_begin(registry_sites(d->registry), (uint32_t)(mono_ms() / 1000));
	for (size_t i = 0; i < d->n_workers; i++)
		worker_census_start(d->workers[i], &d->censuses[i]);
	return true;
}

static bool finish_census(void *arg, uint64_t *used)
{
	uint64_t sites[IDS_WORDS] = {0};
	const struct daemon *d = arg;

	for (size_t i = 0; i < d->n_workers; i++)
		if (!worker_census_done(&d->censuses[i]))
			return false;
	for (size_t i = 0; i < d->n_workers; i++)
		for (size_t k = 0; k < IDS_WORDS; k++) {
			used[k] |= d->censuses[i].nexthops[k];
			sites[k] |= d->censuses[i].sites[k];
		}
	ids_census_end(registry_sites(d->registry), sites);
	return true;
}

static void hear_peers(struct daemon *d, struct worker *w)
{
	struct peer_heard heard[CONTEXT_HEARD_MAX];
	size_t n = worker_take_heard(w, heard, CONTEXT_HEARD_MAX);

	for (size_t i = 0; i < n && d->interconnects != NULL; i++)
		interconnects_heard(d->interconnects, &heard[i]);
}

/* Asks the kernel to resolve on-link hosts for which workers have packets. */
static void poll_wanted(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;
	struct neighbour_wanted wanted[WANTED_BATCH];

	for (size_t i = 0; i < d->n_workers; i++) {
		size_t n = worker_take_wanted(d->workers[i], wanted, WANTED_BATCH);

		for (size_t j = 0; j < n; j++)
			neighbours_want(d->neighbours, &wanted[j]);
		hear_peers(d, d->workers[i]);
	}
}

static void paths_changed(void *arg)
{
	struct daemon *d = arg;

	neighbours_paths_changed(d->neighbours);
}

static bool has_kernel_port(const struct daemon *d)
{
	for (size_t i = 0; i < d->ports.n; i++)
		if (d->ports.ports[i].has_kernel)
			return true;
	return false;
}

/* Without it, tunnels work as long as no path MTU is smaller than theirs. */
void daemon_watch_paths(struct daemon *d)
{
	if (d->path_watch != NULL || !has_kernel_port(d))
		return;
	d->path_watch = path_watch_create(d->base, d->net, d->paths, d->alarms, paths_changed, d);
	if (d->path_watch == NULL)
		alarm_raise(d->alarms, ALARM_PATH_MTU_DEAF, "tunnels",
			    "cannot receive ICMP errors about tunnel packets: %s", strerror(errno));
}

/* Call it when workers run, since neighbours may answer at once. */
int daemon_start_announcer(struct daemon *d, struct err_list *errs)
{
	if (d->announcer != NULL || !has_kernel_port(d))
		return 0;
	d->announcer = announcer_create(d->base, &d->ports, d->alarms);
	if (d->announcer == NULL)
		err_add(errs, NULL, 0, 0, "cannot announce our addresses to neighbours: %s",
			strerror(errno));
	return d->announcer != NULL ? 0 : -1;
}

int daemon_follow_kernel(struct daemon *d, struct err_list *errs)
{
	const struct timeval period = {.tv_usec = WANTED_PERIOD_US};
	struct neighbours_users users = {publish_nexthops, start_census, finish_census, d, NULL};

	users.routing = d->routing = routing_create();
	if (d->routing == NULL || routing_prepare(d->routing, d->net) != 0) {
		err_add(errs, NULL, 0, 0, "not enough memory for the routes of the networks");
		return -1;
	}
	d->censuses = calloc(d->n_workers, sizeof(d->censuses[0]));
	if (d->censuses == NULL) {
		err_add(errs, NULL, 0, 0, "not enough memory for %zu workers", d->n_workers);
		return -1;
	}
	d->neighbours = neighbours_create(d->base, &d->ports, d->net, d->nexthop_ids, d->paths,
					  &users, errs);
	if (d->neighbours == NULL)
		return -1;
	d->wanted = event_new(d->base, -1, EV_PERSIST, poll_wanted, d);
	if (d->wanted == NULL || event_add(d->wanted, &period) < 0) {
		err_add(errs, NULL, 0, 0, "not enough memory to look for neighbours");
		return -1;
	}
	daemon_watch_paths(d);
	return 0;
}
