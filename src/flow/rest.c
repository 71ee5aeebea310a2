/*
 * Rest: after a flow has ended, its port towards the same server is not used again for a while.
 *
 * The server does not know that the flow has ended here, and its late packets must not reach
 * another host. So the record stays and holds its return key. It does not affect live flows:
 * packets do not find it (it is indexed under its return key, but with a realm that no packet comes
 * from), no counter counts it, and if no record is free, the oldest resting one is taken.
 *
 * All flows rest for the same time, so a list in the order of their ends is also in the order of
 * expiry. The list is linked through the records themselves.
 */
#include "flow/table.h"

#include "flow/index.h"

enum { NEXT, BEFORE }; /* in packets[] */

void flow_table_rest(struct flow_table *t, uint32_t record, uint32_t now_s)
{
	struct flow *f = &t->records[record];

	assert(f->state > FLOW_RESTING);
	index_remove(t, index_ref_hash(t, record), record);
	t->count--;
	f->state = FLOW_RESTING;
	f->is_extended = false;
	f->seen_s = now_s;
	f->onramp = f->far;
	__atomic_store_n(&f->far, FLOW_NOWHERE, __ATOMIC_RELAXED); /* others may ask: ask.h */
	f->packets[NEXT] = FLOW_NO_RECORD;
	f->packets[BEFORE] = t->rest_last;
	if (t->rest_last == FLOW_NO_RECORD)
		t->rest_first = record;
	else
		t->records[t->rest_last].packets[NEXT] = record;
	t->rest_last = record;
}

void flow_disown(struct flow *f)
{
	assert(f->state == FLOW_RESTING); /* the site is part of a live flow's key */
	/* the Internet, which owns no flow; others may ask: ask.h */
	__atomic_store_n(&f->site, 0, __ATOMIC_RELAXED);
}

void flow_table_wake(struct flow_table *t, uint32_t record)
{
	const struct flow *f = &t->records[record];
	uint32_t next = f->packets[NEXT], before = f->packets[BEFORE];

	assert(f->state == FLOW_RESTING);
	*(before == FLOW_NO_RECORD ? &t->rest_first : &t->records[before].packets[NEXT]) = next;
	*(next == FLOW_NO_RECORD ? &t->rest_last : &t->records[next].packets[BEFORE]) = before;
	index_remove(t, index_ref_hash(t, record | REF_RETURN), record | REF_RETURN);
	record_give(t, record);
}

uint32_t flow_table_resting(const struct flow_table *t)
{
	return t->rest_first;
}
