/*
 * The states of a tunnel: see state.h.
 *
 * The window is a ring of 30 buckets of ten seconds. The bucket of a moment is
 * found by its number alone; buckets that were passed over are emptied when
 * time is taken.
 */
#include "control/health/state.h"

#include <string.h>

const char *const health_state_names[HEALTH_STATES] = {
	[HEALTH_HEALTHY] = "healthy",
	[HEALTH_DEGRADED] = "degraded",
	[HEALTH_DOWN] = "down",
};

static void roll(struct health_life *h, uint64_t now_ms)
{
	uint64_t bucket = now_ms / HEALTH_BUCKET_MS;

	if (bucket - h->bucket >= HEALTH_BUCKETS)
		memset(h->buckets, 0, sizeof(h->buckets));
	else
		for (uint64_t i = h->bucket + 1; i <= bucket; i++)
			memset(&h->buckets[i % HEALTH_BUCKETS], 0, sizeof(h->buckets[0]));
	h->bucket = bucket;
}

struct health_loss health_loss(const struct health_life *h)
{
	struct health_loss sum = {0};

	for (unsigned i = 0; i < HEALTH_BUCKETS; i++) {
		sum.sent += h->buckets[i].sent;
		sum.lost += h->buckets[i].lost;
	}
	return sum;
}

static bool is_lossy(const struct health_life *h)
{
	struct health_loss sum = health_loss(h);

	return sum.lost >= HEALTH_LOSSES && sum.lost * HEALTH_LOSS_PART >= sum.sent;
}

static void count(uint8_t *row)
{
	if (*row < UINT8_MAX)
		(*row)++;
}

static void judge_window(struct health_life *h)
{
	if (h->state != HEALTH_DOWN)
		h->state = is_lossy(h) ? HEALTH_DEGRADED : HEALTH_HEALTHY;
}

/* Does traffic keep the tunnel from being down? */
static bool is_spared(const struct health_life *h, enum health_result result, uint64_t now_ms)
{
	return result == HEALTH_LOST_ALIVE &&
	       (!h->answered || now_ms - h->lost_ms < HEALTH_SPARED_MS);
}

static unsigned take_answered(struct health_life *h)
{
	h->answered = true;
	h->lost_row = 0;
	count(&h->good_row);
	if (h->state == HEALTH_DOWN && h->good_row >= HEALTH_IN_A_ROW)
		h->state = HEALTH_DEGRADED;
	else
		judge_window(h);
	return h->state == HEALTH_DOWN && h->good_row == 1 ? HEALTH_QUICK : 0;
}

static unsigned take_lost(struct health_life *h, enum health_result result, unsigned in_a_row,
			  uint64_t now_ms)
{
	h->buckets[h->bucket % HEALTH_BUCKETS].lost++;
	h->good_row = 0;
	count(&h->lost_row);
	if (h->lost_row == 1)
		h->lost_ms = now_ms;
	judge_window(h);
	if (h->lost_row >= in_a_row && !is_spared(h, result, now_ms))
		h->state = HEALTH_DOWN;
	return h->state != HEALTH_DOWN && h->lost_row == 1 ? HEALTH_QUICK : 0;
}

unsigned health_take(struct health_life *h, enum health_result result, unsigned in_a_row,
		     uint64_t now_ms)
{
	roll(h, now_ms);
	h->buckets[h->bucket % HEALTH_BUCKETS].sent++;
	return result == HEALTH_ANSWERED ? take_answered(h)
					 : take_lost(h, result, in_a_row, now_ms);
}

void health_age(struct health_life *h, uint64_t now_ms)
{
	roll(h, now_ms);
	judge_window(h);
}

uint32_t health_penalty_of(enum health_state state)
{
	static const uint32_t penalties[HEALTH_STATES] = {0, 500000, 1000000};

	return penalties[state];
}
