/*
 * The bed's counters, what is expected of them, and its routes: see bed.h.
 */
#include "bed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

uint16_t bed_neighbour(unsigned port, bool other)
{
	return (uint16_t)(BED_FIRST_NEIGHBOUR + 2 * port + other);
}

struct prefix4 bed_prefix(unsigned route)
{
	return (struct prefix4){htonl(UINT32_C(0x14000000) + (route << 8)), 24};
}

static void add_counters(struct worker_counters *sum, const struct worker_counters *c)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)c;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

struct worker_counters bed_counters(struct bed *bed)
{
	struct worker_counters sum = {0}, c;

	for (unsigned i = 0; i < bed_workers(bed); i++) {
		worker_turn(bed_worker(bed, i)); /* an idle turn publishes the last counters */
		worker_read_counters(bed_worker(bed, i), &c);
		add_counters(&sum, &c);
	}
	return sum;
}

void bed_expect_drops(struct bed *bed, const char *why, enum drop drop, unsigned n)
{
	struct worker_counters c = bed_counters(bed);

	for (unsigned d = 1; d < DROP_COUNT; d++) {
		if (c.drops[d] != (d == drop ? n : 0))
			fail_msg("%s: %u packets dropped as %s", why, (unsigned)c.drops[d],
				 drop_infos[d].name);
	}
}

void bed_expect_answer(struct bed *bed, const char *why, int answer)
{
	struct worker_counters c = bed_counters(bed);

	for (int a = 0; a < ANSWER_COUNT; a++) {
		if (c.answers[a] != (answer == a + 1))
			fail_msg("%s: %u packets answered as %s", why, (unsigned)c.answers[a],
				 answer_infos[a].info.name);
	}
}
