/*
 * The health of tunnels: probes them, knows their state, and moves flows from
 * one that is down to another one of its site.
 *
 *   timer -> probes -> workers -> tunnel -> far end -> tunnel -> a worker
 * writes the answer down
 *                                                                    |
 *   nexthops, routes <- failover.h <- state.h <- answered or lost <--+
 *
 * Control thread, in its event loop.
 */
#pragma once

#include "control/health/plan.h"
#include "control/health/state.h"
#include "network/network.h"
#include "worker/worker.h"

struct alarms;
struct event_base;
struct health;

/* From now on flows use @substitute instead of @tunnel, or with down false the tunnel itself. */
struct health_switch {
	uint16_t tunnel;
	uint16_t substitute;
	bool down;
};

struct health_users {
	/* All of them at once. */
	void (*fail_over)(void *arg, const struct health_switch *switches, size_t n);
	/* The penalty of some tunnel has changed. May be NULL. */
	void (*changed)(void *arg);
	void *arg;
};

/* Borrows all arguments; @users is copied. NULL if memory ran out. */
struct health *health_create(struct event_base *base, const struct network *net,
			     struct worker *const *workers, size_t n_workers, struct alarms *alarms,
			     const struct health_users *users);
void health_destroy(struct health *h); /* accepts NULL */

/*
 * From now on the network is @net. The workers use it already. Tunnels that are
 * probed as before keep their state; others start anew. Clears alarms of
 * tunnels that are gone or have another name.
 */
void health_follow(struct health *h, const struct network *net);

/* A keepalive of @tunnel was answered, or not: it counts as a probe. */
void health_keepalive(struct health *h, uint16_t tunnel, bool answered);

/* The answer to a probe came outside the tunnel, as that of a unidirectional probe does. */
void health_heard_outside(struct health *h, const struct health_mark *mark, uint64_t now_ns);

/*
 * Add this to the priority of routes by @tunnel, any id: 0, 500,000 if it is
 * degraded, 1,000,000 if it is down. A route is never withdrawn.
 */
uint32_t health_penalty(const struct health *h, uint16_t tunnel);

enum { HEALTH_REASON_SIZE = 128 };

struct health_view {
	const struct health_plan *plan; /* its rate NULL: not probed */
	bool kept; /* keepalives count as probes */
	enum health_state state;
	uint64_t since_ms; /* mono_ms() */
	struct health_loss loss; /* of the last five minutes */
	uint64_t rtt_ns; /* of the last answer; 0: none yet */
	uint64_t sent, answered, lost; /* since the start */
	uint64_t downs; /* how often it went down */
	uint32_t penalty;
	uint16_t used; /* the tunnel that carries its packets, itself or another one */
	char reason[HEALTH_REASON_SIZE]; /* one sentence, or empty */
};

/* @h NULL: nothing is probed. */
struct health_view health_of(const struct health *h, uint16_t tunnel);
