/*
 * The network snapshot: all that workers read about sites, tunnels and egress addresses.
 *
 * Compiled from a network_spec by the control thread, published, never changed afterwards, freed
 * when every worker has passed a quiescent point (worker/worker.h).
 *
 *   site 0     the Internet; sites begin at 1
 *   tunnel 0   none; tunnels begin at 1
 *   vnet 0     the virtual network `default`
 *
 * Ids of sites, tunnels and virtual networks are stable: flows store them, and every later network
 * keeps them, whatever the order in the file. They need not be consecutive: arrays by id have
 * holes, which have site 0 in the tunnels. To visit all tunnels, use tunnel_ids.
 *
 * All lookups: any worker, no locks, no allocation.
 */
#pragma once

#include "base/addr6.h"
#include "base/types.h"
#include "network/spec.h"
#include "network/trie.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SITE_INTERNET = 0,
	TUNNEL_NONE = 0,
};

/* The outer header of a tunnel's packets. All but the first are rare. */
enum tunnel_outer {
	OUTER_IPV4,
	OUTER_IPV4_FRAGMENTABLE, /* DF is clear: each packet needs an identification */
	OUTER_IPV6, /* the header is in network.headers6 */
	OUTER_NONE, /* an interconnect: only a VLAN tag, or nothing */
};

/* A tunnel. What encapsulation needs of it is in its nexthop, too (nexthop.h). */
struct tunnel {
	uint8_t header[TUNNEL_HEADER_IPV4]; /* outer headers, total length 0, checksum to match */
	uint8_t header_len;
	uint8_t port; /* index of the port of its outer packets */
	uint16_t mtu; /* largest inner packet */
	uint16_t site;
	be32_t address; /* source of ICMP errors towards this site */
	be32_t local, remote; /* 0: not over IPv4 */
	uint32_t key;
	bool has_key;
	uint8_t type; /* enum tunnel_type */
	uint8_t outer; /* enum tunnel_outer */
	bool by_route; /* returns of its flows take a route: setup/vnet.c */
	uint8_t pad[8];
};

static_assert(sizeof(struct tunnel) == CACHE_LINE, "a packet needs more than one line of a tunnel");

/*
 * The outer headers of a tunnel over IPv6. They are separate, so that tunnels over IPv4 stay small.
 */
struct tunnel_header6 {
	uint8_t bytes[TUNNEL_HEADER_MAX]; /* traffic class, flow label and payload length are 0 */
	uint8_t pad[16];
};

static_assert(sizeof(struct tunnel_header6) == CACHE_LINE, "one more line for a tunnel over IPv6");

/* One worker's share of a site's limits. No limit: UINT32_MAX, and an interval of 0. */
struct site_limits {
	uint32_t flows;
	uint32_t half_open;
	uint32_t source_flows; /* of one host */
	uint32_t source_half_open; /* of one host */
	uint64_t interval_ns; /* average interval between two new flows */
	uint64_t burst_ns; /* how far ahead of the clock new flows may run: one second's worth */
	/* 16 * 2^32 / limit: a multiplication gives a count in sixteenths of its limit */
	uint64_t flows_16ths, half_open_16ths, source_flows_16ths, source_half_open_16ths;
};

/*
 * The limit for flows that the Internet opens to a site: half of the site's limit. So a flood from
 * the Internet leaves the other half to flows that the site opens.
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

/* Two cache lines. */
struct site {
	struct site_limits limits;
	const struct prefix4 *prefixes; /* [n_prefixes], sorted, none within another */
	const struct prefix6 *prefixes6;
	uint32_t n_prefixes, n_prefixes6;
	const uint16_t *tunnels; /* [n_tunnels], ids in order of priority */
	uint16_t n_tunnels;
	uint16_t vnet; /* id of its virtual network */
	bool no_egress; /* public destinations need a route */
	bool by_source; /* a hash of a flow's source names its worker: path/owner.h */
	bool is_mixed; /* routes lead to pools of another mapping than that of `egress` */
	uint8_t pad;
	const struct pool *egress, *egress6; /* without a route; NULL: none of the family */
	uint8_t pad2[8];
};

static_assert(sizeof(struct site) == 2 * CACHE_LINE, "a first packet reads two lines of a site");

/*
 * A removed tunnel that may still have flows. Until they are swept, its id leads to the successor.
 */
struct retired_tunnel {
	uint16_t id;
	uint16_t site; /* SITE_INTERNET: the site is removed, too */
	uint16_t successor; /* the first tunnel of the site; TUNNEL_NONE: none */
};

