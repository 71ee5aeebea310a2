/*
 * Step: check the limits of the site for one more flow.
 *
 * Four checks, the cheap ones first: a free record, the site's number of flows, its number of
 * half-open TCP connections, and its rate of new flows. All but the first concern this site alone,
 * so a flood from one site does not affect others.
 *
 * The rate is a token bucket of one number (GCRA, ITU-T I.371): the time until which the site has
 * spent its tokens. It may be ahead of the clock by one second's worth. It needs no refill, no
 * timer and no division.
 *
 * The last part of the table is a reserve. Only a site with less than its fair share (the capacity
 * divided by the number of sites) may use it. So a site with few flows can open some, however many
 * flows the other sites have.
 *
 * For flows that the Internet opens to a site, the site's limits are half as high: unknown senders
 * outside must not use up what the site needs for its own flows.
 *
 * One host may have only a part of its site's flows and half-open connections (path/sources.h), so
 * that a flooding host does not block the others. A half-open connection costs a flooding host one
 * packet. So when the site or the host is above half of a limit, the timeout of its half-open
 * connections shrinks linearly, down to two seconds. Established connections are not affected.
 *
 * Limits hold for all workers together (path/totals.h); only the reserve is of this worker's table.
 * Each worker alone writes its own counts. A flow is subtracted when it ends; a half-open
 * connection also when it is established (out/forward.c).
 */
#include "setup/setup.h"

#include "base/memory.h"
#include "path/totals.h"
#include "setup/room.h"

#include <stdlib.h>
#include <string.h>

enum {
	RESERVE_PARTS = 16, /* the reserve is one part in this many of the table */
	FEW_FLOWS = 1024, /* of one host; control/config/check_limits.c uses both values, too */
	FEW_HALF_OPEN = 256,
	CALM_16THS = 8, /* up to this many sixteenths of a limit, timeouts are not shortened */
	HURRIED_S = 2, /* minimum timeout of a half-open connection */
};

struct site_use *limits_create(void)
{
	struct site_rows *rows = memory_reserve(sizeof(*rows));

	return rows == NULL ? NULL : rows->use;
}

void limits_settle(struct site_use *sites, const struct network *net)
{
	if (net->is_large)
		memory_settle(sites, sizeof(struct site_rows),
			      (net->max_site + 1) * sizeof(sites[0]));
}

void limits_destroy(struct site_use *sites)
{
	memory_unmap(sites, sizeof(struct site_rows));
}

struct sources *limits_create_sources(uint64_t random)
{
	const uint64_t secret[] = {random, ~random};
	struct sources *s = memory_lines(sizeof(*s));

	if (s != NULL)
		flow_secret_init(&s->secret, (const uint8_t *)secret);
	return s;
}

/* May the site have one of the free records? Each family has its own table and its own shares. */
static ALWAYS_INLINE enum drop refuse_record(struct setup *s, const struct site_use *use)
{
	const struct context *ctx = s->ctx;
	bool six = s->six != NULL;
	uint32_t capacity = flow_table_capacity(six ? ctx->flows6 : ctx->flows);
	uint32_t left = capacity - (six ? ctx->flows6_taken : ctx->flows_taken);
	uint64_t flows = six ? use->flows6 : use->counters.flows - use->flows6;

	if (left == 0)
		return DROP_TABLE_FULL;
	if (left > capacity / RESERVE_PARTS || flows * ctx->net->n_sites < capacity)
		return DROP_NONE;
	s->lacks_record = true;
	return DROP_SITE_FLOWS;
}

static inline void set_spent(struct site_use *use, uint64_t until_ns)
{
	__atomic_store_n(&use->spent_until_ns, until_ns, __ATOMIC_RELAXED);
}

/* Takes a token. False: there is none. @spent_ns: until then all are spent. */
static bool take_token(struct site_use *use, const struct site_limits *limits, uint64_t now_ns,
		       uint64_t spent_ns)
{
	uint64_t from_ns = spent_ns > now_ns ? spent_ns : now_ns;

	if (from_ns - now_ns > limits->burst_ns)
		return false;
	set_spent(use, from_ns + limits->interval_ns);
	return true;
}

