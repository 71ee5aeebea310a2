/*
 * Flow queries: control asks a worker for the flows that match a filter.
 *
 * Only a worker may read its flow table. It copies flows that match into the query's ring, a
 * bounded amount of work in each turn, and control takes them out. If the ring is full, the worker
 * leaves the query alone until there is room. So control sets the pace, a slow reader costs
 * nothing, and memory is bounded.
 *
 * The worker goes through the records in order, and a flow keeps its record while it lives. So a
 * flow that lives from the start of the query to its end is found exactly once. A flow that begins
 * or ends meanwhile may be found or not.
 */
#pragma once

#include "base/types.h"
#include "flow/flow6.h"

#include <stdbool.h>
#include <stdint.h>

struct context;
struct flow_timers;

enum {
	FLOW_QUERY_ROOM = 512, /* flows in the ring; a power of two */
	/*
	 * Work of one turn. Looking at a record costs one, copying it four. With the records of a
	 * busy table in memory that is a few microseconds.
	 */
	FLOW_QUERY_BUDGET = 256,
	FLOW_QUERY_COPY = 4,
};

/* Filter of flows: all fields that are set must match. */
struct flow_filter {
	bool has_site, has_tunnel, has_address, has_port, has_proto;
	uint16_t site;
	uint16_t tunnel; /* on-ramp */
	struct prefix6 address; /* source, destination or egress address; IPv4: mapped */
	uint16_t port; /* source, destination or egress port (or ICMP id), host order */
	uint8_t proto;
};

struct flow_view {
	struct flow flow;
	struct flow6 six; /* the addresses of an IPv6 flow; otherwise undefined */
	bool is_six;
	uint32_t idle_s;
	uint32_t expires_s;
};

/*
 * Control sets filter, cursor and limit, and calls worker_query_start(). Until query_ended() it
 * must not free the query, nor write those fields.
 */
struct flow_query {
	struct flow_filter filter;
	/*
	 * Where to begin; 0: at the first record. After query_ended(): where the next query
	 * continues; 0: no more flows.
	 */
	uint32_t cursor;
	uint32_t limit; /* flows; 0: all */

	/* private */
	struct flow_query *next;
	uint32_t taken; /* written by control */
	uint32_t cancelled; /* by control */
	char pad[CACHE_LINE]; /* the two sides write different lines */
	uint32_t put; /* by the worker */
	uint32_t ended; /* by the worker, last */
	struct flow_view flows[FLOW_QUERY_ROOM];
};

/*
 * Control: the flows that are ready, *@n of them, consecutive in memory. After query_take() there
 * may be more, even if the query has ended.
 */
const struct flow_view *query_peek(const struct flow_query *q, uint32_t *n);
void query_take(struct flow_query *q, uint32_t n); /* makes room: @n flows were read */

/* Control: the worker has let go of the query, and finds no more flows. */
bool query_ended(const struct flow_query *q);

/* Control: the worker is to let go of the query soon. */
void query_cancel(struct flow_query *q);

/* The queries of one worker. */
struct queries {
	struct flow_query *inbox; /* new ones, the last one first; any thread */
	struct flow_query *first, *last; /* the worker's own */
};

/* Control, at any time. Any number of queries; they take turns. */
void queries_add(struct queries *qs, struct flow_query *q);

static inline bool queries_are_there(const struct queries *qs)
{
	return qs->first != NULL || __atomic_load_n(&qs->inbox, __ATOMIC_RELAXED) != NULL;
}

/*
 * Worker, between two bursts: works on one of the queries that have room. False: there was nothing
 * to do.
 */
bool queries_step(struct queries *qs, const struct context *ctx, const struct flow_timers *timers);

/*
 * Searches from the query's cursor on while there is room and @budget lasts. True: the limit or the
 * end of the tables is reached. Private, for queries_step() and tests.
 */
bool query_step(const struct context *ctx, const struct flow_timers *timers, struct flow_query *q,
		unsigned budget);