/* The ids of the sites, tunnels and virtual networks of a spec. */
struct network_ids {
	const uint16_t *sites; /* [spec.n_sites], in the order of the spec */
	const uint16_t *tunnels; /* of all sites, in the order of the spec */
	const struct retired_tunnel *retired; /* [n_retired] */
	size_t n_retired;
	const uint16_t *vnets; /* [spec.n_vnets]; the first is 0. NULL: in the order of the spec */
	const uint8_t *ports; /* slot of each port, by its number in the spec; NULL: the number */
};

/* A prefix of one site whose addresses are not translated. No two overlap. */
struct global_prefix {
	struct prefix6 prefix;
	uint16_t site;
};

/* One aligned range of ports on one address, owned by this gateway. */
struct slice {
	be32_t addr; /* 0: an IPv6 address */
	uint16_t first_port; /* host order */
	uint16_t pool;
	uint32_t size; /* ports */
	uint32_t address; /* number in network.addresses */
};

struct egress_address {
	struct addr6 addr6;
	be32_t addr; /* 0: the IPv6 address is used */
	uint16_t pool;
	uint8_t port; /* uplink */
	/* in the first entry of an address: may the Internet open flows to any of its ports? */
	bool lets_in;
	uint32_t first_slice, n_slices; /* in network.slices, consecutive */
};

/* IPv4: mapped. */
static inline struct addr6 egress_address_of(const struct egress_address *a)
{
	return a->addr != 0 ? addr6_from_ipv4(a->addr) : a->addr6;
}

/* The pool's entries in network.addresses, consecutive: IPv4, then IPv6. */
struct pool {
	uint32_t first_address, n_addresses;
	uint32_t first_address6, n_addresses6;
	uint32_t slice_size;
	uint8_t port;
	uint8_t mapping; /* enum pool_mapping */
	uint8_t filtering; /* enum pool_filtering */
	bool is_used; /* flows use it by default, or by a route */
};

/* A virtual network. */
struct vnet {
	const struct spec_vnet *spec; /* NULL: no virtual network has this id */
	struct trie routes, routes6; /* the operator's; values: index in spec->routes */
	struct trie aliases; /* of its sites, both families; values: index in network.aliases */
	uint8_t mappings; /* bit by enum pool_mapping: of pools that routes lead to */
};

/* An alias of a site (spec.h). */
struct alias {
	struct spec_alias spec;
	uint16_t site;
};

struct network {
	struct network_spec spec; /* names and other data not needed by packets; borrowed */
	bool is_large; /* the rows of its tunnels and sites do not stay in the cache */
	bool by_route; /* of some tunnel */
	uint16_t *tunnel_sites; /* [max_tunnel + 1]: of each tunnel; SITE_INTERNET: no tunnel */
	struct tunnel *tunnels; /* [max_tunnel + 1], by id; site 0: no tunnel has the id */
	struct addr6 *tunnel_addresses6; /* [max_tunnel + 1]: our IPv6 address inside; zero: none */
	struct tunnel_header6 *headers6; /* [max_tunnel + 1]; zero: over IPv4 */
	const struct spec_tunnel **tunnel_specs; /* [max_tunnel + 1]; NULL: no tunnel */
	uint16_t *tunnel_ids; /* [n_tunnels]: all of them, in the order of the spec, site by site */
	uint32_t n_tunnels, max_tunnel;
	uint32_t n_interconnects; /* of the tunnels */
	uint32_t n_sealed; /* likewise: packets need an SA */
	struct site *sites; /* [max_site + 1], by id */
	struct prefix4 *prefixes; /* of all sites */
	struct prefix6 *prefixes6;
	const struct spec_site **site_specs; /* [max_site + 1]; NULL: no site */
	uint16_t *site_ids; /* [n_sites]: all of them, in the order of the spec */
	uint32_t n_sites, max_site;
	uint16_t *vnet_ids; /* [n_vnets]: all of them, in the order of the spec */
	uint32_t n_vnets, max_vnet;
	struct vnet *vnets; /* [max_vnet + 1], by id */
	struct alias *aliases; /* [n_aliases] */
	uint32_t n_aliases;
	bool has_routes6; /* a virtual network has a route of IPv6 */
	bool lets_in; /* flows may use a pool that lets the Internet open flows */
	struct retired_tunnel *retired; /* [n_retired] */
	size_t n_retired;
	struct pool *pools;
	uint32_t n_pools;
	/* of sites whose virtual network names no other; NULL: none of the family */
	const struct pool *egress, *egress6;
	uint8_t uplink6; /* the uplink of IPv6, also without an egress address */
	struct global_prefix *globals; /* sorted */
	uint32_t n_globals;
	struct prefix6
		*untranslated; /* sources that a route lets out, mapped; sorted, none double */
	uint32_t n_untranslated;
	struct egress_address *addresses;
	uint32_t n_addresses;
	struct slice *slices;
	uint32_t n_slices;
	struct network_index *index; /* private to network/ */
};

