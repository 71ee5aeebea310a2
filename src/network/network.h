/*
 * The network snapshot: all that workers read about sites, tunnels and egress addresses.
 *
 * Compiled from a network_spec by the control thread, published, never changed afterwards, freed
 * when every worker has passed a quiescent point (worker/worker.h).
 *
 *   site 0     the Internet; sites begin at 1
 *   tunnel 0   none; tunnels begin at 1
 *
 * Ids of sites and tunnels are stable: flows keep them, and so does every later network, whatever
 * the order of the file. They need not be consecutive: arrays by id have holes, whose tunnels have
 * site 0. Whoever wants all tunnels goes through tunnel_ids.
 *
 * All lookups: any worker, no locks, no allocation.
 */
#pragma once

#include "base/addr6.h"
#include "base/types.h"
#include "network/spec.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SITE_INTERNET = 0,
	TUNNEL_NONE = 0,
};

/* What stands around a tunnel's packets. All but the first are rare. */
enum tunnel_outer {
	OUTER_IPV4,
	OUTER_IPV4_FRAGMENTABLE, /* DF is clear: each packet needs an identification */
	OUTER_IPV6, /* the header is in network.headers6 */
};

/* What encapsulation needs of a tunnel: one cache line. */
struct tunnel {
	uint8_t header[TUNNEL_HEADER_IPV4]; /* outer headers, total length 0, checksum to match */
	uint8_t header_len;
	uint8_t port; /* index of the port it lives on */
	uint16_t mtu; /* largest inner packet */
	uint16_t site;
	be32_t address; /* source of ICMP errors towards this site */
	be32_t local, remote; /* 0: over IPv6 */
	uint32_t key;
	bool has_key;
	uint8_t type; /* enum tunnel_type */
	uint8_t outer; /* enum tunnel_outer */
	uint8_t pad[9];
};

static_assert(sizeof(struct tunnel) == CACHE_LINE, "a packet needs more than one line of a tunnel");

/* The outer headers of a tunnel over IPv6, apart, so that those over IPv4 do not pay for them. */
struct tunnel_header6 {
	uint8_t bytes[TUNNEL_HEADER_MAX]; /* traffic class, flow label and payload length are 0 */
	uint8_t pad[16];
};

static_assert(sizeof(struct tunnel_header6) == CACHE_LINE, "one more line for a tunnel over IPv6");

/* One worker's share of what a site may have. None: UINT32_MAX, and an interval of 0. */
struct site_limits {
	uint32_t flows;
	uint32_t half_open;
	uint32_t source_flows; /* of one host; */
	uint32_t source_half_open; /* the same */
	uint64_t interval_ns; /* between two new flows, in the long run */
	uint64_t burst_ns; /* how far ahead of the clock they may run: a second's worth */
	/* 16 * 2^32 / limit: by them a count becomes sixteenths of its limit without a division */
	uint64_t flows_16ths, half_open_16ths, source_flows_16ths, source_half_open_16ths;
};

/*
 * As far as the Internet may go that opens flows to a site: to the half of each, so that whoever
 * floods it from there leaves it the other half for what it begins itself.
 */
static inline struct site_limits site_limits_from_outside(const struct site_limits *l)
{
	return (struct site_limits){
		.flows = l->flows - l->flows / 2,
		.half_open = l->half_open - l->half_open / 2,
		.source_flows = l->source_flows - l->source_flows / 2,
		.source_half_open = l->source_half_open - l->source_half_open / 2,
		.interval_ns = l->interval_ns,
		.burst_ns = l->burst_ns / 2,
	};
}

struct site {
	struct site_limits limits;
	const struct prefix4 *prefixes;
	const struct prefix6 *prefixes6;
	uint32_t n_prefixes, n_prefixes6;
	const uint16_t *tunnels; /* [n_tunnels], ids in order of priority */
	uint16_t n_tunnels;
};

/* A tunnel that is gone, whose flows are not: until they are swept, its id must lead somewhere. */
struct retired_tunnel {
	uint16_t id;
	uint16_t site; /* SITE_INTERNET: is gone, too */
	uint16_t successor; /* the first tunnel that the site has; TUNNEL_NONE: it has none */
};

