/*
 * The IPv6 routes of the adjacency table: one rte_rib6 a port, as adjacency.c has for IPv4.
 */
#include "network/adjacency_index.h"

#include <errno.h>
#include <stdio.h>

#include <rte_memory.h>
#include <rte_rib6.h>

/* One port's table, with room for @n routes. A route is at most two nodes of the tree. */
static struct rte_rib6 *rib_create(unsigned port, size_t n)
{
	static unsigned serial; /* DPDK names its ribs globally */
	struct rte_rib6_conf conf = {.max_nodes = (int)(2 * n + 1)};
	char name[24];

	snprintf(name, sizeof(name), "adj6-%u-%x", port, serial++);
	return rte_rib6_create(name, SOCKET_ID_ANY, &conf);
}

static int rib_add(struct rte_rib6 *rib, const struct adjacency_route6 *route)
{
	struct addr6 masked = addr6_masked(&route->prefix.addr, route->prefix.len);
	const uint8_t *addr = (const uint8_t *)&masked;
	struct rte_rib6_node *node = rte_rib6_lookup_exact(rib, addr, route->prefix.len);

	if (node == NULL)
		node = rte_rib6_insert(rib, addr, route->prefix.len);
	return node == NULL ? -ENOMEM : rte_rib6_set_nh(node, route->hop);
}

int adjacency6_add_routes(struct adjacency_index *index, const struct adjacency_spec *spec)
{
	size_t counts[PORT_COUNT_MAX] = {0};

	for (size_t i = 0; i < spec->n_routes6; i++)
		counts[spec->routes6[i].port]++;
	for (unsigned port = 0; port < PORT_COUNT_MAX; port++) {
		if (counts[port] == 0)
			continue;
		index->ribs6[port] = rib_create(port, counts[port]);
		if (index->ribs6[port] == NULL)
			return -ENOMEM;
	}
	for (size_t i = 0; i < spec->n_routes6; i++) {
		const struct adjacency_route6 *route = &spec->routes6[i];

		assert(route->prefix.len <= 128);
		if (rib_add(index->ribs6[route->port], route) != 0)
			return -ENOMEM;
	}
	return 0;
}

void adjacency6_free_routes(struct adjacency_index *index)
{
	for (unsigned port = 0; port < PORT_COUNT_MAX; port++)
		rte_rib6_free(index->ribs6[port]); /* NULL is fine */
}

uint16_t adjacency_route6(const struct adjacency *adj, uint8_t port, const struct addr6 *dst)
{
	const struct adjacency_index *index = adj->index;
	struct rte_rib6_node *node;
	uint64_t hop;

	if (index->ribs6[port] == NULL)
		return HOP_NONE;
	node = rte_rib6_lookup(index->ribs6[port], (const uint8_t *)dst);
	if (node == NULL || rte_rib6_get_nh(node, &hop) != 0)
		return HOP_NONE;
	return hop != HOP_UNKNOWN_HOST ? (uint16_t)hop : adjacency_host(index, port, dst);
}
