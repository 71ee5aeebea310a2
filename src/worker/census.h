/*
 * A census: one look at every flow, a bounded number of records a turn.
 *
 * Which nexthops and sites do flows have? An id may be given again only when no flow has it any
 * more (network/ids.h), and only the worker may look at its table. A flow whose off-ramp has moved
 * is given its new one meanwhile (path/resolve.h). So after a census that began when a nexthop had
 * already moved, a flow has it only if it was counted: nobody takes one that has moved. What rests
 * of a flow that has ended (flow/rest.c) needs no nexthop and asks for none, but it still keeps its
 * port for its site. Mappings (setup/mapping.h) have the ids of their flows, and what a change took
 * from those its sweep took from them.
 *
 * The control thread makes one, hands it over by worker_census_start() and keeps it until it is
 * done.
 */
#pragma once

#include "flow/flow.h"
#include "network/ids.h"

#include <stdbool.h>
#include <stdint.h>

struct context;

struct census {
	uint64_t nexthops[IDS_WORDS]; /* of flows, either direction: ids_has() */
	uint64_t sites[IDS_WORDS]; /* of flows, and of what rests of them */
	uint32_t at; /* the next record */
	bool six; /* of the table of IPv6 */
	uint32_t done; /* set by the worker with release */
};

/* Looks at up to @n records. True: that was the last. Worker. */
bool census_step(struct context *ctx, struct census *c, unsigned n);
