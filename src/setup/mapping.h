/*
 * Mappings of endpoint-independent pools (RFC 4787 REQ-1): one inner endpoint (site, source address
 * and port, protocol) has one exclusive egress address and port towards all destinations.
 *
 * Private to setup/; used by endpoint.c. control/ uses the sizes. One table for each worker, which
 * alone writes it.
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

/* Bytes that mappings_create() allocates for endpoints, if a pool is endpoint-independent. */
static inline uint64_t mappings_bytes(uint32_t capacity)
{
	return (uint64_t)capacity * MAPPING_BYTES +
	       UINT64_C(2) * mappings_heads(capacity) * sizeof(uint32_t);
}

/*
 * For up to @capacity endpoints on part @index of @count of each slice. NULL if memory ran out.
 * Pools that share ports need no memory. If @current will be moved to another network
 * (egress_create_next()), what mappings_take_over() will move is not allocated; @from: as
 * egress_state.from. Both are NULL otherwise. Control thread.
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

/* Moves all mappings, and the bitmaps of ports of the slices in @from. Worker. */
void mappings_take_over(struct mappings *next, struct mappings *current, const uint32_t *from);

/*
 * Gives @flow the egress address and port of its inner endpoint: those of its mapping, or a free
 * port of @address, searched from a random port (RFC 6056), except ports in @kept (bit n: ports
 * whose last six bits are n). Writes the slice. DROP_NONE, DROP_EGRESS_EXHAUSTED or
 * DROP_TABLE_FULL. @flows gives the hash. The endpoint's tunnel becomes the flow's on-ramp.
 *
 * If @flow has an egress port, found by mappings_find_home(), it keeps that port: an endpoint can
 * have two mappings in one pool. DROP_NO_FLOW: the mapping has ended since, with its last flow.
 */
enum drop mappings_take(struct mappings *m, struct flow_table *flows, const struct network *net,
			uint32_t now_s, uint32_t address, uint64_t kept, struct flow *flow,
			uint32_t *slice);

/*
 * The same for a flow of an earlier process, which has its egress port, in @slice. False: another
 * endpoint has the port, or no record is free.
 */
bool mappings_adopt(struct mappings *m, const struct flow_table *flows, const struct network *net,
		    uint32_t slice, const struct flow *flow);

/*
 * Undoes mappings_take(). The mapping ends with its last flow, but its port is not used by others
 * before @rests_until_s (0: at once), unless mappings are exhausted.
 */
void mappings_give(struct mappings *m, struct flow_table *flows, const struct network *net,
		   uint32_t slice, const struct flow *flow, uint32_t rests_until_s);

/* The same for a flow whose slice was removed. Does nothing if the flow has no mapping. */
void mappings_lose(struct mappings *m, const struct flow_table *flows, const struct flow *flow);

/*
 * Called when no port is free for @flow at its egress address: frees the port that has rested
 * longest and is not in @kept. False: none was found.
 */
bool mappings_end_rest(struct mappings *m, const struct flow_table *flows,
		       const struct network *net, uint64_t kept, const struct flow *flow);

/*
 * Finds the inner endpoint of @flow->nat_src and nat_port for the flow's protocol, and writes it:
 * site, src, sport, and onramp. False: there is none.
 */
bool mappings_find_home(const struct mappings *m, const struct flow_table *flows,
			struct flow *flow);

/* Sets the tunnel of @flow's inner endpoint to @flow->onramp. */
void mappings_move(struct mappings *m, const struct flow_table *flows, const struct flow *flow);

/*
 * After a change, when flows have been swept: ends resting mappings on removed slices, clears the
 * site of resting mappings of removed sites, and gives endpoints of removed tunnels another tunnel
 * of their site. Visits up to @n records from @at on and advances @at. True: all are done.
 */
bool mappings_follow_change(struct mappings *m, const struct flow_table *flows,
			    const struct network *net, uint32_t *at, unsigned n);
