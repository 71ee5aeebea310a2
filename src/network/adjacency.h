/*
 * Adjacencies: by which port and to which Ethernet neighbour a packet leaves.
 *
 * The kernel keeps routes and neighbours; the control thread follows them by netlink
 * (control/kernel) and compiles them into this immutable table, published like the network
 * snapshot. Hop ids are stable: flows keep them, and when the kernel's gateway or a neighbour's
 * address changes, the hop behind the id changes in the next table.
 *
 *   destination -> adjacency_route() -> hop id -> struct hop
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
	HOPS_MAX = 0xfffe,
	HOP_MTU_MAX = 65000, /* so that headers fit in front of a packet that fills a buffer */
};

struct hop {
	uint8_t dst_mac[6];
	uint8_t src_mac[6];
	uint16_t mtu; /* of the port: bytes of IP packet */
	uint8_t port; /* index of the port */
	bool resolved; /* false: dst_mac is not known yet */
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

/* What the control thread found; copied by adjacency_create(). */
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
	const uint16_t *tunnel_mtus; /* [n_tunnels + 1]: largest inner packet that fits its way */
	size_t n_tunnels;
	const uint8_t (*macs)[6]; /* [n_macs], by port: its own Ethernet address */
	size_t n_macs;
};

struct adjacency {
	uint32_t n_hops;
	uint32_t n_tunnels;
	struct hop *hops;
	uint16_t *tunnel_hops;
	uint16_t *tunnel_mtus; /* the tunnel's own, or less where its path has less */
	uint8_t (*macs)[6]; /* by port: what we answer ARP and solicitations with */
	struct adjacency_index *index; /* private to network/ */
};

/* NULL if memory ran out. Control thread. */
struct adjacency *adjacency_create(const struct adjacency_spec *spec);
void adjacency_destroy(struct adjacency *adj); /* NULL is fine */

/*
 * Longest prefix match over the routes of @port. Hop id, HOP_NONE or HOP_UNKNOWN_HOST. Any worker.
 */
uint16_t adjacency_route(const struct adjacency *adj, uint8_t port, be32_t dst);
uint16_t adjacency_route6(const struct adjacency *adj, uint8_t port, const struct addr6 *dst);
