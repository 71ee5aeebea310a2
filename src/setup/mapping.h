/*
 * Mappings of endpoint-independent pools (RFC 4787 REQ-1): one inner endpoint (site, source address
 * and port, protocol) has one egress address and port towards everybody, and has it alone.
 *
 * Private to setup/: egress.c asks. One table a worker, written by it alone.
 */
#pragma once

#include "flow/flow.h"
#include "network/network.h"

enum { RESERVE_EVERY = 16 }; /* each so many-th port is only for sites with few flows: egress.c */

struct mappings;

/*
 * For up to @capacity endpoints on part @index of @count of each slice. NULL if memory ran out.
 * Pools that share ports take nothing of it.
 */
struct mappings *mappings_create(const struct network *net, uint32_t capacity, uint16_t index,
				 uint16_t count);
void mappings_destroy(struct mappings *m); /* NULL is fine */

/*
 * Gives @flow the egress address and port of its inner endpoint: those it has, or a free port of
 * @address (found from a random place, RFC 6056), of the reserve if @use_reserve. Writes its slice.
 * DROP_NONE, or why there is none: DROP_EGRESS_EXHAUSTED, DROP_TABLE_FULL. @flows hashes.
 */
enum drop mappings_take(struct mappings *m, struct flow_table *flows, const struct network *net,
			uint32_t address, bool use_reserve, struct flow *flow, uint32_t *slice);

/* Undoes it. With its last flow the endpoint's mapping ends. */
void mappings_give(struct mappings *m, struct flow_table *flows, const struct network *net,
		   uint32_t slice, const struct flow *flow);