/*
 * @spec is borrowed and must outlive the network. @ids may be NULL: then sites and tunnels are
 * numbered from 1 in the order of the spec. NULL on failure, with errno: ENOMEM, or EINVAL if an id
 * is 0, not unique, or above SPEC_SITES_MAX or SPEC_TUNNELS_MAX, the bounds of the arrays of
 * workers, or if the first virtual network has another id than 0. Control thread.
 */
struct network *network_create(const struct network_spec *spec, const struct network_ids *ids);
void network_destroy(struct network *net); /* NULL is fine */

/* Is there a site, or a tunnel, with this id? Any id. */
static inline bool network_has_site(const struct network *net, uint16_t site)
{
	return site <= net->max_site && net->site_specs[site] != NULL;
}

/* The limits of a flow's site. A removed site is allowed nothing. */
static inline const struct site_limits *network_limits(const struct network *net, uint16_t site)
{
	return &net->sites[site <= net->max_site ? site : SITE_INTERNET].limits;
}

static inline bool network_has_tunnel(const struct network *net, uint16_t tunnel)
{
	return tunnel <= net->max_tunnel && net->tunnels[tunnel].site != SITE_INTERNET;
}

/* The name by id. Any id: "removed" if the network does not have it. */
const char *network_site_name(const struct network *net, uint16_t site);
const char *network_tunnel_name(const struct network *net, uint16_t tunnel);

/* The site or tunnel of this name; SITE_INTERNET or TUNNEL_NONE if there is none. */
uint16_t network_find_site(const struct network *net, const char *name);
uint16_t network_find_tunnel_name(const struct network *net, const char *name);

/* The tunnel's specification; NULL: no tunnel has this id. */
const struct spec_tunnel *network_tunnel_spec(const struct network *net, uint16_t tunnel);

/*
 * The tunnel with these outer addresses and key, or TUNNEL_NONE. @key: host order; without a key 0,
 * and @has_key false. @local is the packet's destination.
 */
uint16_t network_find_tunnel(const struct network *net, be32_t local, be32_t remote, bool has_key,
			     uint32_t key);

struct tunnel_slot; /* index.h */

/*
 * Where network_find_tunnel() begins to search, for a prefetch; and the tunnel that is there: most
 * often the one searched for, else another one, or TUNNEL_NONE.
 */
const struct tunnel_slot *network_tunnel_place(const struct network *net, be32_t local,
					       be32_t remote, bool has_key, uint32_t key);
uint16_t network_tunnel_guess(const struct tunnel_slot *place);

/* network_find_tunnel() for outer IPv6. */
uint16_t network_find_tunnel6(const struct network *net, const struct addr6 *local,
			      const struct addr6 *remote, bool has_key, uint32_t key);

/*
 * The interconnect of the VLAN @vlan, of which only 12 bits count, at @port; TUNNEL_NONE: none.
 * VLAN 0: untagged frames. Any port.
 */
uint16_t network_find_interconnect(const struct network *net, uint8_t port, uint16_t vlan);

static inline bool network_is_interconnect(const struct network *net, uint16_t tunnel)
{
	return net->tunnels[tunnel].outer == OUTER_NONE;
}

/* The outer addresses of a tunnel; IPv4: mapped; of an interconnect 0.0.0.0. */
struct addr6 network_tunnel_local(const struct network *net, uint16_t tunnel);
struct addr6 network_tunnel_remote(const struct network *net, uint16_t tunnel);

/* Has @tunnel, which both networks have, the same ends and key in both? */
bool network_same_ends(const struct network *a, const struct network *b, uint16_t tunnel);

/*
 * The tunnel for returns to @site that used @tunnel: the same tunnel if it still belongs to the
 * site, else the site's first tunnel. TUNNEL_NONE: there is no such site.
 */
uint16_t network_onramp(const struct network *net, uint16_t site, uint16_t tunnel);

/*
 * Does a route of @vnet, made by the operator, lead @dst to @site, itself or by private links? That
 * is the route of the longest prefix, at any priority. @dst: IPv4 mapped. Any ids.
 */
