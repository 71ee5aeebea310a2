/* The time of the control thread: CLOCK_MONOTONIC. Workers have a clock of their own (clock.h). */
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
