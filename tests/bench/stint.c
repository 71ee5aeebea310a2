/*
 * Stints: see stint.h. Cycles are the processor's time stamps, as the worker's own clock reads them.
 */
#include "stint.h"

#include "rig.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>

enum {
	STINT_NS = 4000000,
	REST_NS = 2000000,
};

bool stints_go_real_time(void)
{
	const struct sched_param first = {.sched_priority = 1};

	return sched_setscheduler(0, SCHED_FIFO, &first) == 0;
}

struct stints stints_create(size_t n)
{
	struct stints s = {.n = n, .turns = malloc(n * sizeof(*s.turns))};

	if (s.turns == NULL)
		rig_fail("no memory");
	memset(s.turns, 0xff, n * sizeof(*s.turns));
	return s;
}

void stints_destroy(struct stints *s)
{
	free(s->turns);
}

void stints_begin(struct stints *s)
{
	s->begin_ns = rig_now_ns();
}

static void rest(uint64_t *begin_ns)
{
	const struct timespec t = {.tv_nsec = REST_NS};

	if (rig_now_ns() - *begin_ns < STINT_NS)
		return;
	nanosleep(&t, NULL);
	*begin_ns = rig_now_ns();
}

void stints_note(struct stints *s, size_t i, uint64_t cycles)
{
	s->turns[i] = cycles < s->turns[i] ? cycles : s->turns[i];
	s->once = cycles > s->once ? cycles : s->once;
	rest(&s->begin_ns);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void stints_sort(struct stints *s)
{
	qsort(s->turns, s->n, sizeof(*s->turns), compare);
}

uint64_t stints_sum(const struct stints *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->n; i++)
		sum += s->turns[i];
	return sum;
}

double stints_ns(uint64_t cycles)
{
	return (double)cycles * 1e9 / (double)rte_get_tsc_hz();
}

uint64_t stints_of_nothing(uint64_t cycles)
{
	uint64_t stint = rig_now_ns(), longest = 0, before = rte_rdtsc(), begin = before;

	for (uint64_t sum = 0; sum < cycles;) {
		for (unsigned i = 0; i < 1000; i++) {
			uint64_t now = rte_rdtsc();

			longest = now - before > longest ? now - before : longest;
			before = now;
		}
		sum += before - begin;
		rest(&stint);
		begin = before = rte_rdtsc();
	}
	return longest;
}