bool network_leads_to(const struct network *net, uint16_t vnet, const struct addr6 *dst,
		      uint16_t site);

/*
 * Does the operator's route of @vnet to @dst, IPv4 mapped, let sources out untranslated, itself or
 * behind private links? Then *@port is an uplink of such a target: *@port itself if one has it. Any
 * @vnet.
 */
bool network_leaves_untranslated(const struct network *net, uint16_t vnet, const struct addr6 *dst,
				 uint8_t *port);

/*
 * The alias in @vnet whose hosts include @addr, or NULL; @real: the address that it stands for.
 * IPv4: mapped. Any worker.
 */
const struct alias *network_find_alias(const struct network *net, uint16_t vnet,
				       const struct addr6 *addr, struct addr6 *real);

/* The address by which other sites see @addr of @site: its alias, or @addr itself. */
struct addr6 network_alias_of(const struct network *net, uint16_t site, const struct addr6 *addr);

/* May a learned route lead there: is @site in @vnet, or in one that private links lead @dst to? */
bool network_reaches(const struct network *net, uint16_t vnet, const struct addr6 *dst,
		     uint16_t site);

/* The largest inner packet of a tunnel, in bytes, if its outer packets may have @outer bytes. */
uint16_t network_inner_mtu(const struct network *net, uint16_t tunnel, uint16_t outer);

/* Is @addr one of our egress addresses? Its index in addresses, or -1. */
int network_find_address(const struct network *net, be32_t addr);

/* The same for an IPv6 address. */
int network_find_address6(const struct network *net, const struct addr6 *addr);

/* The same for an address of either family; IPv4: mapped. */
int network_find_egress(const struct network *net, const struct addr6 *addr);

/* The site whose global prefix contains @addr, or SITE_INTERNET. */
uint16_t network_find_global(const struct network *net, const struct addr6 *addr);

/*
 * Is @addr one of the sources that some route lets out untranslated, so that its returns are taken
 * from the Internet? Our own tunnel ends are never. Of which site does not matter: the flow knows.
 */
bool network_is_among_untranslated(const struct network *net, be32_t addr);

static inline bool network_is_untranslated(const struct network *net, be32_t addr)
{
	return net->n_untranslated > 0 && network_is_among_untranslated(net, addr);
}

/*
 * May @site send from @addr to the Internet as it is, if a route says so? The site must have a list
 * of prefixes: one without may use any source, also those of others.
 */
bool network_may_leave_untranslated(const struct network *net, uint16_t site, be32_t addr);

/* Does any tunnel, of any key, have these outer addresses? IPv4: mapped. */
bool network_has_tunnel_between(const struct network *net, const struct addr6 *local,
				const struct addr6 *remote);

/* Is @addr the local end of any tunnel? */
bool network_is_local_end(const struct network *net, be32_t addr);
bool network_is_local_end6(const struct network *net, const struct addr6 *addr);

/* The same for an address of either family; IPv4: mapped. */
bool network_is_end(const struct network *net, const struct addr6 *addr);

/*
 * Does the network forward IPv6 of sites, by an egress address, from global prefixes or by a route?
 * See spec_forwards_ipv6().
 */
bool network_forwards_ipv6(const struct network *net);

/*
 * Is IPv6 in use at all: forwarded, or as outer header of tunnels? If not, IPv6 work can be
 * skipped.
 */
bool network_uses_ipv6(const struct network *net);

/*
 * May hosts behind @tunnel use IPv6? If the site lists prefixes, one of them must be IPv6. If it
 * lists none, IPv6 must be translated, or end at the gateway.
 */
bool network_tunnel_has_ipv6(const struct network *net, uint16_t tunnel);

/* Is @addr an egress address or the local end of a tunnel? */
bool network_is_ours6(const struct network *net, const struct addr6 *addr);

/* The owned slice that contains @port (host order) of address number @address; -1: not ours. */
int network_find_slice(const struct network *net, uint32_t address, uint16_t port);

/* The pool whose slice contains @port (host order) of @addr; NULL: not ours. */
const struct pool *network_find_pool(const struct network *net, be32_t addr, uint16_t port);

/* May the Internet open flows to @port (host order) of @addr, if a mapping has it? */
bool network_lets_in(const struct network *net, be32_t addr, uint16_t port);

/* The same for any port of @addr. */
bool network_address_lets_in(const struct network *net, be32_t addr);

/* May @src (inner source) come from @site? */
bool network_source_allowed(const struct network *net, uint16_t site, be32_t src);
bool network_source6_allowed(const struct network *net, uint16_t site, const struct addr6 *src);
