/*
 * Traffic for one worker: see traffic.h.
 *
 * Buffers wait in one array a direction. A burst takes the next ones of it and, when it comes back,
 * fills the same places: as the worker gives back all of them before the next burst, no list is
 * needed. All but a burst of first packets moves on by PER_DIRECTION.
 */
#include "traffic.h"

#include "base/memory.h"

#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_ring.h>

static const unsigned in_port[] = {[FLOW_FORWARD] = RIG_UNDERLAY, [FLOW_RETURN] = RIG_UPLINK};
static const unsigned out_port[] = {[FLOW_FORWARD] = RIG_UPLINK, [FLOW_RETURN] = RIG_UNDERLAY};

struct traffic *traffic_create(struct rig *rig, uint32_t n_flows)
{
	struct traffic *t = aligned_alloc(64, (sizeof(*t) + 63) & ~(size_t)63);

	if (t == NULL)
		rig_fail("no memory for traffic");
	memset(t, 0, sizeof(*t));
	t->rig = rig;
	t->n_flows = n_flows;
	t->mappings = memory_map((size_t)n_flows * sizeof(t->mappings[0]), NULL);
	if (t->mappings == NULL)
		rig_fail("no memory for %u flows", n_flows);
	shots_templates(&t->templates, &rig->shape);
	for (unsigned d = 0; d < 2; d++)
		rig_buffers(t->free[d], BUFFERS_PER_DIRECTION);
	return t;
}

void traffic_destroy(struct traffic *t)
{
	for (unsigned d = 0; d < 2; d++)
		rte_pktmbuf_free_bulk(t->free[d], BUFFERS_PER_DIRECTION);
	memory_unmap(t->mappings, (size_t)t->n_flows * sizeof(t->mappings[0]));
	free(t);
}

void traffic_send(struct traffic *t, enum flow_dir dir, const struct shot *shots, unsigned n)
{
	struct rte_mbuf **mbufs = &t->free[dir][t->next_free[dir]];

	for (unsigned i = 0; i < n; i++)
		shot_load(mbufs[i], &t->templates, dir, &shots[i]);
	if (rte_ring_enqueue_bulk(t->rig->ports[in_port[dir]].in[0], (void **)mbufs, n, NULL) != n)
		rig_fail("a ring is full");
}

unsigned traffic_collect(struct traffic *t, enum flow_dir dir, unsigned n)
{
	struct rte_mbuf **mbufs = &t->free[dir][t->next_free[dir]];
	unsigned got = rte_ring_dequeue_burst(t->rig->ports[out_port[dir]].out[0], (void **)mbufs,
					      n, NULL);

	if (unlikely(got < n))
		rig_buffers(mbufs + got, n - got);
	return got;
}

unsigned traffic_discard(struct traffic *t, enum flow_dir dir)
{
	struct rte_mbuf *mbufs[RIG_BURST];
	unsigned n = rte_ring_dequeue_burst(t->rig->ports[out_port[dir]].out[0], (void **)mbufs,
					    RIG_BURST, NULL);

	rte_pktmbuf_free_bulk(mbufs, n);
	return n;
}

void traffic_send_burst(struct traffic *t, struct sequence *s)
{
	const struct shot *shots = &s->shots[(uint64_t)s->next * RIG_BURST];

	s->next = s->next + 1 < s->n_bursts ? s->next + 1 : 0;
	traffic_send(t, FLOW_FORWARD, shots, PER_DIRECTION);
	traffic_send(t, FLOW_RETURN, shots + PER_DIRECTION, PER_DIRECTION);
}

static void missing(struct traffic *t)
{
	rig_check_no_drops(t->rig);
	rig_fail("a packet is still inside");
}

void traffic_collect_burst(struct traffic *t)
{
	unsigned n = traffic_collect(t, FLOW_FORWARD, PER_DIRECTION) +
		     traffic_collect(t, FLOW_RETURN, PER_DIRECTION);

	if (unlikely(n != RIG_BURST))
		missing(t);
	for (unsigned d = 0; d < 2; d++)
		t->next_free[d] = (t->next_free[d] + PER_DIRECTION) % BUFFERS_PER_DIRECTION;
}

void traffic_send_first(struct traffic *t, uint32_t from, unsigned n)
{
	struct shot shots[RIG_BURST + SHOTS_AHEAD];

	t->next_free[FLOW_FORWARD] = 0; /* all are home */
	for (unsigned i = 0; i < n; i++)
		shot_forward_in(&t->rig->shape, from + i, &shots[i]);
	traffic_send(t, FLOW_FORWARD, shots, n);
}

void traffic_collect_first(struct traffic *t, unsigned n)
{
	if (traffic_collect(t, FLOW_FORWARD, n) != n)
		missing(t);
	for (unsigned i = 0; i < n; i++)
		shot_learn(t->free[FLOW_FORWARD][i], t->mappings, t->n_flows);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double traffic_open(struct traffic *t, uint32_t from, uint32_t to)
{
	size_t turns = (to - from + RIG_BURST - 1) / RIG_BURST, kept = turns - turns / 50;
	uint64_t *spent = malloc(turns * sizeof(*spent)), sum = 0;

	if (spent == NULL)
		rig_fail("no memory");
	for (size_t i = 0; i < turns; i++) {
		uint32_t first = from + (uint32_t)i * RIG_BURST;
		unsigned n = to - first < RIG_BURST ? to - first : RIG_BURST;
		uint64_t begin;

		traffic_send_first(t, first, n);
		begin = rte_rdtsc();
		worker_turn(t->rig->workers[0]);
		spent[i] = rte_rdtsc() - begin;
		traffic_collect_first(t, n);
	}
	qsort(spent, turns, sizeof(*spent), compare);
	for (size_t i = 0; i < kept; i++)
		sum += spent[i];
	free(spent);
	return (double)sum / (double)kept / RIG_BURST;
}

void traffic_verify(struct traffic *t, struct sequence *s)
{
	struct rte_mbuf **mbufs[2];

	for (unsigned d = 0; d < 2; d++)
		mbufs[d] = &t->free[d][t->next_free[d]];
	traffic_send_burst(t, s);
	worker_turn(t->rig->workers[0]);
	traffic_collect_burst(t);
	for (unsigned d = 0; d < 2; d++) {
		for (unsigned i = 0; i < PER_DIRECTION; i++)
			shot_verify(mbufs[d][i], d, &t->rig->shape, t->mappings, t->n_flows);
	}
}
