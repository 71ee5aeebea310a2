/*
 * How a worker rests when nothing comes: it polls for a while, then sleeps between its turns, and
 * the longer the longer it was idle. What comes first after a long silence waits at most for the
 * end of one sleep, IDLE_SLEEP_MAX_NS.
 */
#pragma once

#include <stdint.h>

enum {
	IDLE_POLLS = 2000, /* turns without a sleep */
	IDLE_STEP = 2000, /* turns until a sleep is twice as long */
	IDLE_SLEEP_MIN_NS = 50 * 1000,
	IDLE_DOUBLINGS = 3,
	IDLE_SLEEP_MAX_NS = IDLE_SLEEP_MIN_NS << IDLE_DOUBLINGS,
	IDLE_SWEEP = 64, /* records a turn while polling or at the shortest sleep */
};

/* The sleep after so many idle turns in a row; 0: none. */
uint32_t idle_sleep_ns(uint32_t turns);

/* Flow records to look at in a turn: more after a long sleep, so as many in a second. */
unsigned idle_sweep(uint32_t turns);

/*
 * The count of idle turns after one in which control asked for something, or had a packet sent: no
 * sleep now, since control waits, and short ones next, since the packet's answer will come.
 */
uint32_t idle_expect(uint32_t turns);
