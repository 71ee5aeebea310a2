/*
 * Mappings of endpoint-independent pools (RFC 4787 REQ-1): one inner endpoint (site, source address
 * and port, protocol) has one egress address and port towards everybody, and has it alone.
 *
 * Private to setup/: egress.c asks. One table a worker, written by it alone. control/ asks how
 * large they are.
 */
#pragma once

#include "flow/flow.h"
#include "network/network.h"

struct mappings;

enum { MAPPING_BYTES = 40 };

static inline uint32_t mappings_heads(uint32_t capacity)
{
	uint32_t heads = 1;

	while (heads < capacity)
		heads *= 2;
	return heads;
}

/* How much mappings_create() allocates for endpoints, if a pool has any. */
static inline uint64_t mappings_bytes(uint32_t capacity)
{
	return (uint64_t)capacity * MAPPING_BYTES +
	       UINT64_C(2) * mappings_heads(capacity) * sizeof(uint32_t);
}

/*
 * For up to @capacity endpoints on part @index of @count of each slice. NULL if memory ran out.
 * Pools that share ports take nothing of it. Where @current is going to be moved to another network
 * (egress_create_next()), what mappings_take_over() will move is not allocated; @from: as
 * egress_state.from. Both NULL: nothing is. Control thread.
 */
struct mappings *mappings_create_next(const struct mappings *current, const struct network *net,
				      const uint32_t *from, uint32_t capacity, uint16_t index,
				      uint16_t count);

static inline struct mappings *mappings_create(const struct network *net, uint32_t capacity,
					       uint16_t index, uint16_t count)
{
	return mappings_create_next(NULL, net, NULL, capacity, index, count);
}

void mappings_destroy(struct mappings *m); /* NULL is fine */

/* Moves all mappings, and which ports of the slices in @from are taken. Worker. */
void mappings_take_over(struct mappings *next, struct mappings *current, const uint32_t *from);

/*
 * Gives @flow the egress address and port of its inner endpoint: those it has, or a free port of
 * @address (found from a random place, RFC 6056), but none of @kept (bit n: those whose last six
 * bits are n). Writes its slice. DROP_NONE, or why there is none: DROP_EGRESS_EXHAUSTED,
 * DROP_TABLE_FULL. @flows hashes. The endpoint is from now on reached by the flow's on-ramp.
 */
enum drop mappings_take(struct mappings *m, struct flow_table *flows, const struct network *net,
			uint32_t now_s, uint32_t address, uint64_t kept, struct flow *flow,
			uint32_t *slice);

/*
 * Undoes it. With its last flow the endpoint's mapping ends; but nobody else gets its port before
 * @rests_until_s, unless there is no memory left for mappings. 0: at once.
 */
void mappings_give(struct mappings *m, struct flow_table *flows, const struct network *net,
		   uint32_t slice, const struct flow *flow, uint32_t rests_until_s);

/* The same for a flow whose slice is gone; if it has no mapping, nothing. */
void mappings_lose(struct mappings *m, const struct flow_table *flows, const struct flow *flow);

/*
 * No port is left for @flow at its egress address: the one that has rested longest, and is none of
 * @kept, rests no more. False: none rests, as far as was looked.
 */
bool mappings_end_rest(struct mappings *m, const struct flow_table *flows,
		       const struct network *net, uint64_t kept, const struct flow *flow);

/*
 * Whose is @flow->nat_src and nat_port, for its protocol? Then writes the inner endpoint: site,
 * src, sport, and onramp. False: nobody's.
 */
bool mappings_find_home(const struct mappings *m, const struct flow_table *flows,
			struct flow *flow);

/* The inner endpoint of @flow is from now on reached by @flow->onramp. */
void mappings_move(struct mappings *m, const struct flow_table *flows, const struct flow *flow);

/*
 * After a change, and after its flows were swept: those that rest on slices that are gone end, what
 * rests of a site that is gone is nobody's, and endpoints whose tunnel is gone get another of their
 * site. Looks at up to @n records from @at on, which is moved. True: that was the last.
 */
bool mappings_follow_change(struct mappings *m, const struct flow_table *flows,
			    const struct network *net, uint32_t *at, unsigned n);
