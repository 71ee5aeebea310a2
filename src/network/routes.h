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
 */
#pragma once

#include "base/addr6.h"
#include "base/types.h"

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

struct routes_spec {
	const struct routes_trees *trees; /* instead of rows; NULL: build them from rows */
	const struct route4 *routes;
	size_t n_routes;
	const struct route6 *routes6;
	size_t n_routes6;
	const struct route_host *hosts; /* on-link hosts that are resolved */
	size_t n_hosts;
};

struct routes {
	const struct trie_node *four[ROUTES_PORTS], *six[ROUTES_PORTS];
	uint16_t *ids; /* nexthops by row; values in the trees are rows */
	bool many; /* so many that a look-up costs more than the rest of setup: cache it */
	struct trie *own; /* trees built from rows; NULL: the trees are borrowed */
};

/* 0 or -ENOMEM. @r is zeroed memory; call routes_fini() also after a failure. Control thread. */
int routes_init(struct routes *r, const struct routes_spec *spec);
void routes_fini(struct routes *r);

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
