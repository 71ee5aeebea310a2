/*
 * CLOCK_MONOTONIC: the control thread's time, and the reference of the workers' clocks (clock.h).
 */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t mono_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline uint64_t mono_ms(void)
{
	return mono_ns() / 1000000;
}
