/*
 * The network specification: the operator's configuration, checked, in plain structs. It is the
 * output of control/config and the input of network_create(). It owns its memory and does not
 * change after it was read.
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
	SPEC_FIRST_PORT = 1024, /* ports below belong to services */
	SPEC_SLICES_MAX = 1024, /* 65,536 ports in slices of 64, the smallest size */
	SPEC_PORT_ANY = 0xffff,
	SPEC_VNETS_MAX = 65535, /* ids are 16 bits; 0 is the default one */
	SPEC_TARGETS_MAX = 16, /* of one route */
	SPEC_LINKS_MAX = 4, /* private links that a packet may follow */
	SPEC_WEIGHT_MAX = 256,
	SPEC_PRIORITY_DEFAULT = 100,
	SPEC_VLAN_MAX = 4094, /* IEEE 802.1Q: 4095 is reserved */
};

/* DF of the outer header, as in the configuration: may routers fragment the tunnel's packets? */
enum outer_df { OUTER_DF_SET, OUTER_DF_CLEAR };

/* Keepalives that we send (control/keepalive.h). */
struct spec_keepalive {
	uint16_t interval; /* seconds; 0: none are sent */
	uint16_t retries; /* unanswered keepalives in a row until the tunnel is down */
};

enum health_rate_name { HEALTH_RATE_LOW, HEALTH_RATE_MID, HEALTH_RATE_HIGH, HEALTH_RATE_OFF };
enum health_type { HEALTH_REQUEST, HEALTH_REPLY };
/* Do answers come back through the tunnel, too? */
enum health_direction { HEALTH_BIDIRECTIONAL, HEALTH_UNIDIRECTIONAL };

/*
 * Probes of a tunnel (control/health/plan.h). What it has not is that of its site, and else that of
 * the whole network: spec_health_of().
 */
struct spec_health {
	struct addr6 target; /* of a tunnel; IPv4: mapped; zero: the far end */
	bool has_rate, has_type, has_direction;
	enum health_rate_name rate;
	enum health_type type;
	enum health_direction direction;
};

struct spec_health_defaults {
	enum health_rate_name rate;
	enum health_type type;
	enum health_direction direction;
	uint16_t hold; /* seconds for which a tunnel must work again before flows return to it */
};

enum spec_initiate { INITIATE_YES, INITIATE_NO, INITIATE_ON_DEMAND };

#define SPEC_IKE_PROPOSALS                                                                         \
	"aes256gcm16-prfsha384-ecp384,aes256gcm16-prfsha256-curve25519,aes256-sha256-ecp256,"      \
	"aes256-sha256-modp2048"
#define SPEC_ESP_PROPOSALS                                                                         \
	"aes256gcm16-curve25519,aes256gcm16,aes128gcm16,chacha20poly1305,aes256-sha256,"           \
	"aes128-sha256"

enum {
	SPEC_PATH_SIZE = 108,
	SPEC_IDENTITY_SIZE = 128,
	SPEC_PROPOSALS_SIZE = 192,
};

/* How a tunnel's keys are negotiated by IKEv2. */
struct spec_ipsec {
	char identity[SPEC_IDENTITY_SIZE]; /* ours; empty: the address */
	char peer_identity[SPEC_IDENTITY_SIZE]; /* empty: the address */
	char psk[SPEC_PATH_SIZE]; /* files; empty: not used */
	char certificate[SPEC_PATH_SIZE], private_key[SPEC_PATH_SIZE], ca[SPEC_PATH_SIZE];
	/* proposals of strongSwan, with commas between */
	char ike_proposals[SPEC_PROPOSALS_SIZE], esp_proposals[SPEC_PROPOSALS_SIZE];
	enum spec_initiate initiate;
	uint16_t rekey, ike_rekey, dpd; /* seconds */
	uint16_t replay_window; /* packets */
};

