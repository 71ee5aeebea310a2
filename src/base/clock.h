/*
 * A worker's clock: seconds for ageing, nanoseconds for rates, from one reading of a counter.
 *
 * Whoever owns it says how many ticks the counter shows and moves it once a burst; everybody else
 * reads two plain numbers. The first second is 1, so that 0 can mean "never". No division while
 * less than a second has passed.
 */
#pragma once

#include <stdint.h>

#define NS_PER_S UINT64_C(1000000000)

struct clock {
	uint64_t now_ns;
	uint32_t now_s;
	uint64_t ticks_per_s;
	uint64_t ns_per_tick; /* times 2^32 */
	uint64_t second_at; /* ticks when now_s began */
};

void clock_start(struct clock *c, uint64_t ticks, uint64_t ticks_per_s);

/* Time has come to @ticks. A counter that stepped back does not move it. */
void clock_move(struct clock *c, uint64_t ticks);