/* Which numbers the sites and tunnels of a spec have. */
struct network_ids {
	const uint16_t *sites; /* [spec.n_sites], as the spec's */
	const uint16_t *tunnels; /* of all sites, one after the other, as the spec's */
	const struct retired_tunnel *retired; /* [n_retired] */
	size_t n_retired;
	const uint8_t *ports; /* slot of each port, by the spec's numbers; NULL: the same */
};

/* Addresses of one site that leave untranslated. No two overlap. */
struct global_prefix {
	struct prefix6 prefix;
	uint16_t site;
};

/* One aligned range of ports on one address, owned by this gateway. */
struct slice {
	be32_t addr; /* 0: an IPv6 one */
	uint16_t first_port; /* host order */
	uint16_t pool;
	uint32_t size; /* ports */
	uint32_t address; /* number in network.addresses */
};

struct egress_address {
	struct addr6 addr6;
	be32_t addr; /* 0: it is the IPv6 one */
	uint16_t pool;
	uint8_t port; /* uplink */
	/* the first entry of an address: may the Internet open flows to one of its ports? */
	bool lets_in;
	uint32_t first_slice, n_slices; /* in network.slices, consecutive */
};

/* IPv4: mapped. */
static inline struct addr6 egress_address_of(const struct egress_address *a)
{
	return a->addr != 0 ? addr6_from_ipv4(a->addr) : a->addr6;
}

/* Of network.addresses, consecutive: IPv4 ones, then IPv6 ones. */
struct pool {
	uint32_t first_address, n_addresses;
	uint32_t first_address6, n_addresses6;
	uint32_t slice_size;
	uint8_t port;
	uint8_t mapping; /* enum pool_mapping */
	uint8_t filtering; /* enum pool_filtering */
};

struct network {
	struct network_spec spec; /* names and all else only people ask for; borrowed */
	struct tunnel *tunnels; /* [max_tunnel + 1], by id; of no tunnel: site 0 */
	struct addr6 *tunnel_addresses6; /* [max_tunnel + 1]: our IPv6 address inside; zero: none */
	struct tunnel_header6 *headers6; /* [max_tunnel + 1]; zero: over IPv4 */
	const struct spec_tunnel **tunnel_specs; /* [max_tunnel + 1]; NULL: no tunnel */
	uint16_t *tunnel_ids; /* [n_tunnels]: all of them, as the spec's, site by site */
	uint32_t n_tunnels, max_tunnel;
	struct site *sites; /* [max_site + 1], by id */
	const struct spec_site **site_specs; /* [max_site + 1]; NULL: no site */
	uint16_t *site_ids; /* [n_sites]: all of them, as the spec's */
	uint32_t n_sites, max_site;
	struct retired_tunnel *retired; /* [n_retired] */
	size_t n_retired;
	struct pool *pools;
	uint32_t n_pools;
	const struct pool *egress, *egress6; /* of the default routes; NULL: no such address */
	uint8_t uplink6; /* the port by which IPv6 leaves, with or without an address of ours */
	struct global_prefix *globals; /* sorted */
	uint32_t n_globals;
	struct egress_address *addresses;
	uint32_t n_addresses;
	struct slice *slices;
	uint32_t n_slices;
	struct network_index *index; /* private to network/ */
};

/*
 * @spec is borrowed and must outlive the network. @ids: NULL numbers sites and tunnels from 1 on,
 * in the order of the spec. NULL on failure, with errno: ENOMEM, or EINVAL where an id is 0, given
 * twice, or more than SPEC_SITES_MAX or SPEC_TUNNELS_MAX, by which workers bound what they keep.
 * Control thread.
 */
struct network *network_create(const struct network_spec *spec, const struct network_ids *ids);
void network_destroy(struct network *net); /* NULL is fine */

/* Is there a site, or a tunnel, with this id? Any id. */
static inline bool network_has_site(const struct network *net, uint16_t site)
{
	return site <= net->max_site && net->site_specs[site] != NULL;
}

/* The limits of the site that a flow is of; of one that is gone, nothing is allowed. */
static inline const struct site_limits *network_limits(const struct network *net, uint16_t site)
{
	return &net->sites[site <= net->max_site ? site : SITE_INTERNET].limits;
}

static inline bool network_has_tunnel(const struct network *net, uint16_t tunnel)
{
	return tunnel <= net->max_tunnel && net->tunnels[tunnel].site != SITE_INTERNET;
}

