/*
 * The adjacency table: an immutable answer to "where does this destination go?".
 *
 * One rte_rib a port holds its routes: a few nodes a route, so that a rebuild on each change of the
 * kernel's routes is cheap (rte_fib would take 64 MB each time). On-link hosts are in one hash of
 * (port, address), open addressing, at most half full; IPv4 addresses stand in it as IPv4-mapped
 * ones. IPv6 routes are in adjacency6.c. The hash's multiplier is random, so that nobody
 * outside can choose destinations that collide.
 *
 * Made and destroyed by the control thread, which publishes it and destroys it only after every
 * worker has let go. Nothing is written in between: workers read without locks.
 *
 * DPDK names its ribs globally; a counter makes ours unique, as two tables live during a change.
 */
#include "network/adjacency_index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <rte_memory.h>
#include <rte_rib.h>

/* One port's table, with room for @n routes. A route is at most two nodes of the tree. */
static struct rte_rib *rib_create(uint8_t port, size_t n)
{
	static unsigned serial;
	struct rte_rib_conf conf = {.max_nodes = (int)(2 * n + 1)};
	char name[24]; /* DPDK builds longer names from it: keep it short */

	snprintf(name, sizeof(name), "adj%u-%x", port, serial++);
	return rte_rib_create(name, SOCKET_ID_ANY, &conf);
}

static int rib_add(struct rte_rib *rib, const struct adjacency_route *route)
{
	uint32_t addr = ntohl(route->prefix.addr) & prefix4_mask(route->prefix.len);
	struct rte_rib_node *node = rte_rib_lookup_exact(rib, addr, route->prefix.len);

	if (node == NULL)
		node = rte_rib_insert(rib, addr, route->prefix.len);
	return node == NULL ? -ENOMEM : rte_rib_set_nh(node, route->hop);
}

static int add_routes(struct adjacency_index *index, const struct adjacency_spec *spec)
{
	size_t counts[PORT_COUNT_MAX] = {0};

	for (size_t i = 0; i < spec->n_routes; i++)
		counts[spec->routes[i].port]++;

	for (unsigned port = 0; port < PORT_COUNT_MAX; port++) {
		if (counts[port] == 0)
			continue;
		index->ribs[port] = rib_create(port, counts[port]);
		if (index->ribs[port] == NULL)
			return -ENOMEM;
	}

	for (size_t i = 0; i < spec->n_routes; i++) {
		const struct adjacency_route *route = &spec->routes[i];

		assert(route->prefix.len <= 32);
		if (rib_add(index->ribs[route->port], route) != 0)
			return -ENOMEM;
	}
	return 0;
}

/* The slot that holds the host, or the free one where it belongs. */
static struct host_slot *find_slot(const struct adjacency_index *index, uint8_t port,
				   const struct addr6 *addr)
{
	uint64_t key = (addr->half[0] + port) * index->multiplier;
	uint32_t i;

	key = ((key ^ key >> 32) + addr->half[1]) * index->multiplier;
	key = (key ^ key >> 32) * index->multiplier;
	i = (uint32_t)(key >> index->shift);

	for (;; i++) {
		struct host_slot *slot = &index->slots[i & index->mask];

		if (slot->hop == HOP_NONE || (slot->port == port && addr6_equal(&slot->addr, addr)))
			return slot;
	}
}

static void add_host(struct adjacency_index *index, const struct adjacency_host6 *host)
{
	assert(host->hop != HOP_NONE);
	*find_slot(index, host->port, &host->addr) =
		(struct host_slot){host->addr, host->port, host->hop};
}

static int add_hosts(struct adjacency_index *index, const struct adjacency_spec *spec)
{
	unsigned bits = 1;

	while (UINT64_C(1) << bits < 2 * (spec->n_hosts + spec->n_hosts6))
		bits++;
	index->mask = (UINT32_C(1) << bits) - 1;
	index->shift = 64 - bits;
	index->slots = calloc((size_t)index->mask + 1, sizeof(index->slots[0]));
	if (index->slots == NULL)
		return -ENOMEM;

	for (size_t i = 0; i < spec->n_hosts; i++) {
		const struct adjacency_host *host = &spec->hosts[i];
		struct adjacency_host6 six = {addr6_from_ipv4(host->addr), host->port, host->hop};

		add_host(index, &six);
	}
	for (size_t i = 0; i < spec->n_hosts6; i++)
		add_host(index, &spec->hosts6[i]);
	return 0;
}

