/*
 * The shape of a network: how many sites, tunnels, routes and servers there are, and who is who among
 * them. All of it is computed from numbers, nothing is stored.
 *
 * Flow i comes out of tunnel i % tunnels; so many tunnels, one after the other, are a site. All sites
 * use the same hosts and ports.
 */
#pragma once

#include "base/types.h"

#include <stdbool.h>
#include <stdint.h>

struct shape {
	unsigned tunnels;
	unsigned tunnels_per_site; /* divides tunnels */
	unsigned routes; /* behind the uplink, besides the default route */
	unsigned vnet_routes; /* the same of the virtual network, to the egress pool */
	unsigned servers; /* a power of two; where there are routes, each behind another one */
	/* servers are behind one more site, an interconnect on the uplink's port: no translation */
	bool is_private;
	bool is_sealed; /* tunnels are of IPsec, and not of GRE */
};

extern const struct shape shape_usual;

/* Addresses and ports are in host order. */
uint32_t shape_remote(unsigned tunnel);
uint32_t shape_src(const struct shape *s, uint32_t flow);
uint16_t shape_sport(const struct shape *s, uint32_t flow);
uint32_t shape_dst(const struct shape *s, uint32_t flow);

/* Route number @i: global unicast, 16 to 24 bits, as long as on the Internet, in no order. */
struct prefix4 shape_route(unsigned i);
