/* The event loop, one measured pass at a time: see loop.h. */
#include "control/loop.h"

#include "base/mono.h"

#include <event2/event.h>

enum { MINUTE_MS = 60 * 1000 };

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void note(struct loop *l, uint64_t spent_ns, uint64_t now_ms)
{
	uint64_t age_ms = now_ms - l->minute_ms;

	if (age_ms >= MINUTE_MS) {
		l->longest_before_ns = age_ms < 2 * MINUTE_MS ? l->longest_now_ns : 0;
		l->longest_now_ns = 0;
		l->minute_ms = now_ms;
	}
	if (spent_ns > l->longest_now_ns)
		l->longest_now_ns = spent_ns;
	if (spent_ns > l->longest_ns)
		l->longest_ns = spent_ns;
}

void loop_run(struct loop *l, struct event_base *base)
{
	uint64_t before, after = cpu_ns();
	int err;

	/* a pass: waits until something is due, and runs all that is due then */
	do {
		before = after;
		err = event_base_loop(base, EVLOOP_ONCE);
		after = cpu_ns();
		note(l, after - before, mono_ms());
	} while (err == 0 && !event_base_got_break(base));
}

uint64_t loop_recent_ns(const struct loop *l)
{
	return l->longest_now_ns > l->longest_before_ns ? l->longest_now_ns : l->longest_before_ns;
}
