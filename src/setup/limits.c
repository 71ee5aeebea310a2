/*
 * Step: may this site have one more flow?
 *
 * Four questions, the cheap ones first: is there a record for it; has it its number of flows; its
 * number of half-open TCP connections; does it open flows too fast? But for the first, each is
 * about this site alone, so a flood from one site costs the others nothing.
 *
 * The rate is a token bucket of one number (GCRA, ITU-T I.371): until when the site has spent its
 * tokens. It may run ahead of the clock by one second's worth. No refill pass, no timer, no
 * division.
 *
 * The last part of the table is a reserve. Into it comes only who has less than the fair share,
 * which is the capacity by the number of sites: however many flows the others were allowed, and
 * however many they have, a site that was quiet can open some.
 *
 * Where the Internet may open flows to a site, it finds the site's limits half as high: nobody out
 * there shows who he is, and what the site begins itself must not wait for him.
 *
 * The numbers are this worker's share of the site's (network.c), and so are the counts; the worker
 * alone writes them. Flows are taken off when they end, half-open ones also when they are answered
 * (flow/follow.c).
 */
#include "setup/setup.h"

#include "base/memory.h"
#include "setup/room.h"

#include <stdlib.h>
#include <string.h>

enum { RESERVE_PARTS = 16 }; /* the last of so many parts of the table */

struct site_use *limits_create(void)
{
	return memory_lines((SPEC_SITES_MAX + 1) * sizeof(struct site_use));
}

/*
 * May the site have one of the records that are left? Each family has a table of its own, and a
 * share of one says nothing of the other.
 */
static enum drop refuse_record(const struct setup *s, const struct site_use *use)
{
	const struct lane *lane = s->lane;
	bool six = s->six != NULL;
	uint32_t capacity = flow_table_capacity(six ? lane->flows6 : lane->flows);
	uint32_t left = capacity - (six ? lane->flows6_taken : lane->flows_taken);
	uint64_t flows = six ? use->flows6 : use->counters.flows - use->flows6;

	if (left == 0)
		return DROP_TABLE_FULL;
	if (left <= capacity / RESERVE_PARTS && flows * lane->net->n_sites >= capacity)
		return DROP_SITE_FLOWS;
	return DROP_NONE;
}

/* Takes a token if there is one. */
static bool take_token(struct site_use *use, const struct site_limits *limits, uint64_t now_ns)
{
	uint64_t from_ns = use->spent_until_ns > now_ns ? use->spent_until_ns : now_ns;

	if (from_ns - now_ns > limits->burst_ns)
		return false;
	use->spent_until_ns = from_ns + limits->interval_ns;
	return true;
}

static enum drop may_not(struct setup *s, struct site_use *use, const struct site_limits *limits)
{
	enum drop drop = refuse_record(s, use);

	if (drop != DROP_NONE)
		return drop;
	if (use->counters.flows >= limits->flows)
		return DROP_SITE_FLOWS;
	if (flow_is_half_open(s->flow.state) && use->counters.half_open >= limits->half_open)
		return DROP_HALF_OPEN;
	if (!take_token(use, limits, s->lane->now_ns))
		return DROP_SITE_RATE;
	return DROP_NONE;
}

/* Who is refused because there are too many flows looks whether some are over. */
static enum drop refuse(struct setup *s, struct site_use *use, const struct site_limits *limits)
{
	enum drop drop = may_not(s, use, limits);

	if (drop == DROP_NONE || drop == DROP_SITE_RATE || !room_make(s))
		return drop;
	return may_not(s, use, limits);
}

/* One more or one less. */
static void count_flow(struct lane *lane, const struct flow *flow, bool six, int change)
{
	struct site_use *use = &lane->sites[flow->site];

	*(six ? &lane->flows6_taken : &lane->flows_taken) += (uint32_t)change;
	use->flows6 += (uint64_t)(six ? change : 0);
	use->counters.flows += (uint64_t)change;
	if (flow_is_half_open(flow->state))
		use->counters.half_open += (uint64_t)change;
}

enum drop limits_take(struct setup *s)
{
	struct site_use *use = &s->lane->sites[s->flow.site];
	enum drop drop = refuse(s, use, &s->lane->net->sites[s->flow.site].limits);

	if (drop != DROP_NONE) {
		use->counters.refused += drop != DROP_TABLE_FULL;
		return drop;
	}
	count_flow(s->lane, &s->flow, s->six != NULL, 1);
	return DROP_NONE;
}

static enum drop refuse_from_outside(const struct setup *s, const struct site_use *use,
				     const struct site_limits *half)
{
	if (use->counters.flows >= half->flows)
		return DROP_SITE_FLOWS;
	if (flow_is_half_open(s->flow.state) && use->counters.half_open >= half->half_open)
		return DROP_HALF_OPEN;
	return use->spent_until_ns > s->lane->now_ns + half->burst_ns ? DROP_SITE_RATE : DROP_NONE;
}

enum drop limits_take_from_outside(struct setup *s)
{
	const struct site_limits half =
		site_limits_from_outside(&s->lane->net->sites[s->flow.site].limits);
	struct site_use *use = &s->lane->sites[s->flow.site];
	enum drop drop = refuse_from_outside(s, use, &half);

	if (drop != DROP_NONE && drop != DROP_SITE_RATE && room_make(s))
		drop = refuse_from_outside(s, use, &half);
	if (drop == DROP_NONE)
		return limits_take(s);
	use->counters.refused++;
	return drop;
}

void limits_release(struct lane *lane, const struct flow *flow, bool six)
{
	count_flow(lane, flow, six, -1);
}

/* What never became a flow gives its token back, too. */
void limits_undo(struct setup *s)
{
	limits_release(s->lane, &s->flow, s->six != NULL);
	s->lane->sites[s->flow.site].spent_until_ns -=
		s->lane->net->sites[s->flow.site].limits.interval_ns;
}
