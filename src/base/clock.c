/*
 * A worker's clock: see clock.h.
 *
 * Nanoseconds are counted from the beginning of the current second, so that rounding never adds up,
 * and the product in clock_move() stays under 2^62 whatever the counter's frequency.
 *
 * Small differences, as between a good counter and a clock that NTP slews, are corrected once a
 * second and not reported. A large one is counted. If two comparisons in a row find the same other
 * rate, that rate is taken: the nominal one was wrong.
 */
#include "base/clock.h"

enum {
	JUDGE_NS = 100 * 1000 * 1000, /* a comparison over less says little */
	TOLERANCE_NS = 50 * 1000 * 1000, /* we may be held up between the two readings */
	TOLERANCE_PARTS = 16, /* and so much of the time between two comparisons */
};

#define TICKS_PER_S_MIN UINT64_C(100000)
#define TICKS_PER_S_MAX UINT64_C(100000000000)

static void set_speed(struct clock *c, uint64_t ticks_per_s)
{
	c->ticks_per_s = ticks_per_s;
	c->ns_per_tick = (NS_PER_S << 32) / ticks_per_s;
}

void clock_start(struct clock *c, uint64_t ticks, uint64_t ticks_per_s, uint64_t system_ns)
{
	*c = (struct clock){
		.now_ns = NS_PER_S,
		.now_s = 1,
		.second_at = ticks,
		.second_ns = NS_PER_S,
		.origin_ns = system_ns - NS_PER_S,
		.judged_at = ticks,
		.judged_ns = system_ns,
	};
	set_speed(c, ticks_per_s);
}

bool clock_move(struct clock *c, uint64_t ticks)
{
	uint64_t since = ticks - c->second_at, now_ns;

	if (since >= c->ticks_per_s)
		return false;
	now_ns = c->second_ns + (since * c->ns_per_tick >> 32);
	if (now_ns > c->now_ns)
		c->now_ns = now_ns;
	return true;
}

static uint64_t scale(uint64_t n, uint64_t by, uint64_t per)
{
	unsigned __int128 scaled = (unsigned __int128)n * by / per;

	return scaled > UINT64_MAX ? UINT64_MAX : (uint64_t)scaled;
}

static bool is_near(uint64_t a, uint64_t b, uint64_t tolerance)
{
	return (a > b ? a - b : b - a) <= tolerance;
}

/* The counter advanced by @ticks in @ns, which is not its nominal rate. */
static void disagree(struct clock *c, uint64_t ticks, uint64_t ns)
{
	uint64_t before = c->seen_per_s;

	c->steps++;
	c->seen_per_s = ns < JUDGE_NS ? 0 : scale(ticks, NS_PER_S, ns);
	if (c->seen_per_s < TICKS_PER_S_MIN || c->seen_per_s > TICKS_PER_S_MAX)
		c->seen_per_s = 0; /* a jump */
	if (c->seen_per_s == 0 || !is_near(c->seen_per_s, before, c->seen_per_s / TOLERANCE_PARTS))
		return;
	set_speed(c, c->seen_per_s);
	c->seen_per_s = 0;
}

static void judge(struct clock *c, uint64_t ticks, uint64_t system_ns)
{
	uint64_t ns = system_ns - c->judged_ns, made = ticks - c->judged_at;
	bool back = (int64_t)made < 0;

	if (ns < JUDGE_NS && !back)
		return;
	if (back || !is_near(scale(made, NS_PER_S, c->ticks_per_s), ns,
			     ns / TOLERANCE_PARTS + TOLERANCE_NS))
		disagree(c, back ? 0 : made, ns);
	else
		c->seen_per_s = 0;
	c->judged_at = ticks;
	c->judged_ns = system_ns;
}

void clock_anchor(struct clock *c, uint64_t ticks, uint64_t system_ns)
{
	uint64_t now_ns = system_ns - c->origin_ns;
	uint32_t now_s = (uint32_t)(now_ns / NS_PER_S);

	judge(c, ticks, system_ns);
	c->second_ns = now_s * NS_PER_S;
	c->second_at = ticks - scale(now_ns - c->second_ns, c->ticks_per_s, NS_PER_S);
	c->now_s = now_s;
	if (now_ns > c->now_ns)
		c->now_ns = now_ns;
}

void clock_advance(struct clock *c, uint32_t seconds)
{
	c->now_s += seconds;
	c->now_ns += seconds * NS_PER_S;
	c->second_ns += seconds * NS_PER_S;
	c->origin_ns -= seconds * NS_PER_S;
}
