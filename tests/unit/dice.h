/* Random numbers for tests: the same ones each time (SplitMix64, Steele et al. 2014). */
#pragma once

#include <stdint.h>

static inline uint64_t dice_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* 0 to @n - 1 */
static inline uint32_t dice_roll(uint64_t *state, uint32_t n)
{
	return (uint32_t)(((dice_next(state) >> 32) * n) >> 32);
}
