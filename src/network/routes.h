/*
 * Routes: from a destination to the nexthop behind a port.
 *
 * The routes are the kernel's; the control thread reads them by netlink (control/kernel). They are
 * part of the table of nexthops (nexthop.h).
 *
 *   destination -> routes_find() -> nexthop id, or a verdict
 *
 * An on-link destination has a nexthop of its own, made on first use. Until then the answer is
 * ROUTE_UNKNOWN_HOST, and the worker asks the control thread to resolve it.
 *
 * The operator's routes, those of virtual networks, come before these. They are asked once in the
 * life of a flow, at its first packet:
 *
 *   virtual network, destination -> routes_choice() -> choice (choice.h) -> target
 */
#pragma once

#include "base/addr6.h"
#include "base/types.h"
#include "network/choice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ROUTE_VERDICTS = 0xfff0, /* values from here on are verdicts, not nexthops */
	ROUTE_PROHIBITED = 0xfffc, /* discard, with an ICMP error */
	ROUTE_UNREACHABLE = 0xfffd, /* discard, with an ICMP error */
	ROUTE_BLACKHOLE = 0xfffe, /* discard silently */
	ROUTE_UNKNOWN_HOST = 0xffff, /* on-link, not resolved yet */
};

enum { ROUTES_PORTS = UINT8_MAX + 1, ROUTES_FIND_MAX = 64 };

/* Values in the trees: the number of a row of ids, or a nexthop or verdict itself. */
#define ROUTES_DIRECT UINT32_C(0x80000000)

/* A nexthop or verdict; ROUTE_UNKNOWN_HOST: the prefix is on-link. */
struct route4 {
	struct prefix4 prefix;
	uint8_t port;
	uint16_t nexthop;
};

struct route6 {
	struct prefix6 prefix;
	uint8_t port;
	uint16_t nexthop;
};

/* A host in an on-link prefix. IPv4: mapped. */
struct route_host {
	struct addr6 addr;
	uint8_t port;
	uint16_t nexthop;
};

struct trie;
struct trie_node;

/*
 * Trees of routes and hosts, by port. The control thread owns them. Its changes do not affect
 * tables that were made from them before (trie.h).
 */
struct routes_trees {
	const struct trie_node *four[ROUTES_PORTS], *six[ROUTES_PORTS];
	const uint16_t *ids; /* [n_ids], copied */
	size_t n_ids;
};

/*
 * The trees of a virtual network, as struct routes_trees. A value in them is the number of a
 * choice. NULL: no route of the family.
 */
struct vnet_roots {
	const struct trie_node *four, *six;
};

/* One route of a virtual network; IPv4: mapped. */
struct vnet_route {
	struct prefix6 prefix;
	uint16_t vnet; /* id */
	uint32_t choice;
};

struct routes_spec {
	const struct routes_trees *trees; /* instead of rows; NULL: build them from rows */
	const struct route4 *routes;
	size_t n_routes;
	const struct route6 *routes6;
	size_t n_routes6;
	const struct route_host *hosts; /* on-link hosts that are resolved */
	size_t n_hosts;
	/*
	 * [n_vnets], by id: copied, without the nodes. NULL: build them from vnet_routes. n_vnets
	 * is 0 if no virtual network has a route; then a first packet pays one comparison.
	 */
	const struct vnet_roots *vnets;
	size_t n_vnets;
	const struct vnet_route *vnet_routes;
	size_t n_vnet_routes;
	const struct route_choice *choices; /* [n_choices], copied */
	size_t n_choices;
};

struct routes {
	const struct trie_node *four[ROUTES_PORTS], *six[ROUTES_PORTS];
	uint16_t *ids; /* nexthops by row; values in the trees are rows */
	bool many; /* so many that a look-up costs more than the rest of setup: cache it */
	struct trie *own; /* trees built from rows; NULL: the trees are borrowed */
	struct vnet_roots *vnets; /* [n_vnets], by id */
	uint32_t n_vnets;
	struct route_choice *choices; /* by the values in the trees of `vnets` */
	bool many_in_vnets; /* the same as `many`, of all virtual networks together, IPv4 */
	struct trie *own_vnets; /* as `own`: [2 * n_vnets] */
};

/* 0 or -ENOMEM. @r is zeroed memory; call routes_fini() also after a failure. Control thread. */
int routes_init(struct routes *r, const struct routes_spec *spec);
void routes_fini(struct routes *r);

/*
 * Longest prefix match over the routes of virtual network @vnet, any id. NULL: it has no route to
 * the destination. Any worker.
 */
const struct route_choice *routes_choice(const struct routes *r, uint16_t vnet, be32_t dst);
const struct route_choice *routes_choice6(const struct routes *r, uint16_t vnet,
					  const struct addr6 *dst);

/*
 * Longest prefix match over the routes of @port: a nexthop's id, NEXTHOP_NONE, or one of the
 * verdicts. Any worker.
 */
uint16_t routes_find(const struct routes *r, uint8_t port, be32_t dst);

/*
 * routes_find() for each of @n destinations, at most ROUTES_FIND_MAX: their cache misses overlap.
 */
void routes_find_all(const struct routes *r, uint8_t port, const be32_t *dsts, unsigned n,
		     uint16_t *found);
uint16_t routes_find6(const struct routes *r, uint8_t port, const struct addr6 *dst);
