/*
 * Ageing: the sweep visits the records in order, some of them after each burst.
 *
 * There is no timer and no list by age: a record stores when it was last seen, and its state gives
 * the timeout. Sequential access is the fastest for memory, and the caller bounds the work of one
 * step. A flow ends at most one full sweep later than its timeout, never earlier.
 */
#include "flow/table.h"

/* A half-open flow whose timeout is shortened now. */
static bool is_pressed(const struct flow_table *t, const struct flow *f, uint32_t now_s,
		       const struct flow_timers *timers, void *arg)
{
	return flow_is_half_open(f->state) && timers->half_open_s != NULL &&
	       now_s - f->seen_s > timers->half_open_s(arg, t, f);
}

unsigned flow_table_sweep(struct flow_table *t, uint32_t now_s, unsigned n,
			  const struct flow_timers *timers,
			  enum flow_end (*end)(void *arg, struct flow *flow, uint32_t record),
			  void *arg)
{
	unsigned ended = 0;

	for (unsigned i = 0; i < n && i < t->used; i++) {
		struct flow *f;

		if (t->hand >= t->used)
			t->hand = 0;
		f = &t->records[t->hand];
		if (f->state > FLOW_RESTING &&
		    (flow_is_over(timers, f, now_s) || is_pressed(t, f, now_s, timers, arg))) {
			enum flow_end what = end(arg, f, t->hand);

			if (what == FLOW_END_REST)
				flow_table_rest(t, t->hand, now_s);
			else if (what == FLOW_END_REMOVE)
				flow_table_remove(t, t->hand);
			ended += what != FLOW_END_KEEP;
		}
		t->hand++;
	}
	return ended;
}
