/*
 * A worker: one thread on one core.
 *
 *   turn:  clock -> what control published -> one burst -> some ageing -> packets of control
 *          -> a query's next records -> copy of the counters -> quiescent
 *
 * Life cycle: worker_create() allocates everything; worker_start() makes the thread. From then on
 * only that thread uses the context, until worker_stop() has joined it.
 *
 * Sharing, and who writes:
 *   snapshot      control (release), worker compares it with the one it has each turn (acquire)
 *   published     worker, under a sequence number that is odd while it writes; any thread copies
 *   queries       control adds them (query.h)
 *   deliver       worker puts packets into the ring, control takes them (path/deliver.h)
 *   inject        control puts packets into the ring, worker takes them (inject.h)
 *   census        control sets it, worker answers and clears it; a sweep likewise
 *   wanted        worker fills it when it is empty, control empties it
 *   stop          control
 *   taken         worker, when it has taken the snapshot (release), control waits for it (acquire)
 * A snapshot that control replaced may be freed after the worker has taken the next one and passed
 * a quiescent point (QSBR).
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/mono.h"
#include "esp/worker.h"
#include "in/assembly.h"
#include "out/identification.h"
#include "path/context.h"
#include "path/deliver.h"
#include "path/handover.h"
#include "path/heard.h"
#include "path/probes.h"
#include "path/route_cache.h"
#include "path/vnet_cache.h"
#include "path/wanted.h"
#include "setup/setup.h"
#include "worker/census.h"
#include "worker/change_sweep.h"
#include "worker/flow_tables.h"
#include "worker/idle.h"
#include "worker/inject.h"
#include "worker/next.h"
#include "worker/pipeline.h"
#include "worker/query.h"
#include "worker/rows.h"
#include "worker/take_port.h"

#include <errno.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_rcu_qsbr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

enum {
	SWEEP_PER_BURST = 8, /* records; a million flows take half a second under load */
	CENSUS_PER_TURN = 256, /* records */
	CHANGE_PER_TURN = 512, /* records */
	SYNCHRONIZE_NS = 20000,
	ANCHOR_TURNS = 4096, /* a power of two; 20 ms under load, two seconds when idle */
};

struct worker {
	struct context ctx;
	struct burst burst;
	struct clock clock;
	uint64_t ticks; /* read last */
	uint64_t held_ticks; /* value of a held clock; 0: the clock runs */
	uint64_t held_ns; /* the system's clock at that time */
	uint32_t idle_turns; /* in a row */
	const struct snapshot *taken; /* its parts are in the context; read by control, too */
	int cpu;
	bool poll;
	pthread_t thread;
	bool running; /* used by control only */

	/* written by control */
	_Alignas(CACHE_LINE) const struct snapshot *snapshot;
	struct worker_next *next; /* for the snapshot; written before it is published */
	struct queries queries; /* their inbox */
	struct inject *inject;
	struct census *census;
	struct change_sweep *change_sweep;
	uint32_t stop;

	/* written by the worker, read by control */
	_Alignas(CACHE_LINE) uint32_t sequence;
	struct worker_counters published;
	struct wanted_box wanted;
	struct heard_box heard;
	struct rte_rcu_qsbr *qsbr;
};

static void take_settings(struct context *ctx, const struct settings *settings)
{
	ctx->timers = settings->timers;
	ctx->timers.half_open_s = limits_half_open_s;
	ctx->rest_s = settings->rest_s;
	ctx->outbound_refresh = settings->outbound_refresh;
	ctx->reset_unknown = settings->reset_unknown;
}

/* Between two bursts, so that no packet sees parts of two snapshots. */
static __attribute__((noinline)) void take_snapshot(struct worker *w, const struct snapshot *s)
{
	struct worker_next *next = __atomic_load_n(&w->next, __ATOMIC_RELAXED);
	struct context *ctx = &w->ctx;

	if (next != NULL)
		next_take(next, ctx, s->net);
	ctx->net = s->net;
	ctx->nexthops = s->nexthops;
	route_cache_clear(ctx->route_cache);
	vnet_cache_clear(ctx->vnet_cache);
	take_settings(ctx, &s->settings);
	for (uint16_t i = 0; i < s->n_ports; i++)
		take_port(ctx, i, &s->ports[i]);
	__atomic_store_n(&w->taken, s, __ATOMIC_RELEASE);
}

