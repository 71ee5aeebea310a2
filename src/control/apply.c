/*
 * Carries out a change: see apply.h.
 *
 * Steps that may fail come before the publication, and are undone in reverse order. After it only
 * one step may fail, for lack of memory: the second network of a renewal. It is tried again until
 * it succeeds.
 */
#include "control/apply.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mono.h"
#include "control/config/config.h"
#include "control/health/health.h"
#include "control/keepalive.h"
#include "control/kernel/neighbours.h"
#include "control/kernel/path_mtu.h"
#include "control/port/change.h"
#include "control/publish.h"
#include "control/registry.h"
#include "control/settings.h"
#include "network/nexthop.h"
#include "network/renewal.h"
#include "worker/change_sweep.h"
#include "worker/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

enum {
	TICK_US = 1000, /* between two looks at the sweeps */
	RETRY_S = 1,
	NS_PER_US = 1000,
};

/* The change in progress. */
struct apply_job {
	struct config *config; /* NULL: no change is in progress */
	bool sweeps; /* workers must visit all flows */
	bool renews; /* a second publication follows */
	struct renewal renewal;
	struct port_plan ports;
	struct registry_plan plan;
	uint64_t begun_ns;
	void (*done)(void *arg, int result);
	void *done_arg;
};

struct apply {
	struct apply_parts parts;
	struct config *config; /* the running configuration */
	struct event *tick;
	struct apply_job job;
	struct change_sweep *sweeps; /* [n_workers] */
	struct worker_next **next; /* [n_workers] */
};

/* How long each step took, for the log. */
struct stopwatch {
	uint64_t last_ns;
};

static void took(struct stopwatch *s, const char *step)
{
	uint64_t now = mono_ns();

	log_debug("change: %s: %" PRIu64 " us", step, (now - s->last_ns) / NS_PER_US);
	s->last_ns = now;
}

static uint32_t now_s(void)
{
	return (uint32_t)(mono_ms() / 1000);
}

static const struct network *current(const struct apply *a)
{
	return publisher_current(a->parts.publisher)->net;
}

/* --- prepare ---------------------------------------------------------------------------------- */

/* The new parts, until they are published. */
struct prepared {
	struct network *net;
	struct nexthops *nexthops;
};

/* 0, or -ENOMEM. */
static int make_network(struct apply *a, const struct network_spec *spec, struct prepared *p)
{
	const struct registry_plan *plan = &a->job.plan;
	const struct worker_heirs heirs = {plan->new_sites, plan->new_tunnels, plan->n_new_sites,
					   plan->n_new_tunnels};

	*p = (struct prepared){.net = network_create(spec, &plan->ids)};
	if (p->net == NULL)
		return -errno;
	if (publisher_make_next(a->parts.publisher, p->net, &heirs, a->next) == 0)
		return 0;
	network_destroy(p->net);
	return -ENOMEM;
}

static void drop_network(struct apply *a, struct prepared *p)
{
	publisher_drop_next(a->parts.publisher, a->next);
	network_destroy(p->net);
}

/* 0, or -ENOMEM. */
static int make_nexthops(struct apply *a, struct prepared *p)
{
	p->nexthops = neighbours_prepare(a->parts.neighbours, p->net);
	return p->nexthops != NULL ? 0 : -ENOMEM;
}

/*
 * 0; or -errno and sentences in @errs, with everything restored. Ports come first, since nexthops
 * refer to them.
 */
static int prepare(struct apply *a, const struct network_spec *spec, struct prepared *p,
		   struct stopwatch *watch, struct err_list *errs)
{
	const struct apply_parts *parts = &a->parts;
	const struct config *config = a->job.config;
	int ret = make_network(a, spec, p);

