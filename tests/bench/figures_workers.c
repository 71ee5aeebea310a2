/*
 * Figures of two workers: do two carry twice as much as one, and what does a packet cost that arrives
 * at the wrong one?
 *
 *   known     tunnels in turn to each queue, returns to the worker that owns their flow
 *   wrong     each gets those of the other's and hands them over
 *   daemon    as from a NIC: tunnels by RSS of their outer addresses, returns by the rule of the
 *             egress port, which the steer program and a NIC can follow (share_owner())
 *   rss       the same, but returns by RSS of their own addresses and ports
 *   onequeue  each port has one queue: worker 0 receives and sends everything
 *
 * Each worker has a thread and a generator of its own; generators do not wait for their packets, as
 * those may come out at the other side.
 */
#include "figures.h"

#include "../packet/frame.h"
#include "base/memory.h"
#include "base/wire.h"
#include "flow/flow.h"
#include "loop.h"
#include "path/share.h"
#include "shots.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_ring.h>
#include <rte_thash.h>

enum {
	BUFFERS = 128, /* of each side and direction at the start */
	BUFFERS_ALL = 4 * BUFFERS, /* they may all gather at one side */
	HALF = RIG_BURST / 2,
	STRETCH_TURNS = 128,
	STRETCHES_MAX = 1 << 16,
	WARM_MS = 300,
	RUN_MS = 2000,
	SLICE_SIZE = 2048, /* of the rig's pool */
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
	uint32_t n[2], next[2];
	uint64_t shots_bytes;
	struct rte_mbuf *free[2][BUFFERS_ALL];
	unsigned n_free[2];
	double loop[STRETCHES_MAX], inside[STRETCHES_MAX]; /* cycles a packet */
	unsigned n_stretches;
	pthread_barrier_t *start;
};

/* The key that most NICs' drivers begin with. */
static const uint8_t rss_key[40] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static unsigned rss(uint32_t *words, unsigned n, unsigned queues)
{
	return rte_softrss(words, n, rss_key) % queues;
}

/* How packets find their queue. */
struct spread {
	unsigned queues;
	unsigned (*forward)(uint32_t flow, unsigned queues);
	unsigned (*back)(uint32_t flow, const struct mapping *m, unsigned queues);
};

static unsigned forward_in_turn(uint32_t flow, unsigned queues)
{
	return flow % RIG_SITES % queues;
}

static unsigned forward_rss(uint32_t flow, unsigned queues)
{
	uint32_t outer[] = {IP(192, 0, 2, 1) + flow % RIG_SITES, IP(198, 51, 100, 1)};

	return rss(outer, 2, queues);
}

static unsigned back_by_port(uint32_t flow, const struct mapping *m, unsigned queues)
{
	(void)flow;
	return share_owner(ntohs(m->port), SLICE_SIZE, (uint16_t)queues);
}

static unsigned back_rss(uint32_t flow, const struct mapping *m, unsigned queues)
{
	const uint8_t *ip;
	struct shot shot;
	uint32_t words[3];

	shot_return(flow, m, &shot);
	ip = shot.bytes;
	words[0] = ntohl(wire_be32(ip + IPV4_SRC));
	words[1] = ntohl(wire_be32(ip + IPV4_DST));
	words[2] = ntohl(wire_be32(ip + IPV4_LEN + UDP_SPORT)); /* both ports */
	return rss(words, 3, queues);
}

static const struct spread spread_known = {2, forward_in_turn, back_by_port};
static const struct spread spread_one = {1, forward_in_turn, back_by_port};
static const struct spread spread_daemon = {2, forward_rss, back_by_port};
static const struct spread spread_rss = {2, forward_rss, back_rss};

