/*
 * Flow queries: see query.h.
 *
 * The worker itself reads its table, between bursts, because no other thread may. A query delays
 * the packets of one turn by a few microseconds at most, whatever the size of the table and the
 * number of queries: one query is served in a turn, and they take turns. A query whose ring is full
 * is passed over.
 *
 * Who writes what in a query: the worker writes cursor, next, put and ended; control writes taken
 * and cancelled. The indices put and taken count flows and wrap around.
 *
 * Cursor: the number of the next record to look at, plus one, so that 0 can mean both "from the
 * start" and "that was the end". The records of the IPv6 table come last, with CURSOR_SIX added.
 */
#include "worker/query.h"

#include "path/context.h"

#include <assert.h>

#define CURSOR_SIX (UINT32_C(1) << 31)

enum { PASSED_OVER_MAX = 8 }; /* full rings that are looked at in a turn */

static_assert((FLOW_QUERY_ROOM & (FLOW_QUERY_ROOM - 1)) == 0, "indices wrap around");

static bool contains4(const struct prefix6 *prefix, be32_t addr)
{
	struct addr6 mapped = addr6_from_ipv4(addr);

	return prefix6_contains(prefix, &mapped);
}

/* @six: its addresses if it is IPv6, or NULL. */
static bool address_matches(const struct prefix6 *prefix, const struct flow *f,
			    const struct flow6 *six)
{
	if (six != NULL)
		return prefix6_contains(prefix, &six->src) || prefix6_contains(prefix, &six->dst) ||
		       prefix6_contains(prefix, &six->nat_src);
	return contains4(prefix, f->src) || contains4(prefix, f->dst) ||
	       contains4(prefix, f->nat_src);
}

static bool matches(const struct flow_filter *filter, const struct flow *f, const struct flow6 *six)
{
	be16_t port = htons(filter->port);

	if (filter->has_site && f->site != filter->site)
		return false;
	if (filter->has_tunnel && f->onramp != filter->tunnel)
		return false;
	if (filter->has_proto && f->proto != filter->proto)
		return false;
	if (filter->has_port && f->sport != port && f->dport != port && f->nat_port != port)
		return false;
	return !filter->has_address || address_matches(&filter->address, f, six);
}

static void view(struct flow_view *out, const struct flow *f, const struct flow6 *six,
		 uint32_t now_s, const struct flow_timers *timers)
{
	uint16_t timeout_s = flow_timeout(timers, f);

	out->flow = *f;
	out->is_six = six != NULL;
	if (six != NULL)
		out->six = *six;
	out->idle_s = now_s - f->seen_s;
	out->expires_s = out->idle_s < timeout_s ? timeout_s - out->idle_s : 0;
}

/* How many flows may still be found before the ring is full or the limit is reached. */
static uint32_t count_room(const struct flow_query *q)
{
	uint32_t found = q->put;
	uint32_t room = FLOW_QUERY_ROOM - (found - __atomic_load_n(&q->taken, __ATOMIC_ACQUIRE));

	return q->limit != 0 && q->limit - found < room ? q->limit - found : room;
}

/* Searches one table from record @at. Returns the next record. */
static uint32_t look(const struct context *ctx, const struct flow_table *t,
		     const struct flow_timers *timers, struct flow_query *q, uint32_t at,
		     unsigned *budget)
{
	uint32_t used = flow_table_used(t), room = count_room(q), put = q->put;

	for (; at < used && room > 0 && *budget != 0; at++, (*budget)--) {
		const struct flow *f = flow_table_at(t, at);
		const struct flow6 *six = t == ctx->flows6 ? flow6_at(t, at) : NULL;

		if (f->state <= FLOW_RESTING || !matches(&q->filter, f, six))
			continue;
		view(&q->flows[put++ % FLOW_QUERY_ROOM], f, six, ctx->now_s, timers);
		room--;
		*budget -= *budget < FLOW_QUERY_COPY ? *budget - 1 : FLOW_QUERY_COPY - 1;
	}
	__atomic_store_n(&q->put, put, __ATOMIC_RELEASE);
	return at;
}

