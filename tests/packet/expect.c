/*
 * The expected values of the bed's counters: see bed.h.
 */
#include "bed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

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
