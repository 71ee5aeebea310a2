/*
 * A census: one look at every flow, a bounded number of records a turn.
 *
 * Which hops do flows have? A hop's id may be given to another neighbour only when no flow has it
 * any more, and only the worker may look at its table. A flow whose hop has moved is given its new
 * one meanwhile (path/nexthop.h). So after a census that began when a hop had already moved, a flow
 * has that hop only if it was counted: nobody takes a hop that has moved. What rests of a flow that
 * has ended (flow/rest.c) needs no hop and asks for none.
 *
 * The control thread makes one, hands it over by worker_census_start() and keeps it until it is
 * done.
 */
#pragma once

#include "flow/flow.h"
#include "network/adjacency.h"

#include <stdbool.h>
#include <stdint.h>

struct context;

enum { CENSUS_WORDS = (UINT16_MAX + 1) / 64 };

struct census {
	uint64_t hops[CENSUS_WORDS]; /* bit n: a flow has hop n */
	uint32_t at; /* the next record */
	bool six; /* of the table of IPv6 */
	uint32_t done; /* set by the worker with release */
};

/* Looks at up to @n records. True: that was the last. Worker. */
bool census_step(struct context *ctx, struct census *c, unsigned n);
