/*
 * A worker's clock: see clock.h.
 *
 * Nanoseconds are counted from the beginning of the current second, so that rounding never adds up,
 * and the product below stays under 2^62 whatever the counter's frequency.
 */
#include "base/clock.h"

void clock_start(struct clock *c, uint64_t ticks, uint64_t ticks_per_s)
{
	*c = (struct clock){
		.now_ns = NS_PER_S,
		.now_s = 1,
		.ticks_per_s = ticks_per_s,
		.ns_per_tick = (NS_PER_S << 32) / ticks_per_s,
		.second_at = ticks,
	};
}

void clock_move(struct clock *c, uint64_t ticks)
{
	uint64_t since = ticks - c->second_at;

	if ((int64_t)since < 0)
		return;
	if (since >= c->ticks_per_s) { /* several, if we were not allowed to run */
		uint64_t seconds = since / c->ticks_per_s;

		c->now_s += (uint32_t)seconds;
		c->second_at += seconds * c->ticks_per_s;
		since -= seconds * c->ticks_per_s;
	}
	c->now_ns = c->now_s * NS_PER_S + (since * c->ns_per_tick >> 32);
}
