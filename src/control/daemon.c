/*
 * Starts the parts in order, and stops them in reverse order.
 *
 * Each part needs the previous ones. So daemon_start() is a list to be read from top to bottom, and
 * daemon_stop() is the same list in reverse. Parts that were not started are NULL, which every
 * destructor accepts. So daemon_stop() also stops a daemon whose start has failed half-way.
 *
 * Then the control thread sleeps in one event loop: signals, netlink, the API, timers. Signals are
 * caught from the beginning, so a signal during the start leads to a clean stop, too. Their default
 * action is set to SIG_IGN, so that another signal during the stop does nothing.
 */
#include "control/daemon.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mono.h"
#include "base/wire.h"
#include "control/alarm.h"
#include "control/announce.h"
#include "control/api/api.h"
#include "control/apply.h"
#include "control/bgp/bgp.h"
#include "control/change/change.h"
#include "control/change/start.h"
#include "control/daemon_internal.h"
#include "control/health/health.h"
#include "control/interconnect/interconnect.h"
#include "control/ipsec/ipsec.h"
#include "control/keepalive.h"
#include "control/kept_flows.h"
#include "control/kernel/neighbours.h"
#include "control/kernel/path_watch.h"
#include "control/notify.h"
#include "control/port/life.h"
#include "control/registry.h"
#include "control/rest_watch.h"
#include "control/routing/routing.h"
#include "esp/sa.h"
#include "network/network.h"
#include "path/handover.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

