/*
 * Flow queries: see query.h.
 *
 * The worker itself reads its table, between bursts, because no other thread may. A query delays
 * the packets of one turn by a few microseconds at most, whatever the size of the table.
 *
 * Cursor: the number of the next record to look at, plus one, so that 0 can mean both "from the
 * start" and "that was the end". The records of the IPv6 table come last, with CURSOR_SIX added.
 */
#include "worker/query.h"

#define CURSOR_SIX (UINT32_C(1) << 31)

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

/* Searches one table from record @at. Returns the next record. */
static uint32_t look(const struct context *ctx, const struct flow_table *t,
		     const struct flow_timers *timers, struct flow_query *q, uint32_t at,
		     unsigned *n)
{
	uint32_t used = flow_table_used(t);

	for (; at < used && (*n) != 0 && q->n < q->limit; at++, (*n)--) {
		const struct flow *f = flow_table_at(t, at);
		const struct flow6 *six = t == ctx->flows6 ? flow6_at(t, at) : NULL;

		if (f->state > FLOW_RESTING && matches(&q->filter, f, six))
			view(&q->flows[q->n++], f, six, ctx->now_s, timers);
	}
	return at;
}

bool query_step(const struct context *ctx, const struct flow_timers *timers, struct flow_query *q,
		unsigned n)
{
	uint32_t table = q->cursor & CURSOR_SIX;
	uint32_t record = q->cursor == 0 ? 0 : (q->cursor & ~CURSOR_SIX) - 1;

	if (table == 0) {
		record = look(ctx, ctx->flows, timers, q, record, &n);
		q->cursor = record + 1;
		if (record < flow_table_used(ctx->flows))
			return q->n == q->limit;
		table = CURSOR_SIX;
		record = 0;
	}
	if (ctx->flows6 == NULL) {
		q->cursor = 0;
		return true;
	}
	record = look(ctx, ctx->flows6, timers, q, record, &n);
	q->cursor = record < flow_table_used(ctx->flows6) ? table + record + 1 : 0;
	return q->cursor == 0 || q->n == q->limit;
}
