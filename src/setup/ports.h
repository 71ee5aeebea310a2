/*
 * Ports: this worker's part of the slices, how many flows each port has, and the order in which the
 * ports of an address are looked at.
 *
 * Private to setup/. One struct egress_state a worker, written by it alone.
 */
#pragma once

#include "network/network.h"
#include "setup/setup.h"

enum {
	RESERVE_EVERY = 16, /* each so many-th port is only for sites with few flows */
	WALKS = 8, /* orders of an address's ports */
	PORT_PARTS = 4, /* by two bits of the port: parts of all slices, for starts in turn */
	PART_PORTS = 16, /* so many in a row are of one part, the next ones of the next */
};

struct slice_use {
	struct slice_counters counters;
	uint32_t *flows_of_port; /* [size of slice] */
	uint32_t first, n; /* this worker's ports: offsets into the slice */
};

/* One of this worker's ports of an address. */
struct place {
	uint16_t slice; /* of the address: 0 to its n_slices - 1 */
	uint16_t at; /* of this worker's part of it: 0 to n - 1 */
};

struct mappings;
struct shortages;

/* Which parts of the ports are used since this start, and which are left for the next one. */
struct port_turns {
	bool taken; /* false: all are used */
	uint8_t own, fallow; /* parts */
	uint32_t open_s; /* until then only those of our own part are first choice; 0: it is over */
};

struct egress_state {
	struct slice_use *slices; /* as network.slices */
	uint32_t n_slices;
	uint64_t kept; /* bit n: ports whose last six bits are n are of the reserve */
	uint64_t first_choice; /* the same: those that may be taken at once */
	struct port_turns turns;
	struct place (*steps)[WALKS]; /* as network.addresses: how far from one port to the next */
	struct mappings *mappings; /* of endpoint-independent pools */
	struct shortages *shortages;
	/* of one that takes over another: [n_slices] numbers that slices had there, + 1; 0: new */
	uint32_t *from;
};

static inline bool ports_are_reserve(uint32_t port)
{
	return port % RESERVE_EVERY == RESERVE_EVERY - 1;
}

/* Is it one of the reserve, and is there one? */
static inline bool ports_are_kept(const struct egress_state *e, uint32_t port)
{
	return e->kept >> (port & 63) & 1;
}

/*
 * Has a port to rest that this flow had? Not if its connection was closed: it has rested for as
 * long as `tcp-closed` says.
 */
static inline bool ports_have_to_rest(const struct context *ctx, const struct flow *flow)
{
	return ctx->rest_s > 0 && !(flow->state == FLOW_TCP_CLOSED &&
				    ctx->timers.state_s[FLOW_TCP_CLOSED] >= ctx->rest_s);
}

static inline bool ports_are_first_choice(const struct egress_state *e, uint32_t port)
{
	return e->first_choice >> (port & 63) & 1;
}

/* The part that this worker has of each slice of @address: all slices of a pool are alike. */
static inline const struct slice_use *ports_part(const struct egress_state *e,
						 const struct egress_address *address)
{
	return &e->slices[address->first_slice];
}

/* How many ports of @address this worker has. */
static inline uint32_t ports_count(const struct egress_state *e,
				   const struct egress_address *address)
{
	return address->n_slices * ports_part(e, address)->n;
}

static inline uint16_t ports_number(const struct context *ctx, const struct egress_address *address,
				    struct place place)
{
	const struct slice *slice = &ctx->net->slices[address->first_slice + place.slice];

	return (uint16_t)(slice->first_port + ports_part(ctx->egress, address)->first + place.at);
}

/* By a random number of 64 bits. */
static inline struct place ports_random(const struct egress_state *e,
					const struct egress_address *address, uint64_t random)
{
	uint32_t n = ports_part(e, address)->n;

	return (struct place){
		.slice = (uint16_t)(((random & UINT32_MAX) * address->n_slices) >> 32),
		.at = (uint16_t)(((random >> 32) * n) >> 32),
	};
}

/*
 * The next one: a step is added, place by place as two digits of a number. Every port of the
 * address comes once before the first one comes again.
 */
static inline struct place ports_next(const struct egress_state *e,
				      const struct egress_address *address, struct place place,
				      struct place step)
{
	uint32_t n = ports_part(e, address)->n;
	uint32_t at = (uint32_t)place.at + step.at, slice = (uint32_t)place.slice + step.slice;

	if (at >= n) {
		at -= n;
		slice++;
	}
	if (slice >= address->n_slices)
		slice -= address->n_slices;
	return (struct place){(uint16_t)slice, (uint16_t)at};
}

/*
 * As egress_create(), and to take over @before: the slices of which @from has numbers get their
 * counts of flows from there. @from is owned, also on failure; NULL, as @before: nothing is.
 */
struct egress_state *ports_create(const struct network *net, const struct egress_state *before,
				  uint32_t *from, uint32_t capacity, uint16_t index,
				  uint16_t count);

/* Is there a reserve now? It follows the number of sites. */
void ports_keep_reserve(struct egress_state *e, const struct network *net);

/* The port that @s has chosen: one flow more or less. */
void ports_count_flow(struct setup *s, int change);

/* Asks memory for what that will write. */
void ports_prefetch(const struct setup *s);