static void read_published(struct worker *w)
{
	const struct snapshot *s = __atomic_load_n(&w->snapshot, __ATOMIC_ACQUIRE);

	if (unlikely(s != w->taken))
		take_snapshot(w, s);
}

/* Copies word by word, each by one atomic store: readers on other cores may read concurrently. */
static void copy_words(uint64_t *to, const uint64_t *from, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(*to); i++)
		__atomic_store_n(&to[i], __atomic_load_n(&from[i], __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
}

static void publish_counters(struct worker *w)
{
	uint32_t sequence = w->sequence;

	w->ctx.counters.flows = flow_table_count(w->ctx.flows);
	if (w->ctx.flows6 != NULL)
		w->ctx.counters.flows += flow_table_count(w->ctx.flows6);
	__atomic_store_n(&w->sequence, sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	copy_words((uint64_t *)&w->published, (const uint64_t *)&w->ctx.counters,
		   sizeof(w->published));
	__atomic_store_n(&w->sequence, sequence + 2, __ATOMIC_RELEASE);
}

struct context *worker_context(struct worker *w)
{
	return &w->ctx;
}

void worker_read_counters(const struct worker *w, struct worker_counters *out)
{
	uint32_t before, after;

	do {
		before = __atomic_load_n(&w->sequence, __ATOMIC_ACQUIRE);
		copy_words((uint64_t *)out, (const uint64_t *)&w->published, sizeof(*out));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		after = __atomic_load_n(&w->sequence, __ATOMIC_RELAXED);
	} while (before != after || before % 2 != 0);
}

void worker_read_tunnel(const struct worker *w, uint16_t tunnel, struct tunnel_counters *out)
{
	copy_words((uint64_t *)out, (const uint64_t *)&w->ctx.tunnels[tunnel], sizeof(*out));
}

void worker_read_port(const struct worker *w, uint16_t port, struct port_counters *out)
{
	copy_words((uint64_t *)out, (const uint64_t *)&w->ctx.port_counters[port], sizeof(*out));
}

void worker_read_site(const struct worker *w, uint16_t site, struct site_counters *out)
{
	copy_words((uint64_t *)out, (const uint64_t *)&w->ctx.sites[site].counters, sizeof(*out));
}

void worker_read_slice(const struct worker *w, uint32_t slice, struct slice_counters *out)
{
	*out = egress_slice(__atomic_load_n(&w->ctx.egress, __ATOMIC_ACQUIRE), slice);
}

size_t worker_read_unknown(const struct worker *w, struct unknown_tunnel *out)
{
	return unknown_read(&w->ctx, out);
}

size_t worker_take_wanted(struct worker *w, struct neighbour_wanted *out, size_t n)
{
	return wanted_take(&w->wanted, out, n);
}

size_t worker_take_heard(struct worker *w, struct peer_heard *out, size_t n)
{
	return heard_take(&w->heard, out, n);
}

void worker_query_start(struct worker *w, struct flow_query *q)
{
	queries_add(&w->queries, q);
}

struct probe_row *worker_probes(struct worker *w, uint16_t tunnel)
{
	return &w->ctx.probes[tunnel];
}

bool worker_inject(struct worker *w, enum inject_kind kind, uint16_t to, const void *bytes,
		   size_t len)
{
	return inject_put(w->inject, kind, to, bytes, len);
}

size_t worker_take_delivered(struct worker *w, void *bytes)
{
	return deliver_take(w->ctx.deliver, bytes);
}

/* True: a query has work. The worker does not sleep then, since a client waits. */
static bool answer_queries(struct worker *w)
{
	return queries_are_there(&w->queries) && queries_step(&w->queries, &w->ctx, &w->ctx.timers);
}

/* True: a census is being taken. The worker does not sleep then, since control waits for it. */
static bool take_census(struct worker *w)
{
	struct census *c = __atomic_load_n(&w->census, __ATOMIC_ACQUIRE);

	if (c == NULL)
		return false;
	if (census_step(&w->ctx, c, CENSUS_PER_TURN)) {
		__atomic_store_n(&w->census, NULL, __ATOMIC_RELAXED);
		__atomic_store_n(&c->done, 1, __ATOMIC_RELEASE);
	}
	return true;
}

int worker_census_start(struct worker *w, struct census *c)
{
	if (__atomic_load_n(&w->census, __ATOMIC_RELAXED) != NULL)
		return -EBUSY;
	memset(c, 0, sizeof(*c));
	__atomic_store_n(&w->census, c, __ATOMIC_RELEASE);
	return 0;
}

bool worker_census_done(const struct census *c)
{
	return __atomic_load_n(&c->done, __ATOMIC_ACQUIRE) != 0;
}

/* True: a sweep is running. The worker does not sleep then, since control waits for it. */
static bool sweep_change(struct worker *w)
{
	struct change_sweep *s = __atomic_load_n(&w->change_sweep, __ATOMIC_ACQUIRE);

	if (s == NULL)
		return false;
	if (change_sweep_step(&w->ctx, s, CHANGE_PER_TURN)) {
		__atomic_store_n(&w->change_sweep, NULL, __ATOMIC_RELAXED);
		publish_counters(w);
		__atomic_store_n(&s->done, 1, __ATOMIC_RELEASE);
	}
	return true;
}

int worker_sweep_start(struct worker *w, struct change_sweep *s)
{
	if (__atomic_load_n(&w->change_sweep, __ATOMIC_RELAXED) != NULL)
		return -EBUSY;
	memset(s, 0, sizeof(*s));
	__atomic_store_n(&w->change_sweep, s, __ATOMIC_RELEASE);
	return 0;
}

bool worker_sweep_done(const struct change_sweep *s)
{
	return __atomic_load_n(&s->done, __ATOMIC_ACQUIRE) != 0;
}

static unsigned sweep(struct worker *w, unsigned n)
{
	struct context *ctx = &w->ctx;

	room_begin(ctx, NULL, 0); /* no packet is in flight */
	ports_tick(ctx);
	return room_sweep(ctx, false, n) + room_sweep(ctx, true, n);
}

/* Off the fast path: reads the system's clock. Linux does it without a system call. */
static __attribute__((noinline)) void anchor_clock(struct worker *w, uint64_t ticks)
{
	clock_anchor(&w->clock, ticks, w->held_ticks == 0 ? mono_ns() : w->held_ns);
	w->ctx.counters.clock_steps = w->clock.steps;
}

/* Every ANCHOR_TURNS turns the clock is anchored, whatever the counter says: it may stand still. */
static void move_clock(struct worker *w)
{
	uint64_t ticks = w->held_ticks == 0 ? rte_rdtsc() : w->held_ticks;

	if (!clock_move(&w->clock, ticks) || w->ctx.counters.turns % ANCHOR_TURNS == 0)
		anchor_clock(w, ticks);
	w->ticks = ticks;
	w->ctx.now_s = w->clock.now_s;
	w->ctx.now_ns = w->clock.now_ns;
}

unsigned worker_turn(struct worker *w)
{
	unsigned received, swept, injected = 0;
	bool asked;

	move_clock(w);
	read_published(w);
	received = pipeline_run(&w->ctx, &w->burst);
	swept = sweep(w, received > 0 ? SWEEP_PER_BURST : idle_sweep(w->idle_turns));
	if (unlikely(inject_is_there(w->inject)))
		injected = pipeline_inject(&w->ctx, &w->burst, w->inject);
	if (w->ctx.counters.held > 0)
		swept += pipeline_expire(&w->ctx, &w->burst);
	if (w->ctx.n_wanted > 0)
		wanted_hand_over(&w->wanted, &w->ctx);
	if (w->ctx.n_heard > 0)
		heard_hand_over(&w->heard, &w->ctx);
	asked = answer_queries(w);
	asked |= take_census(w);
	asked |= sweep_change(w);

	w->ctx.counters.turns++;
	w->idle_turns = received > 0 ? 0 : w->idle_turns + 1;
	if (injected > 0 || asked)
		w->idle_turns = idle_expect(w->idle_turns);
	w->ctx.counters.idle_turns += received == 0;
	if (received > 0 || swept > 0 || injected > 0 || asked || w->idle_turns % 64 == 1)
		publish_counters(w);
	return received + injected;
}

void worker_advance_clock(struct worker *w, uint32_t seconds)
{
	clock_advance(&w->clock, seconds);
	w->ctx.origin_ns = w->clock.origin_ns;
	move_clock(w);
}

void worker_hold_clock(struct worker *w, uint64_t ns)
{
	if (w->held_ticks == 0) {
		move_clock(w);
		w->held_ticks = w->ticks;
		w->held_ns = w->clock.origin_ns + w->clock.now_ns;
	}
	w->held_ticks += (uint64_t)((double)ns * (double)w->clock.ticks_per_s / NS_PER_S);
	w->held_ns += ns;
	anchor_clock(w, w->held_ticks); /* exact to the nanosecond */
	move_clock(w);
}

void worker_step_counter(struct worker *w, int64_t seconds)
{
	w->held_ticks += (uint64_t)seconds * w->clock.ticks_per_s;
	move_clock(w);
}

/*
 * Enters before the thread exists: on a busy machine it may begin long after worker_start() has
 * returned, and worker_synchronize() must wait for it.
 */
static void enter(struct worker *w)
{
	rte_rcu_qsbr_thread_register(w->qsbr, 0);
	rte_rcu_qsbr_thread_online(w->qsbr, 0);
}

static void leave(struct worker *w)
{
	rte_rcu_qsbr_thread_offline(w->qsbr, 0);
	rte_rcu_qsbr_thread_unregister(w->qsbr, 0);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct timespec rest = {0};

	rte_thread_register();
	prctl(PR_SET_TIMERSLACK, 1UL);

	while (__atomic_load_n(&w->stop, __ATOMIC_RELAXED) == 0) {
		worker_turn(w);
		rte_rcu_qsbr_quiescent(w->qsbr, 0);
		rest.tv_nsec = idle_sleep_ns(w->idle_turns);
		if (rest.tv_nsec > 0 && !w->poll)
			nanosleep(&rest, NULL);
	}

	leave(w);
	rte_thread_unregister();
	return NULL;
}

int worker_start(struct worker *w)
{
	int ret;

	w->stop = 0;
	enter(w);
	ret = pthread_create(&w->thread, NULL, worker_main, w);
	if (ret != 0) {
		leave(w);
		return -ret;
	}
	if (w->cpu >= 0) {
		cpu_set_t cpus;

		CPU_ZERO(&cpus);
		CPU_SET(w->cpu, &cpus);
		pthread_setaffinity_np(w->thread, sizeof(cpus), &cpus);
	}
	pthread_setname_np(w->thread, "hw-worker");
	w->running = true;
	return 0;
}

void worker_stop(struct worker *w)
{
	if (!w->running)
		return;
	__atomic_store_n(&w->stop, 1, __ATOMIC_RELAXED);
	pthread_join(w->thread, NULL);
	w->running = false;
}

struct worker_next *worker_create_next(struct worker *w, const struct network *net,
				       const struct worker_heirs *heirs)
{
	return next_create(&w->ctx, net, heirs);
}

/*
 * A worker that does not run takes the snapshot here. The memory of its old snapshot may be used
 * again soon; the next snapshot could have the same address and would not be noticed as new.
 */
void worker_publish(struct worker *w, const struct snapshot *snapshot, struct worker_next *next)
{
	__atomic_store_n(&w->next, next, __ATOMIC_RELAXED);
	__atomic_store_n(&w->snapshot, snapshot, __ATOMIC_RELEASE);
	if (!w->running)
		read_published(w);
}

bool worker_has_taken(const struct worker *w)
{
	return __atomic_load_n(&w->taken, __ATOMIC_ACQUIRE) == w->snapshot;
}

/*
 * A turn that has ended may have begun before the publication: then the worker has yet to take it,
 * and reads the next state that goes with it. Sleeps instead of spinning: a worker without a core
 * may need this one.
 */
void worker_synchronize(struct worker *const *workers, size_t n)
{
	const struct timespec rest = {.tv_nsec = SYNCHRONIZE_NS};
	uint64_t tokens[WORKERS_MAX];

	for (size_t i = 0; i < n; i++)
		if (workers[i]->running)
			tokens[i] = rte_rcu_qsbr_start(workers[i]->qsbr);
	for (size_t i = 0; i < n; i++)
		while (workers[i]->running &&
		       (rte_rcu_qsbr_check(workers[i]->qsbr, tokens[i], false) == 0 ||
			!worker_has_taken(workers[i])))
			nanosleep(&rest, NULL);
}

static bool create_ports(struct context *ctx, const struct worker_config *config)
{
	ctx->ports = memory_lines(config->snapshot->n_ports * sizeof(ctx->ports[0]));
	ctx->port_counters =
		memory_lines(config->snapshot->n_ports * sizeof(ctx->port_counters[0]));
	if (ctx->ports == NULL || ctx->port_counters == NULL)
		return false;
	return true;
}

static bool create_qsbr(struct worker *w)
{
	size_t size = rte_rcu_qsbr_get_memsize(1);

	w->qsbr = memory_lines(size);
	return w->qsbr != NULL && rte_rcu_qsbr_init(w->qsbr, 1) == 0;
}

/* Other workers read some of the context, too. */
static void meet_others(struct context *ctx)
{
	ctx->self = ctx;
	ctx->workers = &ctx->self;
	if (ctx->handover == NULL)
		return;
	ctx->workers = handover_workers(ctx->handover);
	handover_workers(ctx->handover)[ctx->index] = ctx;
}

struct worker *worker_create(const struct worker_config *config)
{
	struct worker *w = aligned_alloc(CACHE_LINE, sizeof(*w));
	struct context *ctx = &w->ctx;

	if (w == NULL)
		return NULL;
	memset(w, 0, sizeof(*w));
	w->snapshot = config->snapshot;
	w->cpu = config->cpu;
	w->poll = config->poll;
	clock_start(&w->clock, rte_rdtsc(), rte_get_tsc_hz(), mono_ns());

	ctx->origin_ns = w->clock.origin_ns;
	ctx->index = config->index;
	ctx->count = config->count;
	ctx->handover = config->handover;
	ctx->moved = endpoint_moved;
	ctx->egress = egress_create(config->snapshot->net, config->flows_capacity, config->index,
				    config->count);
	ctx->sites = limits_create();
	ctx->reassembly = reassembly_create();
	ctx->unknown = memory_lines(sizeof(*ctx->unknown));
	w->inject = inject_create();
	ctx->deliver = deliver_create();
	if (config->esp != NULL)
		ctx->esp = esp_worker_create(config->esp, config->index);
	if ((config->esp != NULL && ctx->esp == NULL) || ctx->reassembly == NULL ||
	    ctx->unknown == NULL || ctx->egress == NULL || ctx->sites == NULL ||
	    w->inject == NULL || ctx->deliver == NULL || !rows_create(ctx, config->snapshot->net) ||
	    !create_ports(ctx, config) || !create_qsbr(w) || !flow_tables_create(ctx, config)) {
		int error = errno;

		worker_destroy(w);
		errno = error;
		return NULL;
	}
	meet_others(ctx);
	identification_init(ctx);
	read_published(w);
	if (ctx->rest_s > 0)
		ports_begin(ctx->egress, config->epoch, ctx->rest_s);
	move_clock(w);
	return w;
}

void worker_destroy(struct worker *w)
{
	if (w == NULL)
		return;
	flow_tables_destroy(&w->ctx);
	egress_destroy(w->ctx.egress);
	reassembly_destroy(w->ctx.reassembly);
	free(w->ctx.unknown);
	inject_destroy(w->inject);
	deliver_destroy(w->ctx.deliver);
	esp_worker_destroy(w->ctx.esp);
	rows_destroy(&w->ctx);
	limits_destroy(w->ctx.sites);
	free(w->ctx.ports);
	free(w->ctx.port_counters);
	free(w->qsbr);
	free(w);
}