struct spec_tunnel {
	char name[SPEC_NAME_SIZE];
	enum tunnel_type type;
	struct addr6 local; /* our outer address; IPv4: mapped; zero: no outer IP header */
	struct addr6 remote; /* the site's outer address, of the same family */
	uint16_t vlan; /* of an interconnect: 1 to 4094; 0: untagged */
	bool has_key; /* RFC 2890 */
	uint32_t key;
	struct addr6 address; /* ours inside: source of ICMP errors; zero: local, or 192.0.0.8 */
	struct addr6 address6; /* for ICMPv6; zero: local, if that is IPv6; else no errors */
	struct addr6 peer; /* the far end's address inside, mapped; zero: unknown */
	struct addr6 peer6; /* the same of IPv6 */
	bool bgp; /* routes are learned from it: its BGP goes to this machine's daemon */
	uint16_t mtu; /* largest inner packet, bytes */
	bool mtu_given; /* from the configuration file, not the default */
	enum outer_df outer_df; /* of the outer IPv4 header */
	uint16_t outer_ttl; /* or hop limit: 1 to 255; 0: 64 */
	uint16_t port; /* index into the ports of the configuration */
	struct spec_keepalive keepalive;
	struct spec_health health;
	struct spec_ipsec ipsec;
	/*
	 * Automatic return routing is off: returns of flows that this tunnel began take the route
	 * to their source, which must lead to the flow's own site.
	 */
	bool no_arr;
};

/* The limits of a site, for all workers together. 0: no limit. */
struct spec_limits {
	uint32_t flows;
	uint32_t new_flows_per_second;
	uint32_t half_open; /* TCP connections that are not yet established */
	uint32_t source_flows; /* of one host of the site */
	uint32_t source_half_open; /* of one host of the site */
};

/*
 * Other sites see the hosts of @prefix at @alias, address by address. Both are of one family and
 * length.
 */
struct spec_alias {
	struct prefix6 alias, prefix; /* IPv4: mapped */
};

enum { SPEC_LEARN_DEFAULT = 5000 }; /* prefixes, as in the schema */

/* A kernel table whose routes are learned. */
struct spec_learn {
	uint32_t table; /* its number; 0: none */
	uint32_t limit; /* prefixes */
};

struct spec_site {
	char name[SPEC_NAME_SIZE];
	struct spec_learn learn; /* what lies behind the site */
	struct spec_health health; /* of its tunnels, unless they say otherwise; without a target */
	uint16_t vnet; /* index into network_spec.vnets; 0 also if there are none */
	struct spec_limits limits;
	struct prefix4 *prefixes; /* allowed sources; none of either family: any */
	size_t n_prefixes;
	struct prefix6 *prefixes6;
	size_t n_prefixes6;
	struct prefix6 *global_prefixes; /* further sources, which are not translated */
	size_t n_global_prefixes;
	struct spec_tunnel *tunnels; /* in order of priority */
	size_t n_tunnels;
	struct spec_alias *aliases; /* none overlaps another of the virtual network */
	size_t n_aliases;
	uint32_t *n_owners; /* sites that share these lists; NULL: it alone has them */
};

/* --- virtual networks and their routes -------------------------------------------------------- */

enum spec_target_kind {
	TARGET_SITE, /* the site's first tunnel, or the one that stands in for it */
	TARGET_TUNNEL,
	TARGET_EGRESS, /* the Internet, from the addresses of a pool */
	TARGET_LINK, /* the routes of another virtual network: a private link */
	TARGET_DROP, /* nowhere: refused */
};

/* Where a route leads. */
struct spec_target {
	enum spec_target_kind kind;
	uint16_t index; /* of the site (also of TARGET_TUNNEL), pool, or virtual network */
	uint16_t tunnel; /* TARGET_TUNNEL: index among the tunnels of the site */
	uint16_t weight; /* 1 to SPEC_WEIGHT_MAX */
	bool untranslated; /* TARGET_EGRESS, IPv4: from the source's own address, by the uplink */
	uint32_t priority; /* the lowest is best */
};

/* What happens to a flow that keeps its source, and whose five-tuple another site already uses. */
enum spec_collision {
	COLLISION_TRANSLATE, /* it gets another source port, or ICMP identifier */
	COLLISION_REFUSE,
};

struct spec_route {
	struct prefix6 prefix; /* IPv4: mapped */
	struct spec_target *targets; /* [n_targets], 1 to SPEC_TARGETS_MAX */
	size_t n_targets;
	enum spec_collision on_collision;
};

enum { SPEC_POOL_DEFAULT = -1 };

