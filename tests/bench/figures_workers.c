/*
 * Figures of two workers: do two carry twice as much as one, and what does a packet cost that arrives
 * at the wrong one?
 *
 *   right   each worker gets the packets of its own flows, as from a NIC that steers
 *   wrong   each gets those of the other's and hands them over
 *
 * Each worker has a thread and a generator of its own; generators do not wait for their packets, as
 * those may come out at the other side.
 */
#include "figures.h"

#include "base/memory.h"
#include "base/wire.h"
#include "flow/flow.h"
#include "loop.h"
#include "path/context.h"
#include "shots.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_ring.h>

enum {
	BUFFERS = 128, /* of each side and direction at the start */
	BUFFERS_ALL = 4 * BUFFERS, /* they may all gather at one side */
	HALF = RIG_BURST / 2,
	STRETCH_TURNS = 128,
	STRETCHES_MAX = 1 << 16,
	WARM_MS = 300,
	RUN_MS = 2000,
};

static const unsigned in_port[] = {[FLOW_FORWARD] = RIG_UNDERLAY, [FLOW_RETURN] = RIG_UPLINK};
static const unsigned out_port[] = {[FLOW_FORWARD] = RIG_UPLINK, [FLOW_RETURN] = RIG_UNDERLAY};

/* A worker, its generator and what they found. */
struct side {
	struct rig *rig;
	unsigned index;
	int cpu;
	struct templates templates;
	struct shot *shots[2]; /* [n]: by direction, in random order */
	uint32_t n, next[2];
	uint64_t shots_bytes;
	struct rte_mbuf *free[2][BUFFERS_ALL];
	unsigned n_free[2];
	double loop[STRETCHES_MAX], inside[STRETCHES_MAX]; /* cycles a packet */
	unsigned n_stretches;
	pthread_barrier_t *start;
};

/* A NIC spreads tunnels by their outer addresses: all of a tunnel comes by one queue. */
static unsigned owner_of(const struct rig *rig, uint32_t flow)
{
	return flow % RIG_SITES % rig->n_workers;
}

static void side_send(struct side *s, enum flow_dir dir, unsigned n)
{
	struct rte_mbuf **mbufs;

	n = n < s->n_free[dir] ? n : s->n_free[dir];
	mbufs = &s->free[dir][s->n_free[dir] - n];
	for (unsigned i = 0; i < n; i++) {
		shot_load(mbufs[i], &s->templates, dir, &s->shots[dir][s->next[dir]]);
		s->next[dir] = s->next[dir] + 1 < s->n ? s->next[dir] + 1 : 0;
	}
	if (n > 0 && rte_ring_enqueue_bulk(s->rig->ports[in_port[dir]].in[s->index], (void **)mbufs,
					   n, NULL) != n)
		rig_fail("a ring is full");
	s->n_free[dir] -= n;
}

static unsigned side_collect(struct side *s, enum flow_dir dir)
{
	unsigned n = rte_ring_dequeue_burst(s->rig->ports[out_port[dir]].out[s->index],
					    (void **)&s->free[dir][s->n_free[dir]],
					    BUFFERS_ALL - s->n_free[dir], NULL);

	s->n_free[dir] += n;
	return n;
}

/* Many turns; false if they do not count. */
static bool stretch(struct side *s, double *loop, double *inside)
{
	uint64_t before = rig_preemptions(), begin = rte_rdtsc(), spent = 0, n = 0;

	for (unsigned i = 0; i < STRETCH_TURNS; i++) {
		uint64_t at;

		side_send(s, FLOW_FORWARD, HALF);
		side_send(s, FLOW_RETURN, HALF);
		at = rte_rdtsc();
		worker_turn(s->rig->workers[s->index]);
		spent += rte_rdtsc() - at;
		n += side_collect(s, FLOW_FORWARD) + side_collect(s, FLOW_RETURN);
	}
	if (n < STRETCH_TURNS * HALF || rig_preemptions() != before)
		return false; /* the other side stood still, or we did */
	*loop = (double)(rte_rdtsc() - begin) / (double)n;
	*inside = (double)spent / (double)n;
	return true;
}

