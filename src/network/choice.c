/*
 * Weighted rendezvous: see choice.h.
 *
 * A target's number is an exponential variable with its weight as rate, -log2(u) / weight, where u
 * is uniform in (0, 1): the lowest of several belongs to each with a probability in proportion to
 * its weight. The logarithm is fixed point: the integer part by counting zeros, the fraction by a
 * table of 128 steps and a straight line between two of them, with an error below 2^-16. Quotients
 * are compared by multiplying crosswise, without division.
 */
#include "network/choice.h"

#include "base/types.h"

enum { FRACTION_BITS = 24, STEP_BITS = 7 };

/* clang-format off */
/* log2(1 + i / 128), times 2^24 */
static const uint32_t logarithms[(1 << STEP_BITS) + 1] = {
	0, 188362, 375270, 560745, 744810, 927485, 1108793, 1288752,
	1467383, 1644705, 1820738, 1995500, 2169009, 2341283, 2512340, 2682196,
	2850868, 3018374, 3184728, 3349946, 3514044, 3677038, 3838941, 3999768,
	4159533, 4318251, 4475935, 4632599, 4788255, 4942916, 5096595, 5249305,
	5401057, 5551864, 5701737, 5850688, 5998727, 6145867, 6292118, 6437490,
	6581994, 6725641, 6868440, 7010402, 7151536, 7291852, 7431359, 7570066,
	7707984, 7845119, 7981483, 8117082, 8251926, 8386022, 8519380, 8652008,
	8783912, 8915102, 9045584, 9175366, 9304457, 9432863, 9560591, 9687648,
	9814042, 9939780, 10064867, 10189312, 10313120, 10436298, 10558852, 10680789,
	10802114, 10922835, 11042956, 11162484, 11281425, 11399784, 11517568, 11634780,
	11751428, 11867517, 11983051, 12098037, 12212479, 12326382, 12439752, 12552593,
	12664911, 12776710, 12887994, 12998770, 13109041, 13218811, 13328087, 13436871,
	13545168, 13652983, 13760320, 13867183, 13973576, 14079503, 14184969, 14289978,
	14394532, 14498638, 14602297, 14705514, 14808293, 14910637, 15012551, 15114037,
	15215099, 15315742, 15415967, 15515779, 15615181, 15714177, 15812769, 15910962,
	16008758, 16106160, 16203172, 16299796, 16396036, 16491896, 16587377, 16682482,
	16777216,
};
/* clang-format on */

/* -log2(u / 2^32), times 2^24. @u is at least 1. */
static ALWAYS_INLINE uint32_t minus_log2(uint32_t u)
{
	unsigned zeros = (unsigned)__builtin_clz(u);
	uint32_t fraction = u << zeros << 1; /* without the leading one */
	uint32_t step = fraction >> (32 - STEP_BITS), rest = fraction << STEP_BITS;
	uint64_t width = logarithms[step + 1] - logarithms[step];
	uint32_t log2 = logarithms[step] + (uint32_t)(width * rest >> 32);

	return ((zeros + 1) << FRACTION_BITS) - log2;
}

/* Uniform for each pair of a hash and a seed. */
static ALWAYS_INLINE uint32_t mix(uint64_t hash, uint32_t seed)
{
	uint64_t x = hash ^ seed * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)(x >> 32);
}

const struct route_target *choice_pick(const struct route_choice *c, uint64_t hash)
{
	const struct route_target *best = &c->targets[0];
	uint64_t best_number;

	if (c->n == 1)
		return best;
	best_number = minus_log2(mix(hash, best->seed) | 1);
	for (unsigned i = 1; i < c->n; i++) {
		const struct route_target *t = &c->targets[i];
		uint64_t number = minus_log2(mix(hash, t->seed) | 1);

		if (number * best->weight < best_number * t->weight) {
			best = t;
			best_number = number;
		}
	}
	return best;
}