/*
 * A virtual network: sites and routes that may meet. Only a TARGET_LINK leads into another one. A
 * TARGET_SITE or TARGET_TUNNEL is a site of the same virtual network.
 */
struct spec_vnet {
	char name[SPEC_NAME_SIZE];
	struct spec_route *routes; /* no two with one prefix */
	size_t n_routes;
	bool no_egress; /* public destinations without a route are refused */
	struct spec_learn learn; /* for all its sites */
	int egress_pool; /* of public destinations without a route, or SPEC_POOL_DEFAULT */
};

/* The virtual network that is there even if the file has none. */
extern const struct spec_vnet spec_vnet_default;

struct spec_address {
	struct addr6 addr; /* IPv4: mapped */
	uint64_t slices[SPEC_SLICES_MAX / 64]; /* bit k: ports k * slice_size and up are ours */
};

/* What an inner endpoint looks like from outside (RFC 4787 section 4.1). */
enum pool_mapping {
	MAPPING_ADDRESS_AND_PORT_DEPENDENT, /* flows to different destinations share ports */
	MAPPING_ENDPOINT_INDEPENDENT, /* one exclusive address and port towards all destinations */
};

extern const char *const pool_mapping_names[]; /* NULL ends it */

/* Who may send to the egress port of an inner endpoint (RFC 4787 section 5). */
enum pool_filtering {
	FILTERING_ADDRESS_AND_PORT_DEPENDENT, /* those that the endpoint has sent to */
	FILTERING_ENDPOINT_INDEPENDENT, /* everybody; requires MAPPING_ENDPOINT_INDEPENDENT */
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
	struct spec_pool *pools; /* the first pool with a family is its default route */
	size_t n_pools;
	struct spec_vnet *vnets; /* the first is `default`; none: only that, without routes */
	size_t n_vnets;
	struct spec_limits limits; /* defaults of sites */
	struct spec_health_defaults health;
	uint16_t workers; /* number of workers that share the limits; 0: one */
	bool in_between; /* an intermediate network: renewal.h */
};

void network_spec_fini(struct network_spec *spec);

/*
 * For each virtual network: does one of its routes let sources out untranslated, itself or behind
 * private links? [n_vnets + 1], to be freed; NULL: memory ran out.
 */
bool *spec_find_untranslated(const struct network_spec *spec);

/*
 * Makes @to[@n] the same sites as @from; both share their lists, which stay until the last one is
 * released. False: no memory, and @to is not made.
 */
bool spec_sites_share(struct spec_site *to, struct spec_site *from, size_t n);

/* Releases the lists of @sites, which network_spec_fini() does, too. */
void spec_sites_release(struct spec_site *sites, size_t n);

/* The name of the site, tunnel, pool or virtual network; "" for TARGET_DROP. */
const char *spec_target_name(const struct network_spec *spec, const struct spec_target *target);

/* How a tunnel of @site is probed: by its own settings, else those of the site, else of all. */
struct spec_health_defaults spec_health_of(const struct network_spec *spec,
					   const struct spec_site *site,
					   const struct spec_tunnel *t);

/* An interconnect: is there no outer IP header? */
static inline bool spec_is_interconnect(const struct spec_tunnel *t)
{
	return t->type == TUNNEL_INTERCONNECT;
}

/* Are the tunnel's outer addresses IPv6 ones? */
static inline bool spec_is_over_ipv6(const struct spec_tunnel *t)
{
	return addr6_is_ipv6(&t->local);
}

/* Bytes that the tunnel puts in front of a packet, without Ethernet and its tag. */
uint16_t spec_overhead(const struct spec_tunnel *t);

/* The largest inner packet if outer packets may have @outer bytes; 0: none fits. */
uint32_t spec_inner_mtu(const struct spec_tunnel *t, uint32_t outer);

/* Is IPv6 forwarded: is there an IPv6 address in a pool, a global prefix, or a route of IPv6? */
bool spec_forwards_ipv6(const struct network_spec *spec);

/* Has a virtual network a route of IPv6? */
bool spec_has_routes6(const struct network_spec *spec);

/* Slices of an address, including those of service ports. */
uint32_t spec_n_slices(uint32_t slice_size);

static inline bool spec_owns_slice(const struct spec_address *a, uint32_t slice)
{
	return a->slices[slice / 64] >> (slice % 64) & 1;
}
