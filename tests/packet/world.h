/*
 * A random world for property tests of routing: virtual networks, private links, sites with the
 * same addresses, aliases, routes and tunnels of all kinds, which fail and come back.
 *
 *   v0 "default" --link--> v1 --link--> v2 ...      links lead to a higher number only
 *    |                      |
 *   s1 s2 s3               s4 s5                    each with one to three tunnels:
 *                                                   GRE, with key, over IPv6, or a VLAN
 *
 * IPv6 addresses have IPv4 names, as in model6.h: the last four bytes are the name.
 *
 *     10.0.1.n    fd00::10.0.1.n            a host of a branch, the same at every branch
 *     10.8.m.n    fd08::10.8.m.n            a server of a centre; 10.9.m.n likewise
 *     100.64.s.n  fd64::100.64.s.n          the alias of 10.0.1.n of site number s
 *     192.0.2.n   2001:db8::192.0.2.n       in the Internet
 *     203.0.113.n 2001:db8:1::203.0.113.n   ours: pool number n - 1
 *
 * The question "where may a packet go?" is answered by world_paths.c, by loops over these structs.
 * It shares nothing with the gateway.
 */
#pragma once

#include "bed.h"
#include "control/health/state.h"
#include "frame.h"

enum {
	WORLD_VNETS = 4,
	WORLD_SITES = 12,
	WORLD_TUNNELS = 3, /* of one site */
	WORLD_ROUTES = 24, /* of one virtual network */
	WORLD_TARGETS = 3,
	WORLD_WAYS = 64,
	WORLD_POOLS = 2,
	WORLD_UNDERLAY = 0,
	WORLD_UPLINK,
	WORLD_TRUNK,
	WORLD_PORTS,
	WORLD_INTERNET = 0, /* instead of a site's id */
};

enum world_kind { WORLD_GRE, WORLD_GRE_KEY, WORLD_GRE_IPV6, WORLD_VLAN, WORLD_KINDS };

struct world_tunnel {
	uint16_t id; /* never used again; also its address and VLAN */
	enum world_kind kind;
	enum health_state state;
};

struct world_site {
	uint16_t id; /* likewise */
	unsigned vnet;
	unsigned net; /* 0: a branch, 10.0.1.0/24; 8, 9: a centre, 10.8.0.0/16 */
	bool has_alias;
	struct world_tunnel tunnels[WORLD_TUNNELS];
	unsigned n_tunnels;
};

struct world_target {
	enum spec_target_kind kind;
	uint16_t site, tunnel; /* ids */
	unsigned number; /* of the pool or virtual network */
	bool untranslated; /* of a pool */
	unsigned weight;
	uint32_t priority;
};

struct world_route {
	uint32_t prefix;
	unsigned len;
	bool six, refuses;
	struct world_target targets[WORLD_TARGETS];
	unsigned n;
};

enum world_egress { WORLD_EGRESS_DEFAULT, WORLD_EGRESS_SPECIAL, WORLD_EGRESS_NONE };

struct world_vnet {
	enum world_egress egress;
	struct world_route routes[WORLD_ROUTES];
	unsigned n_routes;
};

struct world {
	unsigned workers;
	struct world_vnet vnets[WORLD_VNETS];
	unsigned n_vnets;
	struct world_site sites[WORLD_SITES];
	unsigned n_sites;
	uint16_t last_site, last_tunnel; /* ids */
};

/* --- chance ----------------------------------------------------------------------------------- */

extern uint64_t world_seed;
uint32_t world_below(uint32_t n);

/* --- the world -------------------------------------------------------------------------------- */

void world_make(struct world *w, unsigned workers);
void world_change(struct world *w); /* one thing, in the configuration */
void world_fail(struct world *w); /* some tunnels fail or work again */

struct bed *world_open(const struct world *w); /* *@w is in use until the next one is */
void world_close(struct bed *bed);
struct change_sweep world_apply(struct bed *bed, const struct world *before,
				const struct world *after);
void world_tell(struct bed *bed,
		const struct world *w); /* health has changed: this is @bed's now */

const struct world_site *world_site(const struct world *w, uint16_t id); /* NULL: none */
const struct world_tunnel *world_tunnel(const struct world *w, uint16_t id,
					const struct world_site **site);

/* --- frames ----------------------------------------------------------------------------------- */

/* Writes the IPv6 addresses and ICMPv6 types that the names in @f mean. */
void world_fill(struct frame *f);
void world_send(struct bed *bed, const struct world_tunnel *by, struct frame f); /* NULL: uplink */

/*
 * Takes the next frame. False: there is none. @tunnel: the id of the tunnel by which it leaves,
 * TUNNEL_NONE: the uplink. @quote: the packet that an ICMP error embeds; proto 0: it is no error.
 */
bool world_take(const struct world *w, struct bed *bed, struct frame *f, uint16_t *tunnel,
		struct frame *quote);

/* --- where may a packet go? ------------------------------------------------------------------- */

struct world_way {
	bool refused;
	bool is_alias;
	bool refuses_collision;
	uint16_t site; /* WORLD_INTERNET: by @pool */
	bool untranslated; /* there, from its own address */
	uint16_t tunnel; /* before a substitute stands in for it */
	unsigned pool;
};

struct world_ways {
	struct world_way list[WORLD_WAYS];
	unsigned n;
};

/* All ways that a flow of @site to @dst may take; each has a share of the flows. */
void world_ways(const struct world *w, const struct world_site *site, uint32_t dst, bool six,
		struct world_ways *out);

/* Does any route of @vnet, of any priority, lead @dst to @site? */
bool world_leads(const struct world *w, unsigned vnet, uint32_t dst, bool six, uint16_t site);

/* Does any route of @vnet, of any priority, let packets to @dst leave untranslated? IPv4. */
bool world_lets_out(const struct world *w, unsigned vnet, uint32_t dst);

/* Is @site in @vnet, or do private links lead @dst from there to its network? */
bool world_reaches(const struct world *w, unsigned vnet, uint32_t dst, bool six,
		   const struct world_site *site);

uint32_t world_alias(const struct world_site *site, uint32_t host); /* or the host itself */

/* The tunnel that is used instead of @tunnel, or itself. */
uint16_t world_used(const struct world *w, uint16_t tunnel);