static int copy_arrays(struct adjacency *adj, const struct adjacency_spec *spec)
{
	adj->n_hops = (uint32_t)spec->n_hops;
	adj->n_tunnels = (uint32_t)spec->n_tunnels;
	/* hop 0 is there in any case: "none", never resolved */
	adj->hops = aligned_alloc(CACHE_LINE, (spec->n_hops / 4 + 1) * 4 * sizeof(struct hop));
	adj->tunnel_hops = calloc(spec->n_tunnels + 1, sizeof(adj->tunnel_hops[0]));
	adj->tunnel_mtus = calloc(spec->n_tunnels + 1, sizeof(adj->tunnel_mtus[0]));
	adj->macs = calloc(spec->n_macs + 1, sizeof(adj->macs[0]));
	if (adj->hops == NULL || adj->tunnel_hops == NULL || adj->tunnel_mtus == NULL ||
	    adj->macs == NULL)
		return -ENOMEM;

	if (spec->n_hops > 0)
		memcpy(adj->hops, spec->hops, spec->n_hops * sizeof(struct hop));
	memset(&adj->hops[0], 0, sizeof(struct hop));
	for (size_t i = 1; i < spec->n_hops; i++) {
		if (adj->hops[i].mtu > HOP_MTU_MAX)
			adj->hops[i].mtu = HOP_MTU_MAX;
	}
	if (spec->n_macs > 0)
		memcpy(adj->macs, spec->macs, spec->n_macs * sizeof(adj->macs[0]));
	if (spec->n_tunnels == 0)
		return 0;
	memcpy(adj->tunnel_hops, spec->tunnel_hops,
	       (spec->n_tunnels + 1) * sizeof(adj->tunnel_hops[0]));
	memcpy(adj->tunnel_mtus, spec->tunnel_mtus,
	       (spec->n_tunnels + 1) * sizeof(adj->tunnel_mtus[0]));
	return 0;
}

struct adjacency *adjacency_create(const struct adjacency_spec *spec)
{
	struct adjacency *adj = calloc(1, sizeof(*adj));

	assert(spec->n_hops <= HOPS_MAX + 1);
	if (adj == NULL)
		return NULL;
	adj->index = calloc(1, sizeof(*adj->index));
	if (adj->index == NULL)
		goto fail;

	if (getrandom(&adj->index->multiplier, sizeof(adj->index->multiplier), 0) !=
	    sizeof(adj->index->multiplier))
		goto fail;
	adj->index->multiplier |= 1;

	if (copy_arrays(adj, spec) != 0 || add_routes(adj->index, spec) != 0 ||
	    adjacency6_add_routes(adj->index, spec) != 0 || add_hosts(adj->index, spec) != 0)
		goto fail;
	return adj;

fail:
	adjacency_destroy(adj);
	return NULL;
}

static void index_destroy(struct adjacency_index *index)
{
	for (unsigned port = 0; port < PORT_COUNT_MAX; port++)
		rte_rib_free(index->ribs[port]); /* NULL is fine */
	adjacency6_free_routes(index);
	free(index->slots);
	free(index);
}

void adjacency_destroy(struct adjacency *adj)
{
	if (adj == NULL)
		return;
	if (adj->index != NULL)
		index_destroy(adj->index);
	free(adj->tunnel_hops);
	free(adj->tunnel_mtus);
	free(adj->macs);
	free(adj->hops);
	free(adj);
}

uint16_t adjacency_host(const struct adjacency_index *index, uint8_t port, const struct addr6 *addr)
{
	const struct host_slot *host = find_slot(index, port, addr);

	return host->hop == HOP_NONE ? HOP_UNKNOWN_HOST : host->hop;
}

uint16_t adjacency_route(const struct adjacency *adj, uint8_t port, be32_t dst)
{
	const struct adjacency_index *index = adj->index;
	struct rte_rib_node *node;
	struct addr6 mapped;
	uint64_t hop;

	if (index->ribs[port] == NULL)
		return HOP_NONE;
	node = rte_rib_lookup(index->ribs[port], ntohl(dst));
	if (node == NULL || rte_rib_get_nh(node, &hop) != 0)
		return HOP_NONE;
	if (hop != HOP_UNKNOWN_HOST)
		return (uint16_t)hop;
	mapped = addr6_from_ipv4(dst);
	return adjacency_host(index, port, &mapped);
}
