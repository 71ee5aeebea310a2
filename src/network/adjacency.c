/*
 * The adjacency table: an immutable answer to "where does this destination go?".
 *
 * Routes are trees of prefixes (trie.h), two a port: one of IPv4, one of IPv6. A host on the link
 * that somebody asked for is a prefix of its whole length below the link's own. What a prefix leads
 * to is not a hop but a row of @ids, which says the hop: so a neighbour gets another id, as it must
 * when routes have moved away from it, without a change of all the routes that lead to it.
 *
 * The control thread has trees that follow the kernel and lends their roots to each table; tests
 * give rows, of which a table makes trees of its own.
 *
 * Made and destroyed by the control thread, which publishes it and destroys it only after every
 * worker has let go. Nothing is written in between: workers read without locks.
 */
#include "network/adjacency.h"

#include "network/trie.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void *copy(const void *from, size_t n, size_t size)
{
	void *to = calloc(n + 1, size);

	if (to != NULL && n > 0)
		memcpy(to, from, n * size);
	return to;
}

static int copy_hops(struct adjacency *adj, const struct adjacency_spec *spec)
{
	adj->n_hops = (uint32_t)spec->n_hops;
	/* hop 0 is there in any case: "none", never resolved */
	adj->hops = aligned_alloc(CACHE_LINE, (spec->n_hops / 4 + 1) * 4 * sizeof(struct hop));
	if (adj->hops == NULL)
		return -ENOMEM;
	if (spec->n_hops > 0)
		memcpy(adj->hops, spec->hops, spec->n_hops * sizeof(struct hop));
	memset(&adj->hops[0], 0, sizeof(struct hop));
	for (size_t i = 1; i < spec->n_hops; i++) {
		if (adj->hops[i].mtu > HOP_MTU_MAX)
			adj->hops[i].mtu = HOP_MTU_MAX;
	}
	return 0;
}

static int copy_tunnels(struct adjacency *adj, const struct adjacency_spec *spec)
{
	size_t n = spec->n_tunnels > 0 ? spec->n_tunnels + 1 : 0;

	adj->n_tunnels = (uint32_t)spec->n_tunnels;
	adj->tunnel_hops = copy(spec->tunnel_hops, n, sizeof(adj->tunnel_hops[0]));
	adj->tunnel_mtus = copy(spec->tunnel_mtus, n, sizeof(adj->tunnel_mtus[0]));
	return adj->tunnel_hops == NULL || adj->tunnel_mtus == NULL ? -ENOMEM : 0;
}

static int borrow_ways(struct adjacency *adj, const struct adjacency_ways *ways)
{
	memcpy(adj->four, ways->four, sizeof(adj->four));
	memcpy(adj->six, ways->six, sizeof(adj->six));
	adj->ids = copy(ways->ids, ways->n_ids, sizeof(adj->ids[0]));
	return adj->ids == NULL ? -ENOMEM : 0;
}

static struct trie *four_of(struct trie *own, uint8_t port)
{
	return &own[port];
}

static struct trie *six_of(struct trie *own, uint8_t port)
{
	return &own[ADJACENCY_PORTS + port];
}

static struct prefix6 mapped(const struct prefix4 *four)
{
	struct prefix6 six = {addr6_from_ipv4(four->addr), (uint8_t)(MAPPED_BITS + four->len)};

	assert(four->len <= 32);
	return six;
}

static int add_routes(struct trie *own, const struct adjacency_spec *spec)
{
	int ret = 0;

	for (size_t i = 0; i < spec->n_routes && ret == 0; i++) {
		const struct adjacency_route *r = &spec->routes[i];
		struct prefix6 prefix = mapped(&r->prefix);

		ret = trie_set(four_of(own, r->port), &prefix, ADJACENCY_DIRECT | r->hop);
	}
	for (size_t i = 0; i < spec->n_routes6 && ret == 0; i++) {
		const struct adjacency_route6 *r = &spec->routes6[i];

		ret = trie_set(six_of(own, r->port), &r->prefix, ADJACENCY_DIRECT | r->hop);
	}
	return ret;
}

/* A host is there only as long as its address is on the link. */
static int add_host(struct trie *tree, const struct addr6 *addr, uint16_t hop)
{
	struct prefix6 host = {*addr, 128};

	if (trie_cover(tree->root, &host) != (ADJACENCY_DIRECT | HOP_UNKNOWN_HOST))
		return 0;
	return trie_set(tree, &host, ADJACENCY_DIRECT | hop);
}

static int add_hosts(struct trie *own, const struct adjacency_spec *spec)
{
	int ret = 0;

	for (size_t i = 0; i < spec->n_hosts && ret == 0; i++) {
		const struct adjacency_host *h = &spec->hosts[i];
		struct addr6 addr = addr6_from_ipv4(h->addr);

		ret = add_host(four_of(own, h->port), &addr, h->hop);
	}
	for (size_t i = 0; i < spec->n_hosts6 && ret == 0; i++) {
		const struct adjacency_host6 *h = &spec->hosts6[i];

		ret = add_host(six_of(own, h->port), &h->addr, h->hop);
	}
	return ret;
}

static int make_ways(struct adjacency *adj, const struct adjacency_spec *spec)
{
	adj->own = calloc((size_t)2 * ADJACENCY_PORTS, sizeof(adj->own[0]));
	if (adj->own == NULL || add_routes(adj->own, spec) != 0 || add_hosts(adj->own, spec) != 0)
		return -ENOMEM;
	for (unsigned port = 0; port < ADJACENCY_PORTS; port++) {
		adj->four[port] = four_of(adj->own, (uint8_t)port)->root;
		adj->six[port] = six_of(adj->own, (uint8_t)port)->root;
	}
	return 0;
}

struct adjacency *adjacency_create(const struct adjacency_spec *spec)
{
	struct adjacency *adj = calloc(1, sizeof(*adj));
	int ret;

	assert(spec->n_hops <= HOPS_MAX + 1);
	if (adj == NULL)
		return NULL;
	adj->lost = spec->lost;
	adj->macs = copy(spec->macs, spec->n_macs, sizeof(adj->macs[0]));
	ret = adj->macs == NULL ? -ENOMEM : copy_hops(adj, spec);
	if (ret == 0)
		ret = copy_tunnels(adj, spec);
	if (ret == 0)
		ret = spec->ways != NULL ? borrow_ways(adj, spec->ways) : make_ways(adj, spec);
	if (ret == 0)
		return adj;
	adjacency_destroy(adj);
	return NULL;
}

void adjacency_destroy(struct adjacency *adj)
{
	if (adj == NULL)
		return;
	for (size_t i = 0; adj->own != NULL && i < (size_t)2 * ADJACENCY_PORTS; i++)
		trie_fini(&adj->own[i]);
	free(adj->own);
	free(adj->ids);
	free(adj->tunnel_hops);
	free(adj->tunnel_mtus);
	free(adj->macs);
	free(adj->hops);
	free(adj);
}

static uint16_t read_value(const struct adjacency *adj, uint32_t value)
{
	if (value == TRIE_NONE)
		return HOP_NONE;
	return value & ADJACENCY_DIRECT ? (uint16_t)value : adj->ids[value];
}

uint16_t adjacency_route(const struct adjacency *adj, uint8_t port, be32_t dst)
{
	struct addr6 addr = addr6_from_ipv4(dst);

	return read_value(adj, trie_lookup(adj->four[port], &addr));
}

uint16_t adjacency_route6(const struct adjacency *adj, uint8_t port, const struct addr6 *dst)
{
	return read_value(adj, trie_lookup(adj->six[port], dst));
}
