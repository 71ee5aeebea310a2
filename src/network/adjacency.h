/*
 * Adjacencies: by which port and to which Ethernet neighbour a packet leaves.
 *
 * The kernel keeps routes and neighbours; the control thread follows them by netlink
 * (control/kernel) and compiles them into this immutable table, published like the network
 * snapshot.
 *
 *   destination -> adjacency_route() -> hop id -> struct hop
 *
 * A hop is a neighbour: a gateway, the far end of a tunnel, or a host on the link that somebody
 * asked for. Flows keep its id, and when the neighbour's address changes, the hop behind the id
 * does. When routes have changed, the hop that packets went by is `moved`: a flow that has its id
 * looks up its route again (path/nexthop.h), at its next packet.
 *
 * A destination on the port's own link has a hop of its own, made when somebody first asks: until
 * then adjacency_route() says HOP_UNKNOWN_HOST and the worker asks the control thread to find out.
 */
#pragma once

#include "base/addr6.h"
#include "base/types.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HOP_NONE = 0, /* no route there; never resolved */
	HOP_BACK_IN = HOP_NONE, /* of a flow: to one of our own egress addresses (out/hairpin.c) */
	HOP_UNKNOWN_HOST = 0xffff, /* on link, not resolved yet: ask */
	HOP_BLACKHOLE = 0xfffe, /* the route says: discard, and tell nobody */
	HOP_UNREACHABLE = 0xfffd, /* discard, and say so */
	HOP_PROHIBITED = 0xfffc,
	HOP_VERDICTS = 0xfff0, /* from here on no hop, but what a route says */
	HOPS_MAX = HOP_VERDICTS - 1,
	HOP_MTU_MAX = 65000, /* so that headers fit in front of a packet that fills a buffer */
};

struct hop {
	uint8_t dst_mac[6];
	uint8_t src_mac[6];
	uint16_t mtu; /* of the port: bytes of IP packet; 0: moved */
	uint8_t port; /* index of the port */
	bool resolved : 1; /* false: dst_mac is not known yet */
	bool moved : 1; /* some or all routes to it lead elsewhere: look up again */
};

static_assert(sizeof(struct hop) == 16, "four hops a cache line");

struct adjacency_route {
	struct prefix4 prefix;
	uint8_t port;
	uint16_t hop; /* HOP_UNKNOWN_HOST: the prefix is on link */
};

struct adjacency_route6 {
	struct prefix6 prefix;
	uint8_t port;
	uint16_t hop;
};

struct adjacency_host {
	be32_t addr;
	uint8_t port;
	uint16_t hop;
};

struct adjacency_host6 {
	struct addr6 addr;
	uint8_t port;
	uint16_t hop;
};

struct trie_node;

enum { ADJACENCY_PORTS = UINT8_MAX + 1 };

/* What a value in the trees means: a row of ids, or a hop or verdict itself. */
#define ADJACENCY_DIRECT UINT32_C(0x80000000)

/*
 * Trees of routes and hosts, by port. They are the control thread's, which changes them without
 * disturbing the tables that were made from them before (trie.h).
 */
struct adjacency_ways {
	const struct trie_node *four[ADJACENCY_PORTS], *six[ADJACENCY_PORTS];
	const uint16_t *ids; /* [n_ids], copied */
	size_t n_ids;
};

/* What the control thread found; copied by adjacency_create(), but for the nodes of trees. */
struct adjacency_spec {
	const struct hop *hops; /* [n_hops], hops[0] unused */
	size_t n_hops;
	const struct adjacency_route *routes;
	size_t n_routes;
	const struct adjacency_route6 *routes6;
	size_t n_routes6;
	const struct adjacency_host *hosts; /* on-link destinations resolved so far */
	size_t n_hosts;
	const struct adjacency_host6 *hosts6;
	size_t n_hosts6;
	const uint16_t *tunnel_hops; /* [n_tunnels + 1], by tunnel id: hop towards its far end */
	const uint16_t *tunnel_mtus; /* [n_tunnels + 1]: largest inner packet that fits its path */
	size_t n_tunnels;
	const uint8_t (*macs)[6]; /* [n_macs], by port: its own Ethernet address */
	size_t n_macs;
	const struct adjacency_ways
		*ways; /* instead of routes and hosts; NULL: make them of those */
	uint16_t lost; /* a moved hop for flows without a route; 0: they keep theirs */
};

/* A destination on the link of @port that a flow of @site waits for. */
struct neighbour_wanted {
	struct addr6 addr; /* IPv4: mapped */
	uint16_t site;
	uint8_t port;
};

struct adjacency {
	uint32_t n_hops;
	uint32_t n_tunnels;
	struct hop *hops;
	uint16_t *tunnel_hops;
	uint16_t *tunnel_mtus; /* the tunnel's own, or less where its path has less */
	uint8_t (*macs)[6]; /* by port: what we answer ARP and solicitations with */
	uint16_t *ids; /* hops by row: what the trees lead to */
	const struct trie_node *four[ADJACENCY_PORTS], *six[ADJACENCY_PORTS];
	uint16_t lost; /* the moved hop of flows without a route; 0: they keep theirs */
	struct trie *own; /* trees that were made of rows; NULL: they are somebody else's */
};

/* NULL if memory ran out. Control thread. */
struct adjacency *adjacency_create(const struct adjacency_spec *spec);
void adjacency_destroy(struct adjacency *adj); /* NULL is fine */

/*
 * Longest prefix match over the routes of @port: a hop's id, HOP_NONE, or one of the verdicts. Any
 * worker.
 */
uint16_t adjacency_route(const struct adjacency *adj, uint8_t port, be32_t dst);
uint16_t adjacency_route6(const struct adjacency *adj, uint8_t port, const struct addr6 *dst);
