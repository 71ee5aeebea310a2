/*
 * Rest of an idle worker: see idle.h.
 *
 * A sleep costs a system call and a timer, whether it is short or long. At 50 microseconds they
 * cost a fifth of a core, at 400 a twenty-fifth. A short silence is the usual one, between two
 * packets of a flow. So sleeps get long only after half a second.
 */
#include "worker/idle.h"

static unsigned doublings(uint32_t turns)
{
	uint32_t n = turns < IDLE_POLLS ? 0 : (turns - IDLE_POLLS) / IDLE_STEP;

	return n < IDLE_DOUBLINGS ? n : IDLE_DOUBLINGS;
}

uint32_t idle_sleep_ns(uint32_t turns)
{
	return turns <= IDLE_POLLS ? 0 : IDLE_SLEEP_MIN_NS << doublings(turns);
}

unsigned idle_sweep(uint32_t turns)
{
	return IDLE_SWEEP << doublings(turns);
}

uint32_t idle_expect(uint32_t turns)
{
	return turns < IDLE_POLLS ? turns : IDLE_POLLS;
}