	took(watch, "network");
	if (ret == 0) {
		ret = ports_prepare(parts->ports, parts->port_life, config, p->net, &a->job.ports,
				    errs);
		if (ret != 0) {
			drop_network(a, p);
			return ret;
		}
		took(watch, "ports");
		ret = make_nexthops(a, p);
		took(watch, "nexthops");
		if (ret != 0) {
			ports_abort(parts->ports, parts->port_life, &a->job.ports);
			drop_network(a, p);
		}
	}
	if (ret != 0)
		err_add(errs, config->file, 0, 0, "not enough memory for the new network");
	return ret;
}

/* --- publish, follow -------------------------------------------------------------------------- */

static void publish(struct apply *a, const struct prepared *p, struct stopwatch *watch)
{
	const struct apply_parts *parts = &a->parts;
	const struct settings settings = settings_of(a->job.config);
	const struct network *before = current(a);
	struct publication replaced;

	publisher_publish(parts->publisher,
			  &(struct publication){.net = p->net,
						.nexthops = p->nexthops,
						.settings = &settings,
						.next = a->next},
			  &replaced);
	took(watch, "publication");
	path_mtus_follow(parts->paths, p->net);
	neighbours_commit(parts->neighbours);
	ports_commit(parts->ports, parts->port_life, a->job.config, p->net, &a->job.ports);
	a->job.ports.added = a->job.ports.removed = a->job.ports.closed_first = 0;
	neighbours_follow_ports(parts->neighbours, before);
	took(watch, "ports and their programs");
	keepalives_follow(parts->keepalives, p->net);
	health_follow(parts->health, p->net);
	parts->follow(parts->arg, a->job.config, p->net);
	nexthops_destroy(replaced.nexthops);
	network_destroy(replaced.net);
	took(watch, "the rest");
}

/* --- sweep, done ------------------------------------------------------------------------------ */

static void begin_sweep(struct apply *a)
{
	const struct timeval soon = {.tv_usec = TICK_US};

	for (size_t i = 0; a->job.sweeps && i < a->parts.n_workers; i++)
		worker_sweep_start(a->parts.workers[i], &a->sweeps[i]);
	event_add(a->tick, &soon);
}

static bool is_swept(const struct apply *a)
{
	for (size_t i = 0; a->job.sweeps && i < a->parts.n_workers; i++)
		if (!worker_sweep_done(&a->sweeps[i]))
			return false;
	return true;
}

static void say_swept(const struct apply *a)
{
	uint64_t ended = 0, moved = 0;

	for (size_t i = 0; a->job.sweeps && i < a->parts.n_workers; i++) {
		moved += a->sweeps[i].moved;
		for (size_t k = 0; k < ENDED_COUNT; k++)
			ended += a->sweeps[i].ended[k];
	}
	log_debug("change: %" PRIu64 " flows have ended, %" PRIu64 " go by another tunnel; %" PRIu64
		  " us in all",
		  ended, moved, (mono_ns() - a->job.begun_ns) / NS_PER_US);
}

/* The second publication of a renewal. */
static void publish_renewed(struct apply *a)
{
	const struct timeval later = {.tv_sec = RETRY_S};
	struct stopwatch watch = {mono_ns()};
	struct err_list errs = ERR_LIST_EMPTY;
	struct prepared p;

	if (prepare(a, &a->job.config->network, &p, &watch, &errs) != 0) {
		err_log(&errs);
		err_list_fini(&errs);
		event_add(a->tick, &later);
		return;
	}
	a->job.renews = false;
	publish(a, &p, &watch);
	renewal_destroy(&a->job.renewal);
	begin_sweep(a);
}

/* All flows of removed objects have ended or moved: their ids are retired. */
static void finish(struct apply *a)
{
	struct config *before = a->config;
	struct apply_job job = a->job;

	registry_commit(a->parts.registry, now_s());
	a->config = job.config;
	a->job = (struct apply_job){0};
	a->parts.done(a->parts.arg);
	job.done(job.done_arg, 0);
	config_destroy(before);
}