static const int caught_signals[DAEMON_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

static void signal_received(evutil_socket_t sig, short what, void *arg)
{
	struct daemon *d = arg;

	if (sig == SIGHUP) {
		if (d->change != NULL) /* otherwise the start is still reading the file */
			change_reload(d->change);
		return;
	}
	log_info("stopping: %s", strsignal(sig));
	event_base_loopbreak(d->base);
}

static int start_events(struct daemon *d, struct err_list *errs)
{
	bool ok;

	for (size_t i = 0; i < ARRAY_SIZE(caught_signals); i++)
		signal(caught_signals[i], SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a limit of file size is handled like a full disk */
	d->alarms = d->ports.alarms = alarms_create();
	d->base = event_base_new();
	ok = d->base != NULL && d->alarms != NULL;
	for (size_t i = 0; i < ARRAY_SIZE(caught_signals) && ok; i++) {
		d->signals[i] = evsignal_new(d->base, caught_signals[i], signal_received, d);
		ok = d->signals[i] != NULL && event_add(d->signals[i], NULL) == 0;
	}
	if (!ok)
		err_add(errs, NULL, 0, 0, "cannot start the event loop: %s", strerror(errno));
	return ok ? 0 : -1;
}

void daemon_publish_ports(const struct worker_port *ports, void *arg)
{
	struct daemon *d = arg;

	publisher_publish(&d->publisher, &(struct publication){.ports = ports}, NULL);
}

static void ports_changed(void *arg)
{
	struct daemon *d = arg;

	neighbours_ports_changed(d->neighbours);
}

static int watch_ports(struct daemon *d, struct err_list *errs)
{
	d->port_watch = port_watch_create(d->base, &d->ports, d->workers, d->n_workers);
	if (d->port_watch != NULL)
		return 0;
	err_add(errs, NULL, 0, 0, "not enough memory to watch the ports");
	return -1;
}

/* Call it last, as it may close or open a port at once. */
static int hold_ports(struct daemon *d, struct err_list *errs)
{
	d->port_life =
		port_life_create(d->base, &d->ports, daemon_publish_ports, ports_changed, d, errs);
	return d->port_life != NULL ? 0 : -1;
}

static int watch_rests(struct daemon *d, struct err_list *errs)
{
	d->rest_watch = rest_watch_create(d->base, d->workers, d->n_workers, d->alarms);
	if (d->rest_watch != NULL)
		return 0;
	err_add(errs, NULL, 0, 0, "not enough memory to watch the egress ports");
	return -1;
}

static int start_keepalives(struct daemon *d, struct err_list *errs)
{
	d->keepalives = keepalives_create(d->base, d->net, d->workers, d->n_workers, d->alarms);
	if (d->keepalives != NULL)
		return 0;
	err_add(errs, NULL, 0, 0, "not enough memory for the keepalives of tunnels");
	return -1;
}

static int start_interconnects(struct daemon *d, struct err_list *errs)
{
	d->interconnects = interconnects_create(d->base, &d->ports, d->net, d->neighbours);
	if (d->interconnects != NULL)
		return 0;
	err_add(errs, NULL, 0, 0, "not enough memory for the peers of interconnects");
	return -1;
}

static bool send_session(struct worker *w, uint16_t tunnel, const void *bytes, size_t len)
{
	return len <= INJECT_MAX && worker_inject(w, INJECT_TUNNEL, tunnel, bytes, len);
}

static int set_learned(void *arg, uint16_t vnet, const struct prefix6 *prefix,
		       const struct spec_target *targets, size_t n)
{
	struct daemon *d = arg;

	return routing_set_learned(d->routing, vnet, prefix, targets, n);
}

static void learned_changed(void *arg)
{
	struct daemon *d = arg;

	neighbours_routing_changed(d->neighbours);
}

static int learn_again(void *arg, const struct network *net)
{
	return bgp_learn(arg, net);
}

static int start_bgp(struct daemon *d, struct err_list *errs)
{
	const struct bgp_parts parts = {
		.workers = {d->workers, d->n_workers, worker_take_delivered, send_session},
		.alarms = d->alarms,
		.set = set_learned,
		.changed = learned_changed,
		.arg = d,
	};

	d->bgp = bgp_create(d->base, &parts, d->net);
	if (d->bgp != NULL) {
		routing_on_network(d->routing, learn_again, d->bgp);
		return 0;
	}
	err_add(errs, NULL, 0, 0, "cannot follow the kernel's routing tables: %s", strerror(errno));
	return -1;
}

static int start_api(struct daemon *d, struct err_list *errs)
{
	const struct api_context ctx = {
		.config = d->config,
		.net = d->net,
		.ports = &d->ports,
		.workers = d->workers,
		.n_workers = d->n_workers,
		.paths = d->paths,
		.routing = d->routing,
		.alarms = d->alarms,
		.keepalives = d->keepalives,
		.health = d->health,
		.interconnects = d->interconnects,
		.ipsec = d->ipsec,
		.change = d->change,
		.started_ns = d->started_ns,
		.loop = &d->loop,
		.bgp = d->bgp,
	};

	d->api = api_create(d->base, &ctx, errs);
	return d->api != NULL ? 0 : -1;
}

static int daemon_start(struct daemon *d, struct err_list *errs)
{
	if (start_events(d, errs) < 0)
		return -1;
	d->claim = api_claim(d->config->api_socket, errs); /* before a second daemon can do harm */
	if (d->claim == NULL)
		return -1;
	if (daemon_open_kept(d, errs) < 0)
		return -1;
	if (port_eal_init(d->config, errs) < 0)
		return -1;
	if (daemon_start_network(d, errs) < 0)
		return -1;
	if (ports_open(&d->ports, d->config, d->net, errs) < 0)
		return -1;
	daemon_publish_ports(d->ports.worker_ports, d);
	if (daemon_create_workers(d, errs) < 0)
		return -1;
	if (daemon_follow_kernel(d, errs) < 0)
		return -1;
	if (daemon_start_workers(d, errs) < 0)
		return -1;
	if (watch_ports(d, errs) < 0)
		return -1;
	if (daemon_start_announcer(d, errs) < 0)
		return -1;
	if (watch_rests(d, errs) < 0)
		return -1;
	if (start_keepalives(d, errs) < 0)
		return -1;
	if (daemon_start_health(d, errs) < 0)
		return -1;
	if (start_interconnects(d, errs) < 0)
		return -1;
	if (daemon_start_ipsec(d, errs) < 0)
		return -1;
	if (start_bgp(d, errs) < 0)
		return -1;
	if (hold_ports(d, errs) < 0)
		return -1;
	if (daemon_start_changes(d, errs) < 0)
		return -1;
	return start_api(d, errs);
}

static void daemon_stop(struct daemon *d)
{
	api_destroy(d->api);
	change_destroy(d->change);
	ipsec_destroy(d->ipsec);
	bgp_destroy(d->bgp); /* neighbours stop sending before workers stop */
	port_life_destroy(d->port_life);
	interconnects_destroy(d->interconnects);
	keepalives_destroy(d->keepalives);
	health_destroy(d->health);
	announcer_destroy(d->announcer);
	port_watch_destroy(d->port_watch);
	rest_watch_destroy(d->rest_watch);
	for (size_t i = 0; i < d->n_workers; i++)
		worker_stop(d->workers[i]);
	path_watch_destroy(d->path_watch);
	neighbours_destroy(d->neighbours);
	routing_destroy(d->routing);
	path_mtus_destroy(d->paths);
	for (size_t i = 0; i < d->n_workers; i++)
		worker_destroy(d->workers[i]);
	kept_flows_close(d->kept);
	handover_destroy(d->handover);
	esp_table_destroy(d->sas);
	free(d->censuses);
	ports_close(&d->ports);
	publisher_fini(&d->publisher);
	registry_destroy(d->registry);
	ids_destroy(d->nexthop_ids);
	apply_destroy(d->apply);
	api_release(d->claim);
	if (d->wanted != NULL)
		event_free(d->wanted);
	if (d->watchdog != NULL)
		event_free(d->watchdog);
	for (size_t i = 0; i < ARRAY_SIZE(d->signals); i++)
		if (d->signals[i] != NULL)
			event_free(d->signals[i]);
	if (d->base != NULL)
		event_base_free(d->base);
	alarms_destroy(d->alarms);
}

static void say_what_runs(const struct daemon *d)
{
	log_info("homewardd %s: sites %" PRIu32 ", tunnels %" PRIu32 ", egress addresses %" PRIu32
		 ", room for %" PRIu32 " flows, workers %zu",
		 HOMEWARD_VERSION, d->net->n_sites, d->net->n_tunnels, d->net->n_addresses,
		 d->config->flows_capacity, d->n_workers);
	log_info("ready: listening on %s", d->config->api_socket);
}

static void say_what_was(const struct daemon *d)
{
	uint64_t rx = 0, tx = 0, drops = 0, flows = 0;

	for (size_t i = 0; i < d->n_workers; i++) {
		struct worker_counters c;

		worker_read_counters(d->workers[i], &c);
		rx += c.rx;
		tx += c.tx;
		flows += c.flows_created;
		for (size_t j = DROP_NONE + 1; j < DROP_COUNT; j++)
			drops += c.drops[j];
	}
	log_info("ran for %" PRIu64 " s: %" PRIu64 " packets in, %" PRIu64 " out, %" PRIu64
		 " dropped; %" PRIu64 " flows",
		 (mono_ns() - d->started_ns) / 1000000000, rx, tx, drops, flows);
}

int daemon_run(struct change_start *start)
{
	struct daemon d = {.config = start->config, .start = start, .started_ns = mono_ns()};
	struct err_list errs = ERR_LIST_EMPTY;
	int err = daemon_start(&d, &errs);

	if (err == 0) {
		bgp_offer(d.bgp, d.config->announce_table);
		say_what_runs(&d);
		d.watchdog = notify_watchdog(d.base);
		notify_service_manager("READY=1");
		loop_run(&d.loop, d.base);
		notify_service_manager("STOPPING=1");
		say_what_was(&d);
	}
	daemon_stop(&d);
	err_log(&errs);
	err_list_fini(&errs);
	return err;
}
