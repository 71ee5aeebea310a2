/*
 * The event loop of the control thread, and how long it was held.
 *
 * Everything that the control thread does waits while one pass of the loop lasts: clients of the
 * API, changes of routes, ports that vanish. So nothing may take long, and this shows it.
 */
#pragma once

#include <stdint.h>

struct event_base;

/*
 * CPU time of one pass of the loop. Time in which the thread waits, or in which the machine runs
 * another program, is no part of it: so the number is the same on a busy machine.
 */
struct loop {
	uint64_t longest_ns; /* since the start */
	uint64_t minute_ms; /* when the current minute began */
	uint64_t longest_now_ns, longest_before_ns; /* in this minute, and in the one before */
};

/* Runs the loop until event_base_loopbreak(). Control thread, as all of it. */
void loop_run(struct loop *l, struct event_base *base);

/* Longest turn of the last minute or two. */
uint64_t loop_recent_ns(const struct loop *l);