static void side_send(struct side *s, enum flow_dir dir, unsigned n)
{
	struct rte_mbuf **mbufs;

	n = n < s->n_free[dir] ? n : s->n_free[dir];
	mbufs = &s->free[dir][s->n_free[dir] - n];
	for (unsigned i = 0; i < n; i++) {
		shot_load(mbufs[i], &s->templates, dir, &s->shots[dir][s->next[dir]]);
		s->next[dir] = s->next[dir] + 1 < s->n[dir] ? s->next[dir] + 1 : 0;
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

/*
 * Half a burst of each direction. Buffers gather at the side where packets come out; who has few of
 * one direction sends as few of the other.
 */
static void side_send_both(struct side *s)
{
	unsigned n = HALF;

	for (unsigned d = 0; d < 2; d++)
		n = s->n[d] == 0 ? 0 : n < s->n_free[d] ? n : s->n_free[d];
	for (unsigned d = 0; d < 2; d++)
		side_send(s, d, n);
}

/* Many turns; false if they do not count. */
static bool stretch(struct side *s, double *loop, double *inside)
{
	uint64_t before = rig_preemptions(), begin = rte_rdtsc(), spent = 0, n = 0;

	for (unsigned i = 0; i < STRETCH_TURNS; i++) {
		uint64_t at;

		side_send_both(s);
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

/* Opens the flows whose packets arrive here, and learns their mappings. */
static void open_flows(struct side *s, struct mapping *mappings, uint32_t n_flows)
{
	for (uint32_t done = 0; done < s->n[FLOW_FORWARD];) {
		uint32_t left = s->n[FLOW_FORWARD] - done;
		unsigned n = left < RIG_BURST ? left : RIG_BURST, kept;

		side_send(s, FLOW_FORWARD, n);
		worker_turn(s->rig->workers[s->index]);
		kept = s->n_free[FLOW_FORWARD];
		if (side_collect(s, FLOW_FORWARD) != n)
			rig_fail("a first packet was lost");
		for (unsigned i = 0; i < n; i++)
			shot_learn(s->free[FLOW_FORWARD][kept + i], mappings, n_flows);
		done += n;
	}
	shots_shuffle(s->shots[FLOW_FORWARD], s->n[FLOW_FORWARD]);
	s->next[FLOW_FORWARD] = 0;
}

static struct side *side_create(struct rig *rig, unsigned index, int cpu, uint32_t n_flows)
{
	struct side *s = aligned_alloc(64, (sizeof(*s) + 63) & ~(size_t)63);

	if (s == NULL)
		rig_fail("no memory");
	memset(s, 0, sizeof(*s));
	s->rig = rig;
	s->index = index;
	s->cpu = cpu;
	shots_templates(&s->templates, &shape_usual);
	s->shots_bytes = ((uint64_t)n_flows + SHOTS_AHEAD) * sizeof(struct shot);
	for (unsigned d = 0; d < 2; d++) {
		s->shots[d] = memory_map(s->shots_bytes, NULL);
		if (s->shots[d] == NULL)
			rig_fail("no memory");
		rig_buffers(s->free[d], BUFFERS);
		s->n_free[d] = BUFFERS;
	}
	return s;
}

/* Opens all flows, and gives each side the packets that arrive at its queue. */
static void spread_flows(struct side **sides, const struct spread *spread, uint32_t n_flows)
{
	struct mapping *mappings = calloc(n_flows, sizeof(*mappings));

	if (mappings == NULL)
		rig_fail("no memory");
	for (uint32_t i = 0; i < n_flows; i++) {
		struct side *s = sides[spread->forward(i, spread->queues)];

		shot_forward(i, &s->shots[FLOW_FORWARD][s->n[FLOW_FORWARD]++]);
	}
	for (unsigned k = 0; k < spread->queues; k++)
		open_flows(sides[k], mappings, n_flows);
	for (uint32_t i = 0; i < n_flows; i++) {
		struct side *s = sides[spread->back(i, &mappings[i], spread->queues)];

		shot_return(i, &mappings[i], &s->shots[FLOW_RETURN][s->n[FLOW_RETURN]++]);
	}
	for (unsigned k = 0; k < spread->queues; k++)
		shots_shuffle(sides[k]->shots[FLOW_RETURN], sides[k]->n[FLOW_RETURN]);
	free(mappings);
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
		uint32_t n = a->n[d];

		a->shots[d] = b->shots[d];
		b->shots[d] = shots;
		a->n[d] = b->n[d];
		b->n[d] = n;
		a->next[d] = b->next[d] = 0;
	}
}

struct result {
	double mpps; /* inside the workers that have a queue, all together */
	double cycles; /* a packet, inside */
	double handed; /* share of packets that changed workers */
	double first; /* share of packets that arrived at worker 0 */
};

static void read_handed(const struct rig *rig, uint64_t *received, uint64_t *handed)
{
	*received = *handed = 0;
	for (unsigned i = 0; i < rig->n_workers; i++) {
		struct worker_counters c;

		worker_read_counters(rig->workers[i], &c);
		*received += c.rx;
		*handed += c.handed_in;
	}
}

/* A side without a queue runs its worker and has nothing to send. */
static struct result measure(struct side **sides, unsigned queues)
{
	struct rig *rig = sides[0]->rig;
	uint64_t rx[2], handed[2], shots = 0;
	struct result r = {0};

	read_handed(rig, &rx[0], &handed[0]);
	run_sides(sides, rig->n_workers);
	settle(sides, rig->n_workers);
	read_handed(rig, &rx[1], &handed[1]);
	r.handed = (double)(handed[1] - handed[0]) / (double)(rx[1] - rx[0]);
	for (unsigned i = 0; i < queues; i++) {
		double inside;

		if (sides[i]->n_stretches == 0)
			rig_fail("the machine is too busy: no stretch was left alone");
		inside = median(sides[i]->inside, sides[i]->n_stretches);
		r.mpps += (double)rte_get_tsc_hz() / inside / 1e6;
		r.cycles += inside / queues;
		shots += sides[i]->n[FLOW_FORWARD] + sides[i]->n[FLOW_RETURN];
	}
	r.first = (double)(sides[0]->n[FLOW_FORWARD] + sides[0]->n[FLOW_RETURN]) / (double)shots;
	return r;
}

/* @wrong: also measures with all packets at the other worker. */
static struct result measure_spread(const struct figure_options *o, unsigned workers,
				    const struct spread *spread, struct result *wrong)
{
	struct rig *rig = rig_create_queues(o->flows, workers, spread->queues);
	struct side *sides[RIG_WORKERS_MAX];
	struct result r;

	for (unsigned k = 0; k < workers; k++)
		sides[k] = side_create(rig, k, k == 0 ? o->cpu : o->cpu2, o->flows);
	spread_flows(sides, spread, o->flows);
	r = measure(sides, spread->queues);
	if (wrong != NULL) {
		swap_shots(sides[0], sides[1]);
		*wrong = measure(sides, spread->queues);
	}
	for (unsigned k = 0; k < workers; k++)
		side_destroy(sides[k]);
	rig_destroy(rig);
	return r;
}

void figure_workers(const struct figure_options *o)
{
	for (unsigned i = 0; i < o->repeat; i++) {
		struct result wrong, one = measure_spread(o, 1, &spread_one, NULL);
		struct result known = measure_spread(o, 2, &spread_known, &wrong);
		struct result daemon = measure_spread(o, 2, &spread_daemon, NULL);
		struct result rss = measure_spread(o, 2, &spread_rss, NULL);
		struct result onequeue = measure_spread(o, 2, &spread_one, NULL);

		printf("{\"flows\": %u, \"one\": %.3f, \"two\": %.3f, \"wrong\": %.3f, "
		       "\"handover_ns\": %.2f, \"daemon\": %.3f, \"daemon_handed\": %.4f, "
		       "\"daemon_first\": %.4f, \"rss\": %.3f, \"rss_handed\": %.4f, "
		       "\"onequeue\": %.3f}\n",
		       o->flows, one.mpps, known.mpps, wrong.mpps,
		       (wrong.cycles - known.cycles) * 1e9 / (double)rte_get_tsc_hz(), daemon.mpps,
		       daemon.handed, daemon.first, rss.mpps, rss.handed, onequeue.mpps);
		fflush(stdout);
	}
}