static bool is_limit_reached(const struct flow_query *q)
{
	return q->limit != 0 && q->put == q->limit;
}

bool query_step(const struct context *ctx, const struct flow_timers *timers, struct flow_query *q,
		unsigned budget)
{
	uint32_t table = q->cursor & CURSOR_SIX;
	uint32_t record = q->cursor == 0 ? 0 : (q->cursor & ~CURSOR_SIX) - 1;

	if (table == 0) {
		record = look(ctx, ctx->flows, timers, q, record, &budget);
		q->cursor = record + 1;
		if (record < flow_table_used(ctx->flows))
			return is_limit_reached(q);
		table = CURSOR_SIX;
		record = 0;
	}
	if (ctx->flows6 == NULL) {
		q->cursor = 0;
		return true;
	}
	record = look(ctx, ctx->flows6, timers, q, record, &budget);
	q->cursor = record < flow_table_used(ctx->flows6) ? table + record + 1 : 0;
	return q->cursor == 0 || is_limit_reached(q);
}

static void append(struct queries *qs, struct flow_query *q)
{
	q->next = NULL;
	if (qs->first == NULL)
		qs->first = q;
	else
		qs->last->next = q;
	qs->last = q;
}

static struct flow_query *take_first(struct queries *qs)
{
	struct flow_query *q = qs->first;

	if (q != NULL)
		qs->first = q->next;
	return q;
}

void queries_add(struct queries *qs, struct flow_query *q)
{
	q->put = q->taken = 0;
	q->cancelled = q->ended = 0;
	q->next = __atomic_load_n(&qs->inbox, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&qs->inbox, &q->next, q, false, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
}

/* New queries go behind the others. */
static void take_new(struct queries *qs)
{
	struct flow_query *q = __atomic_exchange_n(&qs->inbox, NULL, __ATOMIC_ACQUIRE);

	while (q != NULL) {
		struct flow_query *next = q->next;

		append(qs, q);
		q = next;
	}
}

/* From here on control may free it. */
static void let_go(struct flow_query *q)
{
	__atomic_store_n(&q->ended, 1, __ATOMIC_RELEASE);
}

bool queries_step(struct queries *qs, const struct context *ctx, const struct flow_timers *timers)
{
	if (__atomic_load_n(&qs->inbox, __ATOMIC_RELAXED) != NULL)
		take_new(qs);
	for (unsigned i = 0; i < PASSED_OVER_MAX; i++) {
		struct flow_query *q = take_first(qs);

		if (q == NULL)
			return false;
		if (__atomic_load_n(&q->cancelled, __ATOMIC_RELAXED) != 0) {
			let_go(q);
			continue;
		}
		if (count_room(q) == 0) {
			append(qs, q);
			continue;
		}
		if (query_step(ctx, timers, q, FLOW_QUERY_BUDGET))
			let_go(q);
		else
			append(qs, q);
		return true;
	}
	return false;
}

const struct flow_view *query_peek(const struct flow_query *q, uint32_t *n)
{
	uint32_t at = q->taken % FLOW_QUERY_ROOM;

	*n = __atomic_load_n(&q->put, __ATOMIC_ACQUIRE) - q->taken;
	if (*n > FLOW_QUERY_ROOM - at)
		*n = FLOW_QUERY_ROOM - at;
	return &q->flows[at];
}

void query_take(struct flow_query *q, uint32_t n)
{
	__atomic_store_n(&q->taken, q->taken + n, __ATOMIC_RELEASE);
}

bool query_ended(const struct flow_query *q)
{
	return __atomic_load_n(&q->ended, __ATOMIC_ACQUIRE) != 0;
}

void query_cancel(struct flow_query *q)
{
	__atomic_store_n(&q->cancelled, 1, __ATOMIC_RELAXED);
}