static void tick(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval soon = {.tv_usec = TICK_US};
	struct apply *a = arg;

	if (!is_swept(a)) {
		event_add(a->tick, &soon);
		return;
	}
	say_swept(a);
	if (a->job.renews)
		publish_renewed(a);
	else
		finish(a);
}

/* --- the target ------------------------------------------------------------------------------- */

/* Can the change concern flows? Changes of settings and ports cannot. */
static bool needs_sweep(const struct difference *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->items[i].ends_flows || (strcmp(d->items[i].kind, "setting") != 0 &&
					       strcmp(d->items[i].kind, "port") != 0))
			return true;
	return false;
}

static void drop_job(struct apply *a)
{
	renewal_destroy(&a->job.renewal);
	a->job = (struct apply_job){0};
}

/* Plans slots of ports, ids, and whether a renewal is needed. Changes nothing. */
static int plan(struct apply *a, struct err_list *errs)
{
	const struct config *config = a->job.config;
	const struct network_spec *spec = &config->network;
	int ret = ports_plan(a->parts.ports, config, &a->job.ports, errs);

	if (ret != 0)
		return ret;
	a->job.renews = renewal_is_needed(current(a), spec);
	if (a->job.renews)
		ret = renewal_create(&a->job.renewal, current(a), spec);
	if (ret == 0)
		ret = registry_plan(a->parts.registry, spec, &a->job.plan);
	if (ret != 0)
		err_add(errs, config->file, 0, 0,
			ret == -ENOSPC
				? "the numbers of removed tunnels are free in a few minutes; "
				  "until then there is no room for so many new ones"
				: "not enough memory to change the configuration");
	a->job.plan.ids.ports = a->job.ports.slots;
	return ret;
}

static int begin(struct apply *a, struct err_list *errs)
{
	struct stopwatch watch = {mono_ns()};
	struct prepared p;
	int ret = plan(a, errs);

	if (ret != 0)
		return ret;
	took(&watch, "plan");
	ret = prepare(a, a->job.renews ? &a->job.renewal.spec : &a->job.config->network, &p, &watch,
		      errs);
	if (ret != 0) {
		registry_abort(a->parts.registry);
		return ret;
	}
	if (a->parts.renumber != NULL && a->job.plan.n_new_sites + a->job.plan.n_new_tunnels > 0)
		a->parts.renumber(a->parts.arg);
	publish(a, &p, &watch);
	begin_sweep(a);
	return 0;
}

static int apply(void *arg, struct config *config, const struct difference *d,
		 struct err_list *errs, void (*done)(void *arg, int result), void *done_arg)
{
	struct apply *a = arg;
	int ret;

	a->job = (struct apply_job){
		.config = config,
		.sweeps = needs_sweep(d),
		.begun_ns = mono_ns(),
		.done = done,
		.done_arg = done_arg,
	};
	ret = begin(a, errs);
	if (ret != 0)
		drop_job(a);
	return ret;
}

static void count(void *arg, const struct config *after, struct difference *d)
{
	struct apply *a = arg;

	apply_count(d, current(a), after, a->parts.workers, a->parts.n_workers);
}

const struct change_target apply_target = {.count = count, .apply = apply};

struct apply *apply_create(struct event_base *base, const struct apply_parts *parts,
			   struct config *config)
{
	struct apply *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->parts = *parts;
	a->tick = evtimer_new(base, tick, a);
	a->sweeps = calloc(parts->n_workers + 1, sizeof(a->sweeps[0]));
	a->next = calloc(parts->n_workers + 1, sizeof(a->next[0]));
	if (a->tick == NULL || a->sweeps == NULL || a->next == NULL) {
		apply_destroy(a);
		return NULL;
	}
	a->config = config;
	return a;
}

void apply_destroy(struct apply *a)
{
	if (a == NULL)
		return;
	if (a->tick != NULL)
		event_free(a->tick);
	config_destroy(a->config);
	config_destroy(a->job.config);
	renewal_destroy(&a->job.renewal);
	free(a->sweeps);
	free(a->next);
	free(a);
}
