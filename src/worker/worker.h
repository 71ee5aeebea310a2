/*
 * A worker: one thread on one core that takes packets through the pipeline and owns its flows.
 *
 * This header is the interface for control: it creates and destroys workers, reads counters and
 * queries flows. Control never reads a flow table itself: it passes a query to the worker, which
 * answers it a few records at a time between bursts.
 */
#pragma once

#include "base/drop.h"
#include "flow/flow6.h"
#include "in/unknown.h"
#include "path/counters.h"
#include "path/probes.h"
#include "path/snapshot.h"
#include "worker/inject.h"
#include "worker/query.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORKERS_MAX = 32 };

struct handover;
struct esp_table; /* esp/sa.h */

struct worker_config {
	uint32_t flows_capacity; /* of this worker */
	uint32_t flows6_capacity; /* the same for IPv6; 0: IPv6 is not forwarded */
	const struct snapshot *snapshot; /* the first one */
	uint32_t epoch; /* number of this start of the gateway: ports_begin() */
	uint16_t index, count; /* index of this worker, and the number of workers */
	struct handover *handover; /* shared by all; NULL if there is one worker */
	int cpu; /* CPU to run on; -1: any */
	bool poll; /* never sleep: benchmarks */
	struct esp_table *esp; /* shared by all; NULL: no tunnel of IPsec works */
	const struct kept *kept, *kept6; /* memory of the records (flow/kept.h); may be NULL */
	const uint8_t *secret; /* 16 bytes: handover_secret(), or a seed for tests; NULL: random */
};

struct census;
struct change_sweep;
struct peer_heard;
struct worker_next;
struct worker;

/* NULL on failure, with errno (ENOMEM: not enough memory for the table). Control thread. */
struct worker *worker_create(const struct worker_config *config);
void worker_destroy(struct worker *w); /* the worker is stopped; NULL is fine */

/* Numbers of sites and tunnels that have a new owner since their last use. Copied. */
struct worker_heirs {
	const uint16_t *sites, *tunnels;
	size_t n_sites, n_tunnels;
};

/*
 * Prepares the worker's change to @net. @net must not have an address whose slices have another
 * size or mapping than in the worker's network (network/renewal.h). The worker must have taken the
 * last snapshot: worker_synchronize(). NULL if memory ran out. Control thread.
 *
 * Pass it to worker_publish(), and to worker_destroy_next() when the worker has taken it. To give
 * up the change, pass it to worker_destroy_next() at once.
 */
struct worker_next *worker_create_next(struct worker *w, const struct network *net,
				       const struct worker_heirs *heirs);
void worker_destroy_next(struct worker_next *next); /* NULL is fine */

/*
 * Publishes @snapshot to the worker. Returns at once. A running worker takes it at its next turn; a
 * worker that does not run has taken it when this returns. Call worker_synchronize() before the
 * next call; after it the previous snapshot may be freed, and no worker uses the device of a port
 * that is closed in @snapshot. @next: for a new network; else NULL. Control thread.
 */
void worker_publish(struct worker *w, const struct snapshot *snapshot, struct worker_next *next);

bool worker_has_taken(const struct worker *w); /* the last snapshot; control thread */

/*
 * Waits until every running worker has taken the last snapshot: it uses no earlier one, and what
 * was passed beside it may be destroyed. Control thread.
 */
void worker_synchronize(struct worker *const *workers, size_t n);

int worker_start(struct worker *w); /* 0 or -errno */
void worker_stop(struct worker *w); /* returns when the thread has ended */

/*
 * Runs one turn of the loop on the calling thread, for tests and benchmarks. Returns packets
 * received from ports and from control.
 */
unsigned worker_turn(struct worker *w);

/* Advances the clock of a worker that is driven by worker_turn(). For tests of ageing. */
void worker_advance_clock(struct worker *w, uint32_t seconds);

/*
 * Holds the clock: it advances only by this function and worker_advance_clock(). For tests of
 * rates.
 */
void worker_hold_clock(struct worker *w, uint64_t ns);

/* Steps only the counter that a held clock reads. For tests of wrong counters. */
void worker_step_counter(struct worker *w, int64_t seconds);

/* For control, before the worker runs. */
struct context *worker_context(struct worker *w);

/* A consistent copy: law 3 holds in it. Any thread. */
void worker_read_counters(const struct worker *w, struct worker_counters *out);
void worker_read_tunnel(const struct worker *w, uint16_t tunnel, struct tunnel_counters *out);
void worker_read_port(const struct worker *w, uint16_t port, struct port_counters *out);
void worker_read_site(const struct worker *w, uint16_t site, struct site_counters *out);
void worker_read_slice(const struct worker *w, uint32_t slice, struct slice_counters *out);

/* Unknown tunnels: see unknown_read(). Any thread. */
size_t worker_read_unknown(const struct worker *w, struct unknown_tunnel *out);

/* Starts a query of the worker's flows: query.h. Any number may run. Control thread. */
void worker_query_start(struct worker *w, struct flow_query *q);

/* The probes of @tunnel, any id, at this worker. Control thread. */
struct probe_row *worker_probes(struct worker *w, uint16_t tunnel);

/* A packet for the routing daemon of this machine: see deliver_take(). Control thread. */
size_t worker_take_delivered(struct worker *w, void *bytes);

/* Sends a packet of the control thread: see inject_put(). Control thread. */
bool worker_inject(struct worker *w, enum inject_kind kind, uint16_t to, const void *bytes,
		   size_t len);

/*
 * Starts a census of the worker's flows (census.h). Zeroes @c first. The caller owns @c and must
 * not free it before it is done. 0, or -EBUSY: one is running. Control thread.
 */
int worker_census_start(struct worker *w, struct census *c);
bool worker_census_done(const struct census *c);

/*
 * Starts a sweep that ends the flows that the worker's current network does not allow
 * (change_sweep.h). Call it after the network was published and worker_synchronize() has returned.
 * Zeroes @s first. The caller owns @s and must not free it before it is done. 0, or -EBUSY: one is
 * running. Control thread.
 */
int worker_sweep_start(struct worker *w, struct change_sweep *s);
bool worker_sweep_done(const struct change_sweep *s);

/*
 * Takes up to @n on-link destinations that are not resolved yet and that flows need. Returns how
 * many. Control thread.
 */
size_t worker_take_wanted(struct worker *w, struct neighbour_wanted *out, size_t n);

/* The same for what peers of interconnects have told (path/heard.h). Control thread. */
size_t worker_take_heard(struct worker *w, struct peer_heard *out, size_t n);