/*
 * Has the host reached its limit? A host may not have more than its own limit, nor more than its
 * site has left. So k flooding hosts leave one part in k + 1 to the others (dynamic thresholds,
 * Choudhury and Hahne 1998). The second rule does not apply to a host with few flows.
 */
static inline bool source_has_all(bool half_open, const struct totals *t,
				  const struct site_limits *limits)
{
	uint32_t n = t->source_flows;

	if (n >= limits->source_flows || (n >= FEW_FLOWS && n >= limits->flows - t->flows))
		return true;
	if (!half_open)
		return false;
	n = t->source_half_open;
	return n >= limits->source_half_open ||
	       (n >= FEW_HALF_OPEN && n >= limits->half_open - t->half_open);
}

/* All but the record. */
static ALWAYS_INLINE enum drop may_not(const struct context *ctx, uint16_t site, bool half_open,
				       const struct source *source,
				       const struct site_limits *limits)
{
	const struct totals t = totals_of(ctx, site, source);

	if (t.flows >= limits->flows)
		return DROP_SITE_FLOWS;
	if (half_open && t.half_open >= limits->half_open)
		return DROP_HALF_OPEN;
	if (source_has_all(half_open, &t, limits))
		return DROP_SOURCE_FLOWS;
	if (!take_token(&ctx->sites[site], limits, ctx->now_ns, t.spent_until_ns))
		return DROP_SITE_RATE;
	return DROP_NONE;
}

static enum drop ask_again(struct setup *s, const struct source *source, struct site_use *use,
			   const struct site_limits *limits)
{
	enum drop drop;

	s->lacks_record = false;
	drop = refuse_record(s, use);

	if (drop != DROP_NONE)
		return drop;
	return may_not(s->ctx, s->flow.site, flow_is_half_open(s->flow.state), source, limits);
}

/* A refusal because of too many flows sweeps for flows whose timeout is over. */
static __attribute__((noinline, cold)) enum drop refuse(struct setup *s, struct source source,
							struct site_use *use, enum drop drop)
{
	const struct site_limits *limits = &s->ctx->net->sites[s->flow.site].limits;

	if (drop != DROP_SITE_RATE && room_make(s))
		drop = ask_again(s, &source, use, limits);
	if (drop != DROP_NONE) {
		use->counters.refused += drop != DROP_TABLE_FULL && !s->lacks_record;
		use->counters.refused_source += drop == DROP_SOURCE_FLOWS;
	}
	return drop;
}

/* Counts one flow more or less. */
static ALWAYS_INLINE void count_flow(struct context *ctx, struct site_use *use,
				     const struct source *source, bool is_half_open, bool six,
				     int change)
{
	int half_open = is_half_open ? change : 0;

	*(six ? &ctx->flows6_taken : &ctx->flows_taken) += (uint32_t)change;
	use->flows6 += (uint64_t)(six ? change : 0);
	counters_add(&use->counters.flows, change);
	if (half_open != 0)
		counters_add(&use->counters.half_open, half_open);
	source_add(source, change, half_open);
}

enum drop limits_take(struct setup *s)
{
	struct context *ctx = s->ctx;
	struct site_use *use = &ctx->sites[s->flow.site];
	enum drop drop = refuse_record(s, use); /* first: few values outlive its call */
	const struct source source = source_find(ctx->sources, &s->flow, s->six);
	bool half_open = flow_is_half_open(s->flow.state);

	if (drop == DROP_NONE)
		drop = may_not(ctx, s->flow.site, half_open, &source,
			       &ctx->net->sites[s->flow.site].limits);
	if (__builtin_expect(drop != DROP_NONE, 0)) {
		drop = refuse(s, source, use, drop);
		if (drop != DROP_NONE)
			return drop;
	}
	count_flow(ctx, use, &source, half_open, s->six != NULL, 1);
	return DROP_NONE;
}