static void *run_side(void *arg)
{
	struct side *s = arg;
	uint64_t begin, end;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(s->cpu, &cpus);
	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	pthread_barrier_wait(s->start);
	begin = rig_now_ns() + WARM_MS * UINT64_C(1000000);
	end = begin + RUN_MS * UINT64_C(1000000);
	s->n_stretches = 0;
	while (rig_now_ns() < end) {
		double loop, inside;

		if (!stretch(s, &loop, &inside) || rig_now_ns() < begin ||
		    s->n_stretches == STRETCHES_MAX)
			continue;
		s->loop[s->n_stretches] = loop;
		s->inside[s->n_stretches++] = inside;
	}
	return NULL;
}

static void run_sides(struct side **sides, unsigned n)
{
	pthread_t threads[RIG_WORKERS_MAX];
	pthread_barrier_t start;

	pthread_barrier_init(&start, NULL, n);
	for (unsigned i = 0; i < n; i++) {
		sides[i]->start = &start;
		if (pthread_create(&threads[i], NULL, run_side, sides[i]) != 0)
			rig_fail("no thread");
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
}

/* Everything that is still inside comes out; both sides end as they began. */
static void settle(struct side **sides, unsigned n)
{
	for (unsigned round = 0; round < 64; round++) {
		for (unsigned i = 0; i < n; i++) {
			worker_turn(sides[i]->rig->workers[i]);
			side_collect(sides[i], FLOW_FORWARD);
			side_collect(sides[i], FLOW_RETURN);
		}
	}
	for (unsigned d = 0; d < 2; d++) {
		struct side *a = sides[0], *b = sides[n - 1];

		while (a->n_free[d] > BUFFERS)
			b->free[d][b->n_free[d]++] = a->free[d][--a->n_free[d]];
		while (n == 2 && b->n_free[d] > BUFFERS)
			a->free[d][a->n_free[d]++] = b->free[d][--b->n_free[d]];
		if (a->n_free[d] != BUFFERS || b->n_free[d] != BUFFERS)
			rig_fail("packets were lost: %u and %u buffers are left", a->n_free[d],
				 b->n_free[d]);
	}
}

/* Opens the side's own flows and makes its shots in random order. */
static void open_side(struct side *s, const uint32_t *flows, struct mapping *mappings,
		      uint32_t n_flows)
{
	for (uint32_t i = 0; i < s->n; i++)
		shot_forward(flows[i], &s->shots[FLOW_FORWARD][i]);
	s->next[FLOW_FORWARD] = 0;
	for (uint32_t done = 0; done < s->n;) {
		unsigned n = s->n - done < RIG_BURST ? s->n - done : RIG_BURST, kept;

		side_send(s, FLOW_FORWARD, n);
		worker_turn(s->rig->workers[s->index]);
		kept = s->n_free[FLOW_FORWARD];
		if (side_collect(s, FLOW_FORWARD) != n)
			rig_fail("a first packet was lost");
		for (unsigned i = 0; i < n; i++)
			shot_learn(s->free[FLOW_FORWARD][kept + i], mappings, n_flows);
		done += n;
	}
	for (uint32_t i = 0; i < s->n; i++)
		shot_return(flows[i], &mappings[flows[i]], &s->shots[FLOW_RETURN][i]);
	shots_shuffle(s->shots[FLOW_FORWARD], s->n);
	shots_shuffle(s->shots[FLOW_RETURN], s->n);
}

static struct side *side_create(struct rig *rig, unsigned index, int cpu, uint32_t n_flows)
{
	struct side *s = aligned_alloc(64, (sizeof(*s) + 63) & ~(size_t)63);
	uint32_t *flows = malloc((size_t)n_flows * sizeof(*flows));
	struct mapping *mappings = calloc(n_flows, sizeof(*mappings));

	if (s == NULL || flows == NULL || mappings == NULL)
		rig_fail("no memory");
	memset(s, 0, sizeof(*s));
	s->rig = rig;
	s->index = index;
	s->cpu = cpu;
	shots_templates(&s->templates, &shape_usual);
	for (uint32_t i = 0; i < n_flows; i++) {
		if (owner_of(rig, i) == index)
			flows[s->n++] = i;
	}
	s->shots_bytes = ((uint64_t)s->n + SHOTS_AHEAD) * sizeof(struct shot);
	for (unsigned d = 0; d < 2; d++) {
		s->shots[d] = memory_map(s->shots_bytes, NULL);
		if (s->shots[d] == NULL)
			rig_fail("no memory");
		rig_buffers(s->free[d], BUFFERS);
		s->n_free[d] = BUFFERS;
	}
	open_side(s, flows, mappings, n_flows);
	free(flows);
	free(mappings);
	return s;
}

static void side_destroy(struct side *s)
{
	for (unsigned d = 0; d < 2; d++) {
		memory_unmap(s->shots[d], s->shots_bytes);
		rte_pktmbuf_free_bulk(s->free[d], s->n_free[d]);
	}
	free(s);
}

/* Each side sends the other's packets from now on. */
static void swap_shots(struct side *a, struct side *b)
{
	for (unsigned d = 0; d < 2; d++) {
		struct shot *shots = a->shots[d];

		a->shots[d] = b->shots[d];
		b->shots[d] = shots;
		a->next[d] = b->next[d] = 0;
	}
	uint32_t n = a->n;
	uint64_t bytes = a->shots_bytes;

	a->n = b->n;
	b->n = n;
	a->shots_bytes = b->shots_bytes;
	b->shots_bytes = bytes;
}

struct pair_result {
	double mpps; /* inside the workers, all together */
	double cycles; /* a packet, inside */
};

static struct pair_result measure(struct side **sides, unsigned n)
{
	struct pair_result r = {0};

	run_sides(sides, n);
	settle(sides, n);
	for (unsigned i = 0; i < n; i++) {
		double inside;

		if (sides[i]->n_stretches == 0)
			rig_fail("the machine is too busy: no stretch was left alone");
		inside = median(sides[i]->inside, sides[i]->n_stretches);
		r.mpps += (double)rte_get_tsc_hz() / inside / 1e6;
		r.cycles += inside / n;
	}
	return r;
}

static struct pair_result measure_one(const struct figure_options *o)
{
	struct rig *rig = rig_create(o->flows, 1);
	struct side *side = side_create(rig, 0, o->cpu, o->flows);
	struct pair_result r = measure(&side, 1);

	side_destroy(side);
	rig_destroy(rig);
	return r;
}

void figure_workers(const struct figure_options *o)
{
	for (unsigned i = 0; i < o->repeat; i++) {
		struct pair_result one = measure_one(o), right, wrong;
		struct rig *rig = rig_create(o->flows, 2);
		struct side *sides[2];

		for (unsigned k = 0; k < 2; k++)
			sides[k] = side_create(rig, k, k == 0 ? o->cpu : o->cpu2, o->flows);
		right = measure(sides, 2);
		swap_shots(sides[0], sides[1]);
		wrong = measure(sides, 2);
		printf("{\"flows\": %u, \"one\": %.3f, \"two\": %.3f, \"wrong\": %.3f, "
		       "\"handover_ns\": %.2f}\n",
		       o->flows, one.mpps, right.mpps, wrong.mpps,
		       (wrong.cycles - right.cycles) * 1e9 / (double)rte_get_tsc_hz());
		fflush(stdout);
		for (unsigned k = 0; k < 2; k++)
			side_destroy(sides[k]);
		rig_destroy(rig);
	}
}
