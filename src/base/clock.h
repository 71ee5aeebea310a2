/*
 * A worker's clock: seconds for ageing, nanoseconds for rates, from one reading of a counter.
 *
 * Its owner reads the counter and moves the clock once a burst; all others read two plain numbers.
 * The first second is 1, so that 0 can mean "never". No division while less than a second has
 * passed.
 *
 * The counter only divides a second. The system's clock (CLOCK_MONOTONIC), read once a second, says
 * when a second is over. So a counter that steps back, jumps, stops or runs at a wrong rate
 * distorts one second at most, and is noticed. Time never goes back: if it ran ahead, it waits.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define NS_PER_S UINT64_C(1000000000)

struct clock {
	uint64_t now_ns;
	uint32_t now_s;
	uint32_t steps; /* times the counter disagreed with the system's clock */
	uint64_t ticks_per_s;
	uint64_t ns_per_tick; /* times 2^32 */
	uint64_t second_at; /* ticks when now_s began */
	uint64_t second_ns; /* our time then */
	uint64_t origin_ns; /* the system's time when ours was 0 */
	uint64_t judged_at, judged_ns; /* counter and system's time when they were compared last */
	uint64_t seen_per_s; /* what the counter did instead, by that comparison; 0: it agreed */
};

void clock_start(struct clock *c, uint64_t ticks, uint64_t ticks_per_s, uint64_t system_ns);

/*
 * Time has come to @ticks. False: a second is over, or the counter stepped back; the clock stands
 * until clock_anchor() is called.
 */
bool clock_move(struct clock *c, uint64_t ticks);

/* Time has come to @system_ns, and the counter to @ticks. May be called at any time. */
void clock_anchor(struct clock *c, uint64_t ticks, uint64_t system_ns);

/* For tests of ageing: so many seconds at once. */
void clock_advance(struct clock *c, uint32_t seconds);
