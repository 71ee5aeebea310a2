/* The egress addresses of a host. Private to setup/. */
#pragma once

#include "setup/setup.h"

/* The pool's addresses of the flow's family, in network.addresses. */
struct address_range {
	uint32_t first, n;
};

static inline struct address_range address_range_of(const struct setup *s)
{
	if (s->six != NULL)
		return (struct address_range){s->pool->first_address6, s->pool->n_addresses6};
	return (struct address_range){s->pool->first_address, s->pool->n_addresses};
}

/* Index, 0 to n - 1, of the host's own address among them. */
static ALWAYS_INLINE uint32_t address_place_of_host(const struct setup *s)
{
	uint64_t half = s->six != NULL ? s->six->src.half[0] ^ s->six->src.half[1] : 0;
	uint32_t src = s->six != NULL ? (uint32_t)(half ^ half >> 32) : ntohl(s->flow.src);
	uint32_t host = (src ^ (uint32_t)s->flow.site << 16) * 0x9e3779b1u;

	return (uint32_t)(((uint64_t)host * address_range_of(s).n) >> 32);
}

/* The number of the host's own address in network.addresses. */
static ALWAYS_INLINE uint32_t address_of_host(const struct setup *s)
{
	return address_range_of(s).first + address_place_of_host(s);
}

/*
 * How many addresses are tried for one flow, and the @i-th of them: the host's own first, then the
 * following ones.
 */
uint32_t addresses_to_try(const struct setup *s);
uint32_t address_in_turn(const struct setup *s, uint32_t i);

/* May the flow's site take ports of the reserve (setup/ports.h)? */
bool address_may_use_reserve(const struct setup *s);
