/*
 * Sequences: every flow in both directions, in random order. Made before anything is measured; then
 * the generator reads them from front to back, which is what memory does best.
 */
#include "traffic.h"

#include "base/memory.h"

#include <stdlib.h>

static uint64_t random_next(uint64_t *state)
{
	/* splitmix64 (Steele, Lea, Flood 2014) */
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Below @n; the bias of at most n / 2^32 does not matter here. */
static uint32_t random_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(((random_next(state) >> 32) * n) >> 32);
}

void numbers_shuffle(uint32_t *order, uint32_t n, uint64_t *random)
{
	for (uint32_t i = n; i > 1; i--) {
		uint32_t k = random_below(random, i), kept = order[i - 1];

		order[i - 1] = order[k];
		order[k] = kept;
	}
}

void shots_shuffle(struct shot *shots, uint32_t n)
{
	uint64_t random = n;

	for (uint32_t i = n; i > 1; i--) {
		uint32_t k = random_below(&random, i);
		struct shot kept = shots[i - 1];

		shots[i - 1] = shots[k];
		shots[k] = kept;
	}
}

static uint32_t *in_order(uint32_t n)
{
	uint32_t *order = malloc((size_t)n * sizeof(uint32_t));

	if (order == NULL)
		rig_fail("no memory for a sequence of %u flows", n);
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	return order;
}

struct sequence traffic_make_sequence(const struct traffic *t, uint32_t at_least)
{
	uint32_t *forward = in_order(t->n_flows), *back = in_order(t->n_flows);
	uint32_t rounds = (at_least / 2 + t->n_flows - 1) / t->n_flows;
	uint64_t per_direction = (uint64_t)t->n_flows * (rounds == 0 ? 1 : rounds);
	struct sequence s = {.n_bursts = (uint32_t)(per_direction / PER_DIRECTION)};
	/* without a rig, in another process, it is the usual one */
	const struct shape *shape = t->rig == NULL ? &shape_usual : &t->rig->shape;
	uint64_t random = 1;

	s.bytes = ((uint64_t)s.n_bursts + 1) * RIG_BURST * sizeof(struct shot);
	s.shots = memory_map(s.bytes, NULL);
	if (s.shots == NULL)
		rig_fail("no memory for a sequence of %u flows", t->n_flows);
	for (uint64_t k = 0; k < (uint64_t)s.n_bursts * PER_DIRECTION; k++) {
		uint64_t at = k / PER_DIRECTION * RIG_BURST + k % PER_DIRECTION;
		uint32_t i = (uint32_t)(k % t->n_flows);

		if (i == 0) {
			numbers_shuffle(forward, t->n_flows, &random);
			numbers_shuffle(back, t->n_flows, &random);
		}
		shot_forward_in(shape, forward[i], &s.shots[at]);
		shot_return_in(shape, back[i], &t->mappings[back[i]], &s.shots[at + PER_DIRECTION]);
	}
	free(forward);
	free(back);
	return s;
}

void traffic_free_sequence(struct sequence *s)
{
	memory_unmap(s->shots, s->bytes);
	s->shots = NULL;
}
