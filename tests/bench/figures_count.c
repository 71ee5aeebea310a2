/*
 * Instructions a packet, for valgrind --tool=callgrind: the same work in each run, so that the count
 * shows what a noisy machine's clock cannot. Only worker_turn() is collected. tests/bench/check-
 * instructions runs this and compares.
 */
#include "figures.h"

#include "loop.h"

#include <stdio.h>
#include <valgrind/callgrind.h>

enum { BURSTS = 500 };

static void counted_turn(struct rig *rig)
{
	CALLGRIND_TOGGLE_COLLECT;
	worker_turn(rig->workers[0]);
	CALLGRIND_TOGGLE_COLLECT;
}

void figure_count(const struct figure_options *o)
{
	struct rig *rig = rig_create(o->flows, 1);
	struct traffic *t = traffic_create(rig, o->flows);
	struct sequence s;
	uint32_t first = o->flows - BURSTS * RIG_BURST;

	if (o->flows < 2 * BURSTS * RIG_BURST)
		rig_fail("counting needs at least %d flows", 2 * BURSTS * RIG_BURST);
	worker_hold_clock(rig->workers[0], 0);
	traffic_open(t, 0, first);
	for (uint32_t flow = first; flow < o->flows; flow += RIG_BURST) {
		traffic_send_first(t, flow, RIG_BURST);
		counted_turn(rig);
		traffic_collect_first(t, RIG_BURST);
	}
	CALLGRIND_DUMP_STATS_AT("setup");
	CALLGRIND_ZERO_STATS;

	s = traffic_make_sequence(t, 0);
	traffic_verify(t, &s);
	for (unsigned i = 0; i < BURSTS; i++) {
		traffic_send_burst(t, &s);
		counted_turn(rig);
		traffic_collect_burst(t);
	}
	CALLGRIND_DUMP_STATS_AT("forward");
	rig_check_no_drops(rig);
	printf("{\"packets\": %d}\n", BURSTS * RIG_BURST);
	traffic_free_sequence(&s);
	traffic_destroy(t);
	rig_destroy(rig);
}
