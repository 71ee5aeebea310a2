/*
 * Churn: the table is full, half of its flows are alive, the other half ages and makes room for new
 * ones that are offered all the time. How long can one turn take, and does every live flow live on?
 *
 *   each turn   56 return packets of live flows, 8 first packets of new flows
 *   each pass   over all live flows: the clock moves by a third of the timeout
 *
 * The thread has real-time priority, in stints of some milliseconds with a rest between them, so that
 * what is measured is the worker's pause and not the kernel's. What the hypervisor takes stays in;
 * the same stints with nothing in them are measured beside.
 */
#include "figures.h"

#include "loop.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
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
	uint64_t turns;
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
	c.turns_a_second = c.n_live / LIVE_PER_TURN / PASS_S + 1;
	return c;
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

	if (traffic_collect(c->traffic, FLOW_RETURN, n) != n)
		rig_fail("a live flow was lost after %" PRIu64 " turns", c->turns);
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

void figure_churn(const struct figure_options *o)
{
	struct churn c = churn_create(o);
	size_t n = (uint64_t)o->flows * TURNS_PER_FLOW_HUNDREDTHS / 100;
	uint64_t *turns = calloc(n, sizeof(*turns)), stint, sum = 0, nothing, preempted = 0;
	struct worker_counters before, after;
	bool real_time = go_real_time();

	if (turns == NULL)
		rig_fail("no memory");
	before = rig_counters(c.rig);
	stint = rig_now_ns();
	for (size_t i = 0; i < n; i++) {
		uint64_t preemptions = rig_preemptions();

		turns[i] = churn_turn(&c);
		sum += turns[i];
		if (rig_preemptions() != preemptions) {
			turns[i] = 0; /* not the worker's own */
			preempted++;
		}
		rest(&stint);
	}
	after = rig_counters(c.rig);
	nothing = longest_of_nothing(sum);
	qsort(turns, n, sizeof(*turns), compare);
	if (after.flows_ended == before.flows_ended || after.flows < o->flows / 10 * 9)
		rig_fail("the table did not churn: %" PRIu64 " flows left", after.flows);
	printf("{\"flows\": %u, \"turns\": %zu, \"longest_ns\": %.0f, \"p9999_ns\": %.0f, "
	       "\"median_ns\": %.0f, \"nothing_ns\": %.0f, \"created\": %" PRIu64
	       ", \"ended\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"preempted\": %" PRIu64
	       ", \"real_time\": %s}\n",
	       o->flows, n, ns(turns[n - 1]), ns(turns[n - n / 10000 - 1]), ns(turns[n / 2]),
	       ns(nothing), after.flows_created - before.flows_created,
	       after.flows_ended - before.flows_ended,
	       (uint64_t)n * NEW_PER_TURN - (after.flows_created - before.flows_created), preempted,
	       real_time ? "true" : "false");
	free(turns);
	free(c.live);
	traffic_destroy(c.traffic);
	rig_destroy(c.rig);
}
