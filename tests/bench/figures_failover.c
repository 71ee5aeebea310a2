/*
 * Failover: one tunnel stands in for all the others of its site. How long does it take from the
 * decision until every return goes by it, and back?
 *
 * The time is that of the control thread: it makes the table of nexthops and publishes it. The worker
 * does not run, so it has taken the table when that returns. Then a return of every flow is sent, and
 * the counters of the tunnels say by which one it went.
 */
#include "figures.h"

#include "traffic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERVERS = 4096, FIRST = 1, LAST = RIG_SITES, MOVES_MAX = 64 };

static const struct shape one_site = {
	.tunnels = RIG_SITES, .tunnels_per_site = RIG_SITES, .servers = SERVERS};

struct failover {
	struct rig *rig;
	struct traffic *traffic;
	struct nexthop *at; /* [n]: all tunnels work */
	size_t n;
	struct nexthops *tables[2];
	struct snapshot snapshots[2];
	unsigned moves;
};

static struct failover failover_create(const struct figure_options *o)
{
	struct failover f = {.rig = rig_create_shape(o->flows / 8 * 9, &one_site)};

	f.traffic = traffic_create(f.rig, o->flows);
	traffic_open(f.traffic, 0, o->flows);
	f.n = f.rig->net->max_tunnel + 1u + RIG_PORTS;
	f.at = calloc(f.n, sizeof(*f.at));
	if (f.at == NULL)
		rig_fail("no memory");
	memcpy(f.at, f.rig->nexthops->at, f.n * sizeof(*f.at));
	worker_hold_clock(f.rig->workers[0], 0);
	return f;
}

static void failover_destroy(struct failover *f)
{
	traffic_destroy(f->traffic);
	rig_destroy(f->rig);
	nexthops_destroy(f->tables[0]);
	nexthops_destroy(f->tables[1]);
	free(f->at);
}

/* From the decision to the table that the worker uses; nanoseconds. */
static uint64_t decide(struct failover *f, bool down)
{
	unsigned which = ++f->moves % 2;
	struct snapshot *next = &f->snapshots[which];
	uint64_t begin = rig_now_ns(), spent;
	struct nexthops *before = f->tables[which];

	for (uint16_t t = FIRST; t < LAST; t++) {
		f->at[t].down = down;
		f->at[t].substitute = LAST;
	}
	f->tables[which] = nexthops_create(&(struct nexthops_spec){
		.at = f->at,
		.n = f->n,
		.macs = (const uint8_t(*)[6])f->rig->nexthops->macs,
		.n_macs = RIG_PORTS,
	});
	if (f->tables[which] == NULL)
		rig_fail("no memory for nexthops");
	*next = f->rig->snapshots[0];
	next->generation = 1 + f->moves;
	next->nexthops = f->tables[which];
	worker_publish(f->rig->workers[0], next, NULL);
	spent = rig_now_ns() - begin;
	nexthops_destroy(before);
	return spent;
}

static uint64_t sent_by(const struct failover *f, uint16_t tunnel)
{
	struct tunnel_counters c;

	worker_read_tunnel(f->rig->workers[0], tunnel, &c);
	return c.tx_packets;
}

/* A return of every flow. How many of them go by the last tunnel? */
static uint64_t send_returns(struct failover *f)
{
	uint64_t before = sent_by(f, LAST);
	uint32_t flow = 0;

	while (flow < f->traffic->n_flows) {
		struct shot shots[RIG_BURST + SHOTS_AHEAD];
		unsigned n = 0;

		for (; n < PER_DIRECTION && flow < f->traffic->n_flows; n++, flow++)
			shot_return_in(&f->rig->shape, flow, &f->traffic->mappings[flow],
				       &shots[n]);
		traffic_send(f->traffic, FLOW_RETURN, shots, n);
		worker_turn(f->rig->workers[0]);
		if (traffic_collect(f->traffic, FLOW_RETURN, n) != n)
			rig_fail("a return was lost");
	}
	return sent_by(f, LAST) - before;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void figure_failover(const struct figure_options *o)
{
	struct failover f = failover_create(o);
	uint64_t times[MOVES_MAX], own = send_returns(&f);
	unsigned n = 0;

	for (unsigned i = 0; i < o->repeat && n + 2 <= MOVES_MAX; i++) {
		times[n++] = decide(&f, true);
		if (send_returns(&f) != o->flows)
			rig_fail("a return went by a tunnel that is down");
		times[n++] = decide(&f, false);
		if (send_returns(&f) != own)
			rig_fail("a return did not go by its own tunnel again");
	}
	rig_check_no_drops(f.rig);
	qsort(times, n, sizeof(times[0]), compare);
	printf("{\"flows\": %u, \"moved\": %" PRIu64 ", \"moves\": %u, \"median_ns\": %" PRIu64
	       ", \"longest_ns\": %" PRIu64 "}\n",
	       o->flows, o->flows - own, n, times[n / 2], times[n - 1]);
	failover_destroy(&f);
}
