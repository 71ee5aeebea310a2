/*
 * Stints: turns that are timed one by one, and of which the longest counts.
 *
 * The thread has real-time priority, in stints of some milliseconds with a rest between them.
 * Interrupts and the hypervisor still take time from it. So the same turns are run several times: a
 * pause that the worker causes appears in the same turn of each run. For each turn the shortest run
 * counts; of all turns, the longest.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stints {
	uint64_t *turns; /* [n]: cycles, the shortest of all runs */
	size_t n;
	uint64_t once; /* the longest of any run */
	uint64_t begin_ns; /* of the stint */
};

bool stints_go_real_time(void); /* false: may not */

struct stints stints_create(size_t n);
void stints_destroy(struct stints *s);

/* Before the first turn of each run. */
void stints_begin(struct stints *s);

/* Turn number @i of a run took so many cycles. Rests if it is time to. */
void stints_note(struct stints *s, size_t i, uint64_t cycles);

/* When all runs are over: sorts the turns. */
void stints_sort(struct stints *s);
uint64_t stints_sum(const struct stints *s);

double stints_ns(uint64_t cycles);

/* The machine's own longest pause: reads the clock for so many cycles. */
uint64_t stints_of_nothing(uint64_t cycles);