/* Any id: one that the network does not have is "removed". */
const char *network_site_name(const struct network *net, uint16_t site);
const char *network_tunnel_name(const struct network *net, uint16_t tunnel);

/* The site or tunnel of this name; SITE_INTERNET, TUNNEL_NONE: there is none. */
uint16_t network_find_site(const struct network *net, const char *name);
uint16_t network_find_tunnel_name(const struct network *net, const char *name);

/* What the operator asked for; NULL: no tunnel has this id. */
const struct spec_tunnel *network_tunnel_spec(const struct network *net, uint16_t tunnel);

/*
 * Which tunnel do these outer addresses and key (host order; 0 and has_key false: none) belong to?
 * @local is the packet's destination. TUNNEL_NONE: none.
 */
uint16_t network_find_tunnel(const struct network *net, be32_t local, be32_t remote, bool has_key,
			     uint32_t key);

/* The same for outer IPv6. */
uint16_t network_find_tunnel6(const struct network *net, const struct addr6 *local,
			      const struct addr6 *remote, bool has_key, uint32_t key);

/* The outer addresses of a tunnel; IPv4: mapped. */
struct addr6 network_tunnel_local(const struct network *net, uint16_t tunnel);
struct addr6 network_tunnel_remote(const struct network *net, uint16_t tunnel);

/*
 * By which tunnel do returns to @site go that went by @tunnel? By that one; if it is none of the
 * site's any more, by its first. TUNNEL_NONE: there is no such site.
 */
uint16_t network_onramp(const struct network *net, uint16_t site, uint16_t tunnel);

/* The largest inner packet of a tunnel, bytes, where its outer packets have room for @outer. */
uint16_t network_inner_mtu(const struct network *net, uint16_t tunnel, uint16_t outer);

/* Is @addr one of our egress addresses? Its index in addresses, or -1. */
int network_find_address(const struct network *net, be32_t addr);

/* The same of an IPv6 address. */
int network_find_address6(const struct network *net, const struct addr6 *addr);

/* The same of an address of either family; IPv4: mapped. */
int network_find_egress(const struct network *net, const struct addr6 *addr);

/* Whose global prefix is @addr in? The site, or SITE_INTERNET: in none. */
uint16_t network_find_global(const struct network *net, const struct addr6 *addr);

/* Has any tunnel, with whatever key, these outer addresses? IPv4: mapped. */
bool network_has_tunnel_between(const struct network *net, const struct addr6 *local,
				const struct addr6 *remote);

/* Is @addr the local end of any tunnel? */
bool network_is_local_end(const struct network *net, be32_t addr);
bool network_is_local_end6(const struct network *net, const struct addr6 *addr);

/* The same of an address of either family; IPv4: mapped. */
bool network_is_end(const struct network *net, const struct addr6 *addr);

/* Can IPv6 of sites leave: by an egress address, or from global prefixes? spec_forwards_ipv6(). */
bool network_forwards_ipv6(const struct network *net);

/*
 * Is there IPv6 anywhere: forwarded, or around tunnels? Whoever would save the work where there is
 * none asks here.
 */
bool network_uses_ipv6(const struct network *net);

/*
 * May hosts behind @tunnel use IPv6? Those of a site that lists prefixes do if any of them is of
 * IPv6; those of one that lists none may where IPv6 is translated, or ends at the gateway.
 */
bool network_tunnel_has_ipv6(const struct network *net, uint16_t tunnel);

/* Is @addr an egress address or the local end of a tunnel? */
bool network_is_ours6(const struct network *net, const struct addr6 *addr);

/* The owned slice that holds @port (host order) of address number @address; -1: not ours. */
int network_find_slice(const struct network *net, uint32_t address, uint16_t port);

/* The pool whose slice holds @port (host order) of @addr; NULL: not ours. */
const struct pool *network_find_pool(const struct network *net, be32_t addr, uint16_t port);

/* May the Internet open flows to @port (host order) of @addr, if somebody has it? */
bool network_lets_in(const struct network *net, be32_t addr, uint16_t port);

/* The same of any port of @addr. */
bool network_address_lets_in(const struct network *net, be32_t addr);

/* May @src (inner source) come from @site? */
bool network_source_allowed(const struct network *net, uint16_t site, be32_t src);
bool network_source6_allowed(const struct network *net, uint16_t site, const struct addr6 *src);
