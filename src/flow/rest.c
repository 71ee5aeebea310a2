/*
 * Rest: a flow has ended, and nobody else gets its port towards the same server yet.
 *
 * The server does not know that the flow has ended here, and what it still sends must meet no other
 * host. So the record stays, as the holder of its return key. It takes nothing from the flows that
 * live: packets do not find it (it is indexed under its return key, but the realm in the record is
 * one that no packet comes from), it counts nowhere, and if there is no free record, the oldest of
 * those that rest is taken.
 *
 * All rest equally long, so a list in the order in which they ended is one in the order in which
 * they wake. It goes through the records themselves.
 */
#include "flow/table.h"

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
	f->far = FLOW_NOWHERE;
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
	assert(f->state == FLOW_RESTING); /* the site is part of a living flow's key */
	f->site = 0; /* the Internet, which starts none */
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
