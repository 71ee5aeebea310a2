/*
 * Figures of the table: how full it gets and in how much memory, how fast it starts and empties, and
 * how long a turn can take while it is full, ageing and being asked for new flows.
 */
#include "figures.h"

#include "flow/table.h"
#include "loop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

static uint64_t to_ns(uint64_t cycles)
{
	return (uint64_t)((double)cycles * 1e9 / (double)rte_get_tsc_hz());
}

/* Bytes of memory that this process holds, huge pages included. */
static uint64_t memory_held(void)
{
	FILE *in = fopen("/proc/self/status", "r");
	char line[256];
	uint64_t sum = 0, kb;

	if (in == NULL)
		rig_fail("no /proc");
	while (fgets(line, sizeof(line), in) != NULL) {
		if (sscanf(line, "VmRSS: %" SCNu64, &kb) == 1 ||
		    sscanf(line, "HugetlbPages: %" SCNu64, &kb) == 1)
			sum += kb << 10;
	}
	fclose(in);
	return sum;
}

void figure_start(const struct figure_options *o)
{
	for (unsigned i = 0; i < o->repeat; i++) {
		const char *memory = rig_memory(flow_table_bytes(o->flows));
		struct rig *rig = rig_create(o->flows, 1);

		printf("{\"flows\": %u, \"memory\": \"%s\", \"seconds\": %.4f}\n", o->flows, memory,
		       (double)rig->create_ns / 1e9);
		fflush(stdout);
		rig_destroy(rig);
	}
}

void figure_capacity(const struct figure_options *o)
{
	uint64_t before = memory_held(), refused;
	struct rig *rig = rig_create(o->flows, 1);
	uint64_t after = memory_held();
	struct traffic *t = traffic_create(rig, o->flows);
	struct worker_counters c;

	traffic_open(t, 0, o->flows);
	rig_check_no_drops(rig);
	traffic_send_first(t, o->flows, RIG_BURST); /* one burst too many */
	worker_turn(rig->workers[0]);
	traffic_collect(t, FLOW_FORWARD, RIG_BURST);
	traffic_discard(t, FLOW_RETURN); /* some are told so */
	c = rig_counters(rig);
	refused = rig_refused(&c);
	if (refused != o->flows + RIG_BURST - c.flows)
		rig_fail("a full table refused %" PRIu64 " flows", refused);
	printf("{\"flows\": %u, \"held\": %" PRIu64 ", \"refused\": %" PRIu64
	       ", \"table_bytes\": %.2f, \"worker_bytes\": %.2f}\n",
	       o->flows, c.flows, refused, (double)flow_table_bytes(o->flows) / (double)c.flows,
	       (double)(after - before) / (double)c.flows);
	traffic_destroy(t);
	rig_destroy(rig);
}

/* RFC 9693 section 4.6: the table is emptied. Here all flows have been idle for too long. */
void figure_teardown(const struct figure_options *o)
{
	for (unsigned i = 0; i < o->repeat; i++) {
		struct rig *rig = rig_create(o->flows, 1);
		struct traffic *t = traffic_create(rig, o->flows);
		struct worker_counters c;
		uint64_t begin, cycles = 0;

		traffic_open(t, 0, o->flows);
		worker_advance_clock(rig->workers[0], RIG_TIMEOUT_S + 2);
		do {
			begin = rte_rdtsc();
			for (unsigned k = 0; k < 64; k++)
				worker_turn(rig->workers[0]);
			cycles += rte_rdtsc() - begin;
			worker_read_counters(rig->workers[0], &c);
		} while (c.flows > 0);
		printf("{\"flows\": %u, \"rate\": %.3f}\n", o->flows,
		       (double)o->flows * 1e3 / (double)to_ns(cycles));
		fflush(stdout);
		traffic_destroy(t);
		rig_destroy(rig);
	}
}
