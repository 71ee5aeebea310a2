/*
 * Flow queries: see query.h.
 *
 * The worker itself looks, between bursts, because nobody else may read its table. A page costs the
 * packets of one turn a few microseconds at most, whatever the size of the table.
 *
 * Cursor: the number of the next record to look at, plus one, so that 0 can mean both "from the
 * start" and "that was the end".
 */
#include "query.h"

static bool address_matches(const struct prefix4 *prefix, const struct flow *f)
{
	return prefix4_contains(prefix, f->src) || prefix4_contains(prefix, f->dst) ||
	       prefix4_contains(prefix, f->nat_src);
}

static bool matches(const struct flow_filter *filter, const struct flow *f)
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
	return !filter->has_address || address_matches(&filter->address, f);
}

static void view(struct flow_view *out, const struct flow *f, uint32_t now_s,
		 const uint16_t *timeout_s)
{
	out->flow = *f;
	out->idle_s = now_s - f->seen_s;
	out->expires_s = out->idle_s < timeout_s[f->state] ? timeout_s[f->state] - out->idle_s : 0;
}

bool query_step(const struct lane *lane, const uint16_t *timeout_s, struct flow_query *q,
		unsigned n)
{
	uint32_t used = flow_table_used(lane->flows);
	uint32_t record = q->cursor == 0 ? 0 : q->cursor - 1;

	for (; record < used && n > 0 && q->n < q->limit; record++, n--) {
		const struct flow *f = flow_table_at(lane->flows, record);

		if (f->state != FLOW_FREE && matches(&q->filter, f))
			view(&q->flows[q->n++], f, lane->now_s, timeout_s);
	}
	q->cursor = record < used ? record + 1 : 0;
	return q->cursor == 0 || q->n == q->limit;
}
