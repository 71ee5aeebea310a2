/*
 * A census: visits every flow once, a bounded number of records in each turn.
 *
 * It finds the nexthops and sites that flows refer to. An id may be used again only when no flow
 * has it (network/ids.h), and only the worker may read its flow table. The census also gives a flow
 * whose off-ramp has moved its new one (path/resolve.h). No flow takes a nexthop that has moved. So
 * after a census that began when a nexthop had already moved, a flow has that nexthop only if the
 * census counted it. A resting flow (flow/rest.c) needs no nexthop, but still keeps its port for
 * its site. Mappings (setup/mapping.h) have the ids of their flows; the sweep of a change removes
 * ids from both.
 *
 * The control thread makes a census, passes it to worker_census_start() and must keep it until it
 * is done.
 */
#pragma once

#include "flow/flow.h"
#include "network/ids.h"

#include <stdbool.h>
#include <stdint.h>

struct context;

struct census {
	uint64_t nexthops[IDS_WORDS]; /* of flows, both directions: ids_has() */
	uint64_t sites[IDS_WORDS]; /* of flows, including resting ones */
	uint32_t at; /* the next record */
	bool six; /* the next record is in the IPv6 table */
	uint32_t done; /* set by the worker with release */
};

/* Visits up to @n records. True: the census is complete. Worker. */
bool census_step(struct context *ctx, struct census *c, unsigned n);
