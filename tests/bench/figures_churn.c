/*
 * Churn: the table is full, half of its flows are alive, the other half ages and makes room for new
 * ones that are offered all the time. How long can one turn take, and does every live flow live on?
 *
 *   each turn   56 return packets of live flows, 8 first packets of new flows
 *   each pass   over all live flows: the clock moves by a third of the timeout
 *
 * All runs are equal, as in stint.h.
 */
#include "figures.h"

#include "stint.h"
#include "traffic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

enum {
	NEW_PER_TURN = 8,
	LIVE_PER_TURN = RIG_BURST - NEW_PER_TURN,
	PASS_S = RIG_TIMEOUT_S / 3,
	TURNS_PER_FLOW_HUNDREDTHS = 50,
	PRIME = 611953, /* steps through all live flows, far from one to the next */
};

struct churn {
	struct rig *rig;
	struct traffic *traffic;
	struct shot *live; /* [n_live]: return packets in random order */
	uint32_t n_live, next_live, next_new;
	uint32_t turns_a_second;
	uint64_t turns, answers;
};

struct churn_counts {
	uint64_t created, ended;
};

static void make_live(const struct churn *c, uint32_t flow, struct shot *shot)
{
	shot_return(flow, &c->traffic->mappings[flow], shot);
}

static struct churn churn_create(const struct figure_options *o)
{
	struct churn c = {.n_live = o->flows / 2, .next_new = o->flows};

	c.rig = rig_create(o->flows, 1);
	c.traffic = traffic_create(c.rig, o->flows);
	traffic_open(c.traffic, 0, o->flows);
	c.live = calloc((size_t)c.n_live + RIG_BURST, sizeof(*c.live));
	if (c.live == NULL)
		rig_fail("no memory");
	for (uint32_t i = 0; i < c.n_live; i++)
		make_live(&c, (uint32_t)((uint64_t)i * PRIME % c.n_live), &c.live[i]);
	worker_hold_clock(c.rig->workers[0], 0);
	c.turns_a_second = c.n_live / LIVE_PER_TURN / PASS_S + 1;
	return c;
}

/* @out packets came out to the sites: @n of live flows, and what refused ones were told. */
static void check_live(struct churn *c, unsigned out, unsigned n)
{
	struct worker_counters now;
	uint64_t answers = 0;

	worker_read_counters(c->rig->workers[0], &now);
	for (unsigned i = 0; i < ANSWER_COUNT; i++)
		answers += now.answers[i];
	if (out != n + answers - c->answers)
		rig_fail("a live flow was lost after %" PRIu64 " turns", c->turns);
	c->answers = answers;
}

/* One turn; its cycles in the worker. */
static uint64_t churn_turn(struct churn *c)
{
	struct shot fresh[NEW_PER_TURN + RIG_BURST];
	uint32_t n =
		c->n_live - c->next_live < LIVE_PER_TURN ? c->n_live - c->next_live : LIVE_PER_TURN;
	uint64_t begin, spent;

	for (unsigned i = 0; i < NEW_PER_TURN; i++)
		shot_forward(c->next_new++, &fresh[i]);
	traffic_send(c->traffic, FLOW_FORWARD, fresh, NEW_PER_TURN);
	traffic_send(c->traffic, FLOW_RETURN, &c->live[c->next_live], n);
	c->next_live = c->next_live + n < c->n_live ? c->next_live + n : 0;
	if (++c->turns % c->turns_a_second == 0)
		worker_advance_clock(c->rig->workers[0], 1);

	begin = rte_rdtsc();
	worker_turn(c->rig->workers[0]);
	spent = rte_rdtsc() - begin;

	check_live(c,
		   traffic_collect(c->traffic, FLOW_RETURN, n) +
			   traffic_discard(c->traffic, FLOW_RETURN),
		   n);
	traffic_collect(c->traffic, FLOW_FORWARD, NEW_PER_TURN);
	return spent;
}

/* All turns once. */
static struct churn_counts run_once(const struct figure_options *o, struct stints *stints)
{
	struct churn c = churn_create(o);
	struct worker_counters before = rig_counters(c.rig), after;

	stints_begin(stints);
	for (size_t i = 0; i < stints->n; i++)
		stints_note(stints, i, churn_turn(&c));
	after = rig_counters(c.rig);
	if (after.flows_ended == before.flows_ended || after.flows < o->flows / 10 * 9)
		rig_fail("the table did not churn: %" PRIu64 " flows left", after.flows);
	free(c.live);
	traffic_destroy(c.traffic);
	rig_destroy(c.rig);
	return (struct churn_counts){
		.created = after.flows_created - before.flows_created,
		.ended = after.flows_ended - before.flows_ended,
	};
}

void figure_churn(const struct figure_options *o)
{
	struct stints s = stints_create((uint64_t)o->flows * TURNS_PER_FLOW_HUNDREDTHS / 100);
	bool real_time = stints_go_real_time();
	struct churn_counts counts = {0};
	uint64_t nothing;

	for (unsigned i = 0; i < o->repeat; i++)
		counts = run_once(o, &s);
	nothing = stints_of_nothing(stints_sum(&s));
	stints_sort(&s);
	printf("{\"flows\": %u, \"turns\": %zu, \"runs\": %u, \"longest_ns\": %.0f, "
	       "\"p9999_ns\": %.0f, \"median_ns\": %.0f, \"once_ns\": %.0f, \"nothing_ns\": %.0f, "
	       "\"created\": %" PRIu64 ", \"ended\": %" PRIu64 ", \"refused\": %" PRIu64
	       ", \"real_time\": %s}\n",
	       o->flows, s.n, o->repeat, stints_ns(s.turns[s.n - 1]),
	       stints_ns(s.turns[s.n - s.n / 10000 - 1]), stints_ns(s.turns[s.n / 2]),
	       stints_ns(s.once), stints_ns(nothing), counts.created, counts.ended,
	       (uint64_t)s.n * NEW_PER_TURN - counts.created, real_time ? "true" : "false");
	stints_destroy(&s);
}
