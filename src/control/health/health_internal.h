/*
 * The state of the health monitor. Private to control/health/.
 *
 *   health.c    timer, networks, what others ask
 *   prober.c    one tunnel: its probes and their results
 *   sites.c     the tunnels of a site: which one is used
 */
#pragma once

#include "control/health/failover.h"
#include "control/health/health.h"

enum { NS_PER_MS = 1000000, HEALTH_RANDOM = 32 };

struct health_probe {
	uint64_t number; /* 0: none is on its way */
	uint64_t sent_ns;
	uint64_t heard_ns; /* an answer beside the tunnel; 0: none yet */
	uint64_t rx; /* packets out of the tunnel until then */
};

struct health_tunnel {
	struct health_life life;
	struct health_plan plan;
	bool kept; /* keepalives count as probes */
	uint8_t in_a_row; /* lost ones that make it down */
	uint8_t slot; /* of the next probe */
	uint8_t quick; /* probes that are to follow at once */
	uint16_t sequence;
	struct health_probe probes[PROBE_SLOTS];
	uint64_t next_ns, quick_ns; /* when the next probe is due */
	uint64_t since_ms;
	uint64_t rtt_ns;
	uint64_t sent, answered, lost, downs;
	struct failover_hold hold;
	bool held;
	bool away; /* as published: the substitute is used */
	uint16_t substitute;
};

struct health {
	const struct network *net;
	struct worker *const *workers;
	size_t n_workers;
	struct alarms *alarms;
	struct health_users users;
	struct event *tick;
	struct event_base *base;
	struct outside *outside; /* NULL: no answers come beside tunnels */
	struct health_tunnel *tunnels; /* [SPEC_TUNNELS_MAX + 1], by id: unused pages are free */
	uint16_t *ids; /* [n]: tunnels that are probed or send keepalives */
	uint64_t *due_ns; /* [n]: when the tunnel must be looked at */
	size_t n;
	uint16_t *dirty; /* [n_dirty]: sites with a change */
	bool *is_dirty; /* by site */
	size_t n_dirty;
	bool changed; /* a penalty has changed */
	struct failover_tunnel *site; /* [SPEC_TUNNELS_MAX + 1]: of one site */
	struct health_switch *switches; /* the same size */
	size_t n_switches;
	uint64_t random[HEALTH_RANDOM];
	unsigned n_random; /* of them unused */
};

/*
 * Looks at a tunnel: takes answers, gives up lost probes, sends those that are
 * due. Returns when to look again.
 */
uint64_t prober_step(struct health *h, uint16_t id, uint64_t now_ns);

/* A probe or keepalive of the tunnel was answered, or lost. */
void prober_take(struct health *h, uint16_t id, enum health_result result, uint64_t now_ms);

/* Forgets the probes that are on their way. */
void prober_forget(struct health *h, uint16_t id);

/* One sentence about the state. */
void prober_reason(const struct health *h, uint16_t id, uint64_t now_ms,
		   char out[HEALTH_REASON_SIZE]);

/* Some state of a tunnel of the site has changed. */
void sites_mark(struct health *h, uint16_t site);

/* Chooses again for all marked sites, and fails over. */
void sites_choose(struct health *h);
