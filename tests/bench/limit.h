/*
 * The limit: what the flow table alone costs, without any packet.
 *
 * A gateway cannot do less for a packet than find its flow by the five-tuple and count it. This is
 * that and nothing else: the keys of a burst are ready made, all are looked up at once with
 * prefetch, and in each record a packet, its bytes and the time are written.
 */
#pragma once

#include <stdint.h>

struct limit;

/* A full table of @n_flows, and the keys of both directions in random order. Ends the program if
 * there is no memory. */
struct limit *limit_create(uint32_t n_flows);
void limit_destroy(struct limit *l); /* NULL is fine */

/* TSC cycles of a packet, measured as loop_run() does: at least @packets of both directions. */
struct limit_result {
	double table; /* hash, bucket and record, by either key */
	double record; /* record alone, its number being known: one cache line */
} limit_run(struct limit *l, uint64_t packets);
