/*
 * A worker: one thread on one core that takes packets through the pipeline and owns its flows.
 *
 * This header is what others see of it. Control calls worker_create() .. worker_destroy(), reads
 * counters and asks for flows; it never touches a flow table itself: a query is handed to the
 * worker, which answers it a few records at a time between bursts.
 */
#pragma once

#include "base/drop.h"
#include "flow/flow6.h"
#include "in/unknown.h"
#include "path/counters.h"
#include "path/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WORKERS_MAX = 32,
	FLOW_QUERY_MAX = 256, /* flows a query */
};

struct handover;

struct worker_config {
	uint32_t flows_capacity; /* of this worker */
	uint32_t flows6_capacity; /* the same for IPv6; 0: none is forwarded */
	const struct snapshot *snapshot; /* the first one */
	uint32_t epoch; /* of this start: it begins with ports that the last one left */
	uint16_t index, count; /* which of how many workers */
	struct handover *handover; /* shared by all; NULL if there is one worker */
	int cpu; /* to run on; -1: any */
	bool poll; /* never sleep: benchmarks */
	const uint8_t *seed; /* 16 bytes; NULL: from the system. Tests: the same choices again */
};

struct census;
struct change_sweep;
struct worker_next;
struct worker;

/* NULL on failure, with errno (ENOMEM: not enough memory for the table). Control thread. */
struct worker *worker_create(const struct worker_config *config);
void worker_destroy(struct worker *w); /* stopped before; NULL is fine */

/* Numbers of sites and tunnels that are another's than when they were last used: copied. */
struct worker_heirs {
	const uint16_t *sites, *tunnels;
	size_t n_sites, n_tunnels;
};

/*
 * Makes ready what the worker needs to go on with @net. An address whose slices have another size
 * or mapping than in the network it has must not be in @net (network/renewal.h). What was published
 * before was taken: worker_synchronize(). NULL if memory ran out. Control thread.
 *
 * It goes to worker_publish(), and when the worker has taken it, to worker_destroy_next(); or there
 * at once, and the worker goes on as it is.
 */
struct worker_next *worker_create_next(struct worker *w, const struct network *net,
				       const struct worker_heirs *heirs);
void worker_destroy_next(struct worker_next *next); /* NULL is fine */

/*
 * Publishes what the worker reads. Returns at once. A worker that runs takes it at its next turn;
 * one that does not run has taken it when this returns. The snapshot before may be freed after
 * worker_synchronize(), which has to come before the next call. Then nobody uses the device of a
 * port that is closed in @snapshot. @next: for a network that is new; else NULL.
 * Control thread.
 */
void worker_publish(struct worker *w, const struct snapshot *snapshot, struct worker_next *next);

/* Waits until every running worker has let go of what was published before. Control thread. */
void worker_synchronize(struct worker *const *workers, size_t n);

int worker_start(struct worker *w); /* 0 or -errno */
void worker_stop(struct worker *w); /* returns when the thread has ended */

/* One turn of the loop on the calling thread: tests and benchmarks. Packets received. */
unsigned worker_turn(struct worker *w);

/* Moves the clock of a worker that is driven by worker_turn(): tests of ageing. */
void worker_advance_clock(struct worker *w, uint32_t seconds);

/* Holds it: from now on it stands still but for this and worker_advance_clock(). Tests of rates. */
void worker_hold_clock(struct worker *w, uint64_t ns);

/* Steps the counter that a held clock reads, and no more: tests of counters that are wrong. */
void worker_step_counter(struct worker *w, int64_t seconds);

/* A consistent copy: law 3 holds in it. Any thread. */
void worker_read_counters(const struct worker *w, struct worker_counters *out);
void worker_read_tunnel(const struct worker *w, uint16_t tunnel, struct tunnel_counters *out);
void worker_read_port(const struct worker *w, uint16_t port, struct port_counters *out);
void worker_read_site(const struct worker *w, uint16_t site, struct site_counters *out);
void worker_read_slice(const struct worker *w, uint32_t slice, struct slice_counters *out);

/* Tunnels that nobody knows: see unknown_read(). Any thread. */
size_t worker_read_unknown(const struct worker *w, struct unknown_tunnel *out);

/* Which flows: all fields that are set must match. */
struct flow_filter {
	bool has_site, has_tunnel, has_address, has_port, has_proto;
	uint16_t site;
	uint16_t tunnel; /* on-ramp */
	struct prefix6 address; /* source, destination or egress address; IPv4: mapped */
	uint16_t port; /* source, destination or egress port (or ICMP id), host order */
	uint8_t proto;
};

struct flow_view {
	struct flow flow;
	struct flow6 six; /* the addresses if it is IPv6 */
	bool is_six;
	uint32_t idle_s;
	uint32_t expires_s;
};

/*
 * Some flows. Fill filter, cursor (0 at first) and limit, then worker_query_start(); poll
 * worker_query_done(); then read flows[], n and cursor (0: there are no more). The worker
 * looks at a bounded number of records a turn, so a query over a million flows takes some
 * milliseconds. Stays the caller's; must not be freed before it is done.
 */
struct flow_query {
	struct flow_filter filter;
	uint32_t cursor;
	uint32_t limit; /* at most FLOW_QUERY_MAX */
	uint32_t n;
	uint32_t done; /* private: set by the worker with release */
	struct flow_view flows[FLOW_QUERY_MAX];
};

int worker_query_start(struct worker *w, struct flow_query *q); /* 0, or -EBUSY: one is running */
bool worker_query_done(const struct flow_query *q);

/*
 * Which hops do its flows have (census.h)? @c is zeroed here and stays the caller's; it must not be
 * freed before it is done. 0, or -EBUSY: one is running. Control thread.
 */
int worker_census_start(struct worker *w, struct census *c);
bool worker_census_done(const struct census *c);

/*
 * Which flows does the network that it has now not allow, and end them (change_sweep.h). The
 * network was published, and worker_synchronize() has returned. @s is zeroed here and stays the
 * caller's; it must not be freed before it is done. 0, or -EBUSY: one is running. Control thread.
 */
int worker_sweep_start(struct worker *w, struct change_sweep *s);
bool worker_sweep_done(const struct change_sweep *s);

/*
 * On-link destinations that workers could not reach because nobody resolved them yet. Takes up to
 * @n; returns how many. Control thread.
 */
size_t worker_take_wanted(struct worker *w, struct neighbour_wanted *out, size_t n);