static enum drop refuse_from_outside(const struct setup *s, const struct site_limits *half)
{
	const struct source source = source_find(s->ctx->sources, &s->flow, s->six);
	const struct totals t = totals_of(s->ctx, s->flow.site, &source);

	if (t.flows >= half->flows)
		return DROP_SITE_FLOWS;
	if (flow_is_half_open(s->flow.state) && t.half_open >= half->half_open)
		return DROP_HALF_OPEN;
	if (source_has_all(flow_is_half_open(s->flow.state), &t, half))
		return DROP_SOURCE_FLOWS;
	return t.spent_until_ns > s->ctx->now_ns + half->burst_ns ? DROP_SITE_RATE : DROP_NONE;
}

enum drop limits_take_from_outside(struct setup *s)
{
	const struct site_limits half =
		site_limits_from_outside(&s->ctx->net->sites[s->flow.site].limits);
	struct site_use *use = &s->ctx->sites[s->flow.site];
	enum drop drop = refuse_from_outside(s, &half);

	if (drop != DROP_NONE && drop != DROP_SITE_RATE && room_make(s))
		drop = refuse_from_outside(s, &half);
	if (drop == DROP_NONE)
		return limits_take(s);
	use->counters.refused++;
	use->counters.refused_source += drop == DROP_SOURCE_FLOWS;
	return drop;
}

void limits_adopt(struct context *ctx, const struct flow *flow, const struct flow6 *six)
{
	const struct source source = source_find(ctx->sources, flow, six);

	count_flow(ctx, &ctx->sites[flow->site], &source, flow_is_half_open(flow->state),
		   six != NULL, 1);
}

void limits_release(struct context *ctx, const struct flow *flow, const struct flow6 *six)
{
	const struct source source = source_find(ctx->sources, flow, six);

	count_flow(ctx, &ctx->sites[flow->site], &source, flow_is_half_open(flow->state),
		   six != NULL, -1);
}

/* Undoes the step for a flow that was not made; also gives its token back. */
void limits_undo(struct setup *s)
{
	struct site_use *use = &s->ctx->sites[s->flow.site];

	limits_release(s->ctx, &s->flow, s->six);
	set_spent(use, use->spent_until_ns - s->ctx->net->sites[s->flow.site].limits.interval_ns);
}

/* @n in sixteenths of @limit. */
static uint32_t level_of(uint64_t n, uint32_t limit, uint64_t sixteenths)
{
	return (uint32_t)((n < limit ? n : limit) * sixteenths >> 32);
}

static uint32_t max(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* The larger fill level of the site and the host, in sixteenths of a limit. */
static uint32_t pressure_on(struct context *ctx, const struct flow *f, const struct flow6 *six)
{
	const struct site_limits *l = network_limits(ctx->net, f->site);
	const struct source source = source_find(ctx->sources, f, six);
	const struct totals t = totals_of(ctx, f->site, &source);
	uint32_t level = level_of(t.half_open, l->half_open, l->half_open_16ths);

	level = max(level, level_of(t.flows, l->flows, l->flows_16ths));
	level = max(level,
		    level_of(t.source_half_open, l->source_half_open, l->source_half_open_16ths));
	return max(level, level_of(t.source_flows, l->source_flows, l->source_flows_16ths));
}

uint16_t limits_half_open_s(void *arg, const struct flow_table *t, const struct flow *f)
{
	struct context *ctx = arg;
	uint32_t record = (uint32_t)(f - flow_table_at(t, 0)), timeout_s, level;
	const struct flow6 *six = t == ctx->flows6 ? flow6_at(t, record) : NULL;

	timeout_s = ctx->timers.state_s[f->state];
	level = pressure_on(ctx, f, six);
	if (level > CALM_16THS && timeout_s > HURRIED_S)
		timeout_s = max(timeout_s * (16 - level) / CALM_16THS, HURRIED_S);
	return (uint16_t)timeout_s;
}
