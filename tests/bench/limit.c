/*
 * The limit: see limit.h.
 *
 * A burst's keys are put in place before the clock starts, as the generator fills packet buffers.
 * Half of them are forward keys and half are return keys, each in its own random order, as in the
 * traffic that it is compared with. A key that is not found ends the program.
 */
#include "limit.h"

#include "base/memory.h"
#include "flow/flow.h"
#include "loop.h"

#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

enum {
	SLICE_BURSTS = 64,
	PACKET_LEN = 64,
	SITE_FIRST = 1,
	FAR = 0, /* the realm of returns */
	PORT_FIRST = 2048,
	PORTS = 63488,
};

struct limit {
	struct flow_table *table;
	uint32_t n_flows, next;
	uint32_t *order[2]; /* [n_flows], by direction: the numbers of the records */
	uint64_t order_bytes;
	struct flow_probe probes[RIG_BURST];
	uint32_t now_s;
};

/* Sites have the same hosts; no two flows have the same source outside. */
static struct flow flow_of(uint32_t i)
{
	return (struct flow){
		.src = htonl(UINT32_C(0x0a000001) + i / RIG_SITES % 4000),
		.dst = htonl(UINT32_C(0x08080000) + (i * UINT32_C(0x9e3779b1) >> 20)),
		.sport = htons((uint16_t)(10000 + i / RIG_SITES / 4000)),
		.dport = htons(443),
		.site = (uint16_t)(SITE_FIRST + i % RIG_SITES),
		.proto = PROTO_UDP,
		.state = FLOW_UDP,
		.nat_src = htonl(UINT32_C(0xcb007100) + i / PORTS),
		.nat_port = htons((uint16_t)(PORT_FIRST + i % PORTS)),
		.far = FAR,
	};
}

static uint32_t *make_order(const struct limit *l, uint64_t *random)
{
	uint32_t *order = memory_map(l->order_bytes, NULL);

	if (order == NULL)
		rig_fail("no memory for the limit of %u flows", l->n_flows);
	for (uint32_t i = 0; i < l->n_flows; i++)
		order[i] = i;
	numbers_shuffle(order, l->n_flows, random);
	return order;
}

struct limit *limit_create(uint32_t n_flows)
{
	static const uint8_t secret[17] = "benchmark secret";
	struct limit *l = calloc(1, sizeof(*l));
	uint64_t random = n_flows;

	if (l == NULL)
		rig_fail("no memory");
	l->n_flows = n_flows;
	l->order_bytes = (uint64_t)n_flows * sizeof(uint32_t);
	l->table = flow_table_create(n_flows, secret);
	if (l->table == NULL)
		rig_fail("no memory for a table of %u flows", n_flows);
	for (uint32_t i = 0; i < n_flows; i++) {
		struct flow flow = flow_of(i);

		if (flow_table_insert(l->table, &flow) != i)
			rig_fail("flow %u does not fit into the table", i);
	}
	for (unsigned d = 0; d < 2; d++)
		l->order[d] = make_order(l, &random);
	return l;
}

void limit_destroy(struct limit *l)
{
	if (l == NULL)
		return;
	for (unsigned d = 0; d < 2; d++)
		memory_unmap(l->order[d], l->order_bytes);
	flow_table_destroy(l->table);
	free(l);
}

/* The next burst: its keys, or only the numbers of its records. */
static void load_burst(struct limit *l)
{
	for (unsigned i = 0; i < RIG_BURST; i++) {
		enum flow_dir dir = i < RIG_BURST / 2 ? FLOW_FORWARD : FLOW_RETURN;
		uint32_t record = l->order[dir][l->next + i % (RIG_BURST / 2)];
		struct flow flow = flow_of(record);

		if (dir == FLOW_FORWARD)
			flow_forward_key(&flow, &l->probes[i].key);
		else
			flow_return_key(&flow, &l->probes[i].key);
		l->probes[i].record = record;
		l->probes[i].dir = dir;
	}
	l->next += RIG_BURST / 2;
	if (l->next + RIG_BURST / 2 > l->n_flows)
		l->next = 0;
}

static void count(const struct limit *l, const struct flow_probe *p)
{
	struct flow *f = flow_table_at(l->table, p->record);

	f->packets[p->dir]++;
	f->bytes[p->dir] += PACKET_LEN;
	if (f->seen_s != l->now_s)
		f->seen_s = l->now_s;
}

static uint64_t run_table(struct limit *l)
{
	struct flow_probe *probes[RIG_BURST];
	uint64_t begin;

	load_burst(l);
	for (unsigned i = 0; i < RIG_BURST; i++)
		l->probes[i].record = FLOW_NO_RECORD;
	begin = rte_rdtsc();
	for (unsigned i = 0; i < RIG_BURST; i++)
		probes[i] = &l->probes[i];
	flow_table_lookup(l->table, probes, RIG_BURST);
	for (unsigned i = 0; i < RIG_BURST; i++) {
		if (probes[i]->record == FLOW_NO_RECORD)
			rig_fail("a flow was not found");
		count(l, probes[i]);
	}
	return rte_rdtsc() - begin;
}

static uint64_t run_record(struct limit *l)
{
	uint64_t begin;

	load_burst(l);
	begin = rte_rdtsc();
	for (unsigned i = 0; i < RIG_BURST; i++)
		__builtin_prefetch(flow_table_at(l->table, l->probes[i].record), 1);
	for (unsigned i = 0; i < RIG_BURST; i++)
		count(l, &l->probes[i]);
	return rte_rdtsc() - begin;
}

/* The median of slices in which nobody else had the core. */
static double run(struct limit *l, uint64_t (*run_burst)(struct limit *l), size_t n)
{
	double *slices = malloc(n * sizeof(*slices)), middle;
	size_t kept = 0;

	if (slices == NULL)
		rig_fail("no memory");
	for (size_t i = 0; i < n; i++) {
		uint64_t before = rig_preemptions(), sum = 0;

		for (unsigned k = 0; k < SLICE_BURSTS; k++)
			sum += run_burst(l);
		if (rig_preemptions() == before || i + 1 == n)
			slices[kept++] = (double)sum / SLICE_BURSTS / RIG_BURST;
	}
	middle = median(slices, kept);
	free(slices);
	return middle;
}

struct limit_result limit_run(struct limit *l, uint64_t packets)
{
	size_t n = packets / (SLICE_BURSTS * RIG_BURST) + 1;

	l->now_s++;
	return (struct limit_result){run(l, run_table, n), run(l, run_record, n)};
}
