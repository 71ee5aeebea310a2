/*
 * Exhaust: how long is a turn whose first packets find few free ports, or none?
 *
 *   nearly   one server; 99 % of the ports of 16 addresses towards it are taken, then all
 *   many     256 servers, no port left towards any of them
 *
 * Every burst is 64 first packets of new flows, by 64 sites. All runs are equal, as in stint.h.
 */
#include "figures.h"

#include "stint.h"
#include "traffic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

enum {
	TURNS = 4000,
	SERVER = 0x08080808,
	VAIN_TURNS = 400, /* one after the other without a new flow: all is taken */
	NEARLY = 99, /* percent */
};

static const struct row {
	const char *name;
	struct rig_egress egress;
	unsigned servers;
	bool until_full; /* else until NEARLY */
} rows[] = {
	{"nearly", {.addresses = 16, .slices = 31, .slice_size = 2048}, 1, false},
	{"many", {.addresses = 16, .slices = 1, .slice_size = 256}, 256, true},
};

struct exhaust {
	const struct row *row;
	struct rig *rig;
	struct traffic *traffic;
	uint32_t next; /* flow */
	uint64_t opened;
};

/* Each sixteenth port is kept for sites that have less than these. */
static uint32_t ports(const struct row *row)
{
	const struct rig_egress *e = &row->egress;

	return e->addresses * e->slices * e->slice_size / 16 * 15 * row->servers;
}

/* One turn; its cycles. How many of its packets became flows is added to x->opened. */
static uint64_t turn(struct exhaust *x)
{
	struct shot shots[RIG_BURST + SHOTS_AHEAD];
	uint64_t begin, spent;

	for (unsigned i = 0; i < RIG_BURST; i++, x->next++)
		shot_forward_to(x->next, SERVER + x->next / RIG_SITES % x->row->servers, &shots[i]);
	traffic_send(x->traffic, FLOW_FORWARD, shots, RIG_BURST);
	begin = rte_rdtsc();
	worker_turn(x->rig->workers[0]);
	spent = rte_rdtsc() - begin;
	x->opened += traffic_collect(x->traffic, FLOW_FORWARD, RIG_BURST);
	traffic_discard(x->traffic, FLOW_RETURN); /* what the refused are told */
	return spent;
}

static void fill(struct exhaust *x)
{
	uint64_t enough = x->row->until_full ? UINT64_MAX : (uint64_t)ports(x->row) * NEARLY / 100;

	for (unsigned vain = 0; vain < VAIN_TURNS && x->opened < enough; vain++) {
		uint64_t before = x->opened;

		turn(x);
		if (x->opened > before)
			vain = 0;
	}
	if (x->opened < (uint64_t)ports(x->row) * NEARLY / 100)
		rig_fail("%s: only %" PRIu64 " of %u ports could be taken", x->row->name, x->opened,
			 ports(x->row));
}

static uint64_t run_once(const struct row *row, struct stints *stints)
{
	struct exhaust x = {.row = row};
	uint64_t before;

	x.rig = rig_create_egress(ports(row) + RIG_BURST, 1, &row->egress);
	x.traffic = traffic_create(x.rig, RIG_BURST);
	worker_hold_clock(x.rig->workers[0], 0);
	fill(&x);
	before = x.opened;
	worker_advance_clock(x.rig->workers[0], 1); /* what was in vain is tried once more */
	stints_begin(stints);
	for (size_t i = 0; i < stints->n; i++)
		stints_note(stints, i, turn(&x));
	traffic_destroy(x.traffic);
	rig_destroy(x.rig);
	return x.opened - before;
}

static void measure(const struct row *row, unsigned repeat)
{
	struct stints s = stints_create(TURNS);
	uint64_t opened = 0;

	for (unsigned i = 0; i < repeat; i++)
		opened = run_once(row, &s);
	stints_sort(&s);
	printf("{\"case\": \"%s\", \"flows\": %u, \"turns\": %u, \"runs\": %u, \"longest_ns\": "
	       "%.0f, \"median_ns\": %.0f, \"once_ns\": %.0f, \"opened\": %" PRIu64
	       ", \"refused\": %" PRIu64 "}\n",
	       row->name, ports(row), TURNS, repeat, stints_ns(s.turns[s.n - 1]),
	       stints_ns(s.turns[s.n / 2]), stints_ns(s.once), opened,
	       (uint64_t)TURNS * RIG_BURST - opened);
	stints_destroy(&s);
}

void figure_exhaust(const struct figure_options *o)
{
	stints_go_real_time();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		measure(&rows[i], o->repeat);
}
