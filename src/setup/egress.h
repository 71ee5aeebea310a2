/*
 * What a worker knows of egress: its part of the slices, the flows of each port, and which ports
 * it prefers.
 *
 * Private to setup/. One struct egress_state for each worker, which alone writes it. slices.h,
 * ports.h, mapping.h and shortage.h each handle one part of it.
 */
#pragma once

#include "network/network.h"
#include "setup/setup.h"

enum { WALKS = 8 }; /* different orders of an address's ports */

struct slice_use {
	struct slice_counters counters;
	uint32_t *flows_of_port; /* [size of slice] */
	uint32_t first, n; /* this worker's ports: offsets into the slice */
};

/* One of this worker's ports of an address. */
struct place {
	uint16_t slice; /* index within the address: 0 to its n_slices - 1 */
	uint16_t at; /* index within this worker's part: 0 to n - 1 */
};

struct mappings;
struct shortages;

/* The parts of the ports for this start and for the next one. */
struct port_turns {
	bool taken; /* false: all parts are used */
	uint8_t own, fallow; /* the part of this start, the part left for the next */
	uint32_t open_s; /* until then only our own part is first choice; 0: no longer */
};

struct egress_state {
	struct slice_use *slices; /* as network.slices */
	uint32_t n_slices;
	uint64_t kept; /* bit n: ports whose last six bits are n are in the reserve */
	uint64_t first_choice; /* the same for ports of first choice */
	struct port_turns turns;
	struct place (*steps)[WALKS]; /* indexed as network.addresses: step between ports */
	struct mappings *mappings; /* of endpoint-independent pools */
	struct shortages *shortages;
	/* when it takes over another one: [n_slices] old number of each slice, + 1; 0: new */
	uint32_t *from;
};

/*
 * As egress_create(), to take over @before: slices with a number in @from get their counts of flows
 * from there. Takes ownership of @from, also on failure. Both may be NULL: nothing is taken over.
 */
struct egress_state *egress_create_from(const struct network *net,
					const struct egress_state *before, uint32_t *from,
					uint32_t capacity, uint16_t index, uint16_t count);
