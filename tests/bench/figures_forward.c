/*
 * Figures of open flows: forwarding, and the stages' shares in it.
 *
 * All flows are opened first; from then on every packet belongs to one. Homeward and the pass-through
 * take turns, so that a machine that gets slower meanwhile is slower for both.
 */
#include "figures.h"

#include "flow/table.h"
#include "limit.h"
#include "loop.h"
#include "stages.h"
#include "worker/pipeline.h"

#include <inttypes.h>
#include <rte_cycles.h>
#include <stdio.h>

enum {
	SEQUENCE_MIN = 1 << 16,
	STAGE_RUNS = 301,
	LIMIT_FLOWS = 1000000, /* more would leave no huge pages to the gateway */
};

struct open_flows {
	struct rig *rig;
	struct traffic *traffic;
	struct sequence sequence;
	const char *memory;
};

static struct open_flows open_flows(const struct figure_options *o)
{
	struct open_flows f = {.memory = rig_memory(flow_table_bytes(o->flows))};

	f.rig = rig_create(o->flows, 1);
	f.traffic = traffic_create(f.rig, o->flows);
	traffic_open(f.traffic, 0, o->flows);
	f.sequence = traffic_make_sequence(f.traffic, SEQUENCE_MIN);
	traffic_verify(f.traffic, &f.sequence);
	return f;
}

static void close_flows(struct open_flows *f)
{
	struct worker_counters c;

	rig_check_no_drops(f->rig);
	c = rig_counters(f->rig);
	if (c.flows_created != f->traffic->n_flows)
		rig_fail("%" PRIu64 " flows instead of %u", c.flows_created, f->traffic->n_flows);
	traffic_free_sequence(&f->sequence);
	traffic_destroy(f->traffic);
	rig_destroy(f->rig);
}

static double mpps(double cycles_a_packet)
{
	return (double)rte_get_tsc_hz() / cycles_a_packet / 1e6;
}

void figure_clock(const struct figure_options *o)
{
	(void)o;
	printf("{\"tsc_mhz\": %.3f}\n", (double)rte_get_tsc_hz() / 1e6);
}

void figure_forward(const struct figure_options *o)
{
	struct open_flows f = open_flows(o);
	struct limit *limit = o->flows <= LIMIT_FLOWS ? limit_create(o->flows) : NULL;

	loop_run(f.traffic, &f.sequence, LOOP_HOMEWARD, 2ULL * o->flows); /* warm */
	for (unsigned i = 0; i < o->repeat; i++) {
		struct loop_result a = loop_run(f.traffic, &f.sequence, LOOP_HOMEWARD, o->packets);
		struct loop_result b = loop_run(f.traffic, &f.sequence, LOOP_THROUGH, o->packets);
		struct limit_result c = {0};

		if (limit != NULL)
			c = limit_run(limit, o->packets / 2);
		printf("{\"flows\": %u, \"memory\": \"%s\", \"gross\": %.3f, \"net\": %.3f, "
		       "\"through\": %.3f, \"cycles\": %.2f, \"through_cycles\": %.2f, "
		       "\"limit_cycles\": %.2f, \"record_cycles\": %.2f, \"longest_cycles\": "
		       "%" PRIu64 "}\n",
		       o->flows, f.memory, mpps(a.cycles), mpps(a.inside), mpps(b.cycles), a.inside,
		       b.cycles, c.table, c.record, a.longest);
		fflush(stdout);
	}
	limit_destroy(limit);
	close_flows(&f);
}

/* Slices again: the median of each stage over short runs. */
static void account_stages(struct open_flows *f, double shares[][STAGE_RUNS], double *rest,
			   double *generator)
{
	for (unsigned i = 0; i < STAGE_RUNS; i++) {
		struct stage_account account = {0};
		struct loop_result r;
		double sum;

		stages_account(&account);
		r = loop_run(f->traffic, &f->sequence, LOOP_HOMEWARD, 1);
		sum = shares[STAGE_COUNT][i] = (double)account.receive / (double)r.packets;
		for (unsigned s = 0; s < STAGE_COUNT; s++) {
			shares[s][i] = (double)account.cycles[s] / (double)r.packets;
			sum += shares[s][i];
		}
		rest[i] = r.inside - sum;
		generator[i] = r.cycles - r.inside;
	}
	stages_account(NULL);
}

void figure_stages(const struct figure_options *o)
{
	static double shares[STAGE_COUNT + 1][STAGE_RUNS], rest[STAGE_RUNS], generator[STAGE_RUNS];
	struct open_flows f = open_flows(o);

	loop_run(f.traffic, &f.sequence, LOOP_HOMEWARD, 2ULL * o->flows);
	account_stages(&f, shares, rest, generator);
	printf("{\"flows\": %u, \"memory\": \"%s\", \"stages\": {\"receive\": %.2f", o->flows,
	       f.memory, median(shares[STAGE_COUNT], STAGE_RUNS));
	for (unsigned s = 0; s < STAGE_COUNT; s++) {
		double share = median(shares[s], STAGE_RUNS);

		if (share > 0)
			printf(", \"%s\": %.2f", pipeline[s].name, share);
	}
	printf(", \"rest of the turn\": %.2f}, \"generator\": %.2f}\n", median(rest, STAGE_RUNS),
	       median(generator, STAGE_RUNS));
	close_flows(&f);
}

void figure_setup(const struct figure_options *o)
{
	for (unsigned i = 0; i < o->repeat; i++) {
		const char *memory = rig_memory(flow_table_bytes(o->flows));
		struct rig *rig = rig_create(o->flows, 1);
		struct traffic *t = traffic_create(rig, o->flows);
		double cycles = traffic_open(t, 0, o->flows);

		rig_check_no_drops(rig);
		printf("{\"flows\": %u, \"memory\": \"%s\", \"net\": %.3f}\n", o->flows, memory,
		       mpps(cycles));
		fflush(stdout);
		traffic_destroy(t);
		rig_destroy(rig);
	}
}
