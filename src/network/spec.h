/*
 * What an operator asked for, checked and in plain structs: the output of control/config, the
 * input of network_create(). Owns its memory; nothing in it changes after it was read.
 *
 * Control thread only.
 */
#pragma once

#include "base/addr6.h"
#include "base/types.h"
#include "tunnel/kind.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	SPEC_NAME_SIZE = 64, /* bytes, NUL included */
	SPEC_SITES_MAX = 65534, /* ids are 16 bits; 0 is the Internet */
	SPEC_TUNNELS_MAX = 65000, /* of 65,517 nexthops: the others are neighbours */
	SPEC_FIRST_PORT = 1024, /* those below belong to services */
	SPEC_SLICES_MAX = 1024, /* 65,536 ports in slices of 64, the smallest size */
	SPEC_PORT_ANY = 0xffff,
};

/* The configuration's words: may routers fragment the tunnel's packets? */
enum outer_df { OUTER_DF_SET, OUTER_DF_CLEAR };

/* Keepalives of ours (control/keepalive.h). */
struct spec_keepalive {
	uint16_t interval; /* seconds; 0: none are sent */
	uint16_t retries; /* that may be unanswered in a row */
};

struct spec_tunnel {
	char name[SPEC_NAME_SIZE];
	enum tunnel_type type;
	struct addr6 local; /* our outer address; IPv4: mapped */
	struct addr6 remote; /* the site's, of the same family */
	bool has_key; /* RFC 2890 */
	uint32_t key;
	struct addr6 address; /* ours inside, mapped: of ICMP errors; zero: local, or RFC 7600's */
	struct addr6 address6; /* the same for ICMPv6; zero: local; over IPv4 none are sent */
	uint16_t mtu; /* largest inner packet, bytes */
	bool mtu_given; /* in the file, not by default */
	enum outer_df outer_df; /* of the outer IPv4 header */
	uint16_t outer_ttl; /* or hop limit: 1 to 255; 0: 64 */
	uint16_t port; /* index into the ports of the configuration */
	struct spec_keepalive keepalive;
};

/* What a site may have at most, on all workers together. 0: no limit. */
struct spec_limits {
	uint32_t flows;
	uint32_t new_flows_per_second;
	uint32_t half_open; /* TCP connections that are not yet established */
	uint32_t source_flows; /* of one host of the site */
	uint32_t source_half_open; /* the same */
};

struct spec_site {
	char name[SPEC_NAME_SIZE];
	struct spec_limits limits;
	struct prefix4 *prefixes; /* its sources may only be these; none of either family: any */
	size_t n_prefixes;
	struct prefix6 *prefixes6;
	size_t n_prefixes6;
	struct prefix6 *global_prefixes; /* sources besides, which leave untranslated */
	size_t n_global_prefixes;
	struct spec_tunnel *tunnels; /* in order of priority */
	size_t n_tunnels;
};

struct spec_address {
	struct addr6 addr; /* IPv4: mapped */
	uint64_t slices[SPEC_SLICES_MAX / 64]; /* bit k: ports k * slice_size and up are ours */
};

/* What an inner endpoint looks like from outside (RFC 4787 section 4.1). */
enum pool_mapping {
	MAPPING_ADDRESS_AND_PORT_DEPENDENT, /* ports are shared between destinations */
	MAPPING_ENDPOINT_INDEPENDENT, /* one address and port towards everybody, its own */
};

extern const char *const pool_mapping_names[]; /* NULL ends it */

/* Who may send to an egress port that an inner endpoint has (RFC 4787 section 5). */
enum pool_filtering {
	FILTERING_ADDRESS_AND_PORT_DEPENDENT, /* whom the endpoint has sent to */
	FILTERING_ENDPOINT_INDEPENDENT, /* everybody: only with the mapping of that name */
};

extern const char *const pool_filtering_names[]; /* NULL ends it */

struct spec_pool {
	char name[SPEC_NAME_SIZE];
	enum pool_mapping mapping;
	enum pool_filtering filtering;
	uint16_t port; /* the uplink: index into the ports of the configuration */
	uint32_t slice_size; /* ports a slice, a power of two, 64 to 32,768 */
	struct spec_address *addresses;
	size_t n_addresses;
};

struct network_spec {
	struct spec_site *sites;
	size_t n_sites;
	struct spec_pool *pools; /* the first with addresses of a family is its default route's */
	size_t n_pools;
	struct spec_limits limits; /* of sites that say nothing else; control/config spreads them */
	uint16_t workers; /* share the limits; 0: one */
	bool in_between; /* for a moment only: renewal.h */
};

void network_spec_fini(struct network_spec *spec);

/* Are the tunnel's outer addresses IPv6 ones? */
static inline bool spec_is_over_ipv6(const struct spec_tunnel *t)
{
	return addr6_is_ipv6(&t->local);
}

/* Bytes that the tunnel puts in front of a packet, without Ethernet. */
uint16_t spec_overhead(const struct spec_tunnel *t);

/* Its largest inner packet where outer ones may have @outer bytes; 0: none fits. */
uint32_t spec_inner_mtu(const struct spec_tunnel *t, uint32_t outer);

/* Has IPv6 an address to leave by: one of a pool, or one in a global prefix? */
bool spec_forwards_ipv6(const struct network_spec *spec);

/* Slices of an address, those of ports for services too. */
uint32_t spec_n_slices(uint32_t slice_size);

static inline bool spec_owns_slice(const struct spec_address *a, uint32_t slice)
{
	return a->slices[slice / 64] >> (slice % 64) & 1;
}
