/*
 * Ports: the order in which a search visits the ports of an address, the reserve, and the parts
 * that successive starts leave unused.
 *
 * Private to setup/.
 */
#pragma once

#include "setup/egress.h"

enum {
	RESERVE_EVERY = 16, /* one port in this many is reserved for sites with few flows */
	PORT_PARTS = 4, /* by two bits of the port: parts of every slice, for successive starts */
	PART_PORTS = 16, /* consecutive ports of one part, before the next part begins */
};

static inline bool ports_are_reserve(uint32_t port)
{
	return port % RESERVE_EVERY == RESERVE_EVERY - 1;
}

/* Is there a reserve, and is the port in it? */
static inline bool ports_are_kept(const struct egress_state *e, uint32_t port)
{
	return e->kept >> (port & 63) & 1;
}

/*
 * Must the port of an ended flow rest? Not after a closed connection, since it has rested for the
 * timeout `tcp-closed`.
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

/* This worker's part of each slice of @address: the same in all slices of a pool. */
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

/* A port of this worker by a random number of 64 bits. */
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
 * The next port of a search: adds the step, as numbers with two digits. Every port of the address
 * is visited once before any is visited again.
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

/* Computes the steps of all addresses, after slices_create(). False: memory ran out. */
bool ports_create_steps(struct egress_state *e, const struct network *net);

/* Sets whether there is a reserve, by the number of sites. */
void ports_keep_reserve(struct egress_state *e, const struct network *net);
