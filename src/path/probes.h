/*
 * Health probes: what a worker must know to recognise the answer to one (control/health/).
 *
 * A probe is an ICMP echo request or reply of the gateway, with a random number that nobody outside
 * knows. Control writes the numbers of the last probes of each tunnel into the tunnel's row. The
 * worker that meets one of them in an answer writes it down, with the time.
 *
 *   ICMP header   8 bytes
 *   number        8, as in memory
 *   tunnel        2, network order: the one that is probed
 *   slot          1: the place of the number in the row
 *   zeros         5
 */
#pragma once

#include "base/types.h"

#include <assert.h>
#include <stdint.h>

enum {
	PROBE_SLOTS = 4, /* the last probes of a tunnel */
	PROBE_NUMBER_AT = 8, /* from the ICMP header on */
	PROBE_TUNNEL_AT = 16,
	PROBE_SLOT_AT = 18,
	PROBE_LEN = 24,
};

struct probe_answer {
	uint64_t number;
	uint64_t at_ns; /* mono_ns() */
};

/* A tunnel's row at one worker. Fields are read and written by atomics. */
struct probe_row {
	/* written by control; 0: none is awaited */
	uint64_t awaited[PROBE_SLOTS];
	uint64_t pad[CACHE_LINE / sizeof(uint64_t) - PROBE_SLOTS];
	/* written by the worker: the time first, then the number */
	struct probe_answer answers[PROBE_SLOTS];
};

static_assert(sizeof(struct probe_row) == 2 * CACHE_LINE, "a line for each writer");

/* Control: from now on the answer to @number is awaited in @slot; 0: none is. */
static inline void probe_await(struct probe_row *row, unsigned slot, uint64_t number)
{
	__atomic_store_n(&row->awaited[slot], number, __ATOMIC_RELAXED);
}

/* Control: when the answer to @number came, mono_ns(); 0: it has not come. */
static inline uint64_t probe_answered(const struct probe_row *row, unsigned slot, uint64_t number)
{
	const struct probe_answer *a = &row->answers[slot];

	if (__atomic_load_n(&a->number, __ATOMIC_ACQUIRE) != number)
		return 0;
	return __atomic_load_n(&a->at_ns, __ATOMIC_RELAXED);
}
