/*
 * Churn: the table is full, half of its flows are alive, the other half ages and makes room for new
 * ones that are offered all the time. How long can one turn take, and does every live flow live on?
 *
 *   each turn   56 return packets of live flows, 8 first packets of new flows
 *   each pass   over all live flows: the clock moves by a third of the timeout
 *
 * The thread has real-time priority, in stints of some milliseconds with a rest between them. Still
 * there are interrupts, and a hypervisor. So all is done several times, turn by turn the same: a pause
 * that the worker makes comes back in the same turn of each run. Of each turn the shortest run counts,
 * of all turns the longest.
 */
#include "figures.h"

#include "loop.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>

enum {
	NEW_PER_TURN = 8,
	LIVE_PER_TURN = RIG_BURST - NEW_PER_TURN,
	PASS_S = RIG_TIMEOUT_S / 3,
	STINT_NS = 4000000,
	REST_NS = 2000000,
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

static bool go_real_time(void)
{
	const struct sched_param first = {.sched_priority = 1};

	return sched_setscheduler(0, SCHED_FIFO, &first) == 0;
}

static void rest(uint64_t *stint_begin)
{
	const struct timespec t = {.tv_nsec = REST_NS};

	if (rig_now_ns() - *stint_begin < STINT_NS)
		return;
	nanosleep(&t, NULL);
	*stint_begin = rig_now_ns();
}

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

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The machine's own longest pause: reads the clock for as long as the turns took. */
static uint64_t longest_of_nothing(uint64_t cycles)
{
	uint64_t stint = rig_now_ns(), longest = 0, before = rte_rdtsc(), begin = before;

	for (uint64_t sum = 0; sum < cycles;) {
		for (unsigned i = 0; i < 1000; i++) {
			uint64_t now = rte_rdtsc();

			longest = now - before > longest ? now - before : longest;
			before = now;
		}
		sum += before - begin;
		rest(&stint);
		begin = before = rte_rdtsc();
	}
	return longest;
}

static double ns(uint64_t cycles)
{
	return (double)cycles * 1e9 / (double)rte_get_tsc_hz();
}

/* All turns once; @turns[i] becomes the shorter one of what it was and what it is now. */
static struct churn_counts run_once(const struct figure_options *o, uint64_t *turns, size_t n,
				    uint64_t *longest)
{
	struct churn c = churn_create(o);
	struct worker_counters before = rig_counters(c.rig), after;
	uint64_t stint = rig_now_ns();

	for (size_t i = 0; i < n; i++) {
		uint64_t spent = churn_turn(&c);

		turns[i] = spent < turns[i] ? spent : turns[i];
		*longest = spent > *longest ? spent : *longest;
		rest(&stint);
	}
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
	size_t n = (uint64_t)o->flows * TURNS_PER_FLOW_HUNDREDTHS / 100;
	uint64_t *turns = malloc(n * sizeof(*turns)), longest = 0, sum = 0, nothing;
	bool real_time = go_real_time();
	struct churn_counts counts = {0};

	if (turns == NULL)
		rig_fail("no memory");
	memset(turns, 0xff, n * sizeof(*turns));
	for (unsigned i = 0; i < o->repeat; i++)
		counts = run_once(o, turns, n, &longest);
	for (size_t i = 0; i < n; i++)
		sum += turns[i];
	nothing = longest_of_nothing(sum);
	qsort(turns, n, sizeof(*turns), compare);
	printf("{\"flows\": %u, \"turns\": %zu, \"runs\": %u, \"longest_ns\": %.0f, "
	       "\"p9999_ns\": %.0f, \"median_ns\": %.0f, \"once_ns\": %.0f, \"nothing_ns\": %.0f, "
	       "\"created\": %" PRIu64 ", \"ended\": %" PRIu64 ", \"refused\": %" PRIu64
	       ", \"real_time\": %s}\n",
	       o->flows, n, o->repeat, ns(turns[n - 1]), ns(turns[n - n / 10000 - 1]),
	       ns(turns[n / 2]), ns(longest), ns(nothing), counts.created, counts.ended,
	       (uint64_t)n * NEW_PER_TURN - counts.created, real_time ? "true" : "false");
	free(turns);
}
