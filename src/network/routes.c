/*
 * Routes: an immutable table from destinations to nexthops.
 *
 * Each port has two trees of prefixes (trie.h), for IPv4 and for IPv6. A resolved on-link host is a
 * prefix of full length below the prefix of the link. A prefix leads to a row of @ids, and the row
 * to a nexthop. So a neighbour can get a new id, as it must when routes have moved away from it,
 * without a change of all routes that lead to it.
 *
 * The control thread keeps trees that follow the kernel and lends their roots. Tests give rows,
 * from which trees are built.
 */
#include "network/routes.h"

#include "network/trie.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 1000 /* routes that a look-up finds in the processor's cache */ };

static int borrow(struct routes *r, const struct routes_trees *trees)
{
	memcpy(r->four, trees->four, sizeof(r->four));
	memcpy(r->six, trees->six, sizeof(r->six));
	r->ids = calloc(trees->n_ids + 1, sizeof(r->ids[0]));
	if (r->ids == NULL)
		return -ENOMEM;
	if (trees->n_ids > 0)
		memcpy(r->ids, trees->ids, trees->n_ids * sizeof(r->ids[0]));
	return 0;
}

static struct trie *four_of(struct trie *own, uint8_t port)
{
	return &own[port];
}

static struct trie *six_of(struct trie *own, uint8_t port)
{
	return &own[ROUTES_PORTS + port];
}

static struct prefix6 mapped(const struct prefix4 *four)
{
	struct prefix6 six = {addr6_from_ipv4(four->addr), (uint8_t)(MAPPED_BITS + four->len)};

	assert(four->len <= 32);
	return six;
}

static int add_routes(struct trie *own, const struct routes_spec *spec)
{
	int ret = 0;

	for (size_t i = 0; i < spec->n_routes && ret == 0; i++) {
		const struct route4 *r = &spec->routes[i];
		struct prefix6 prefix = mapped(&r->prefix);

		ret = trie_set(four_of(own, r->port), &prefix, ROUTES_DIRECT | r->nexthop);
	}
	for (size_t i = 0; i < spec->n_routes6 && ret == 0; i++) {
		const struct route6 *r = &spec->routes6[i];

		ret = trie_set(six_of(own, r->port), &r->prefix, ROUTES_DIRECT | r->nexthop);
	}
	return ret;
}

/* A host counts only while its address is on-link. */
static int add_host(struct trie *tree, const struct route_host *h)
{
	struct prefix6 host = {h->addr, 128};

	if (trie_cover(tree->root, &host) != (ROUTES_DIRECT | ROUTE_UNKNOWN_HOST))
		return 0;
	return trie_set(tree, &host, ROUTES_DIRECT | h->nexthop);
}

static int add_hosts(struct trie *own, const struct routes_spec *spec)
{
	int ret = 0;

	for (size_t i = 0; i < spec->n_hosts && ret == 0; i++) {
		const struct route_host *h = &spec->hosts[i];
		bool four = addr6_is_mapped(&h->addr);

		ret = add_host(four ? four_of(own, h->port) : six_of(own, h->port), h);
	}
	return ret;
}

static int routes_make(struct routes *r, const struct routes_spec *spec)
{
	r->own = calloc((size_t)2 * ROUTES_PORTS, sizeof(r->own[0]));
	if (r->own == NULL || add_routes(r->own, spec) != 0 || add_hosts(r->own, spec) != 0)
		return -ENOMEM;
	for (unsigned port = 0; port < ROUTES_PORTS; port++) {
		r->four[port] = four_of(r->own, (uint8_t)port)->root;
		r->six[port] = six_of(r->own, (uint8_t)port)->root;
	}
	return 0;
}

/* --- virtual networks ------------------------------------------------------------------------- */

static int copy_choices(struct routes *r, const struct routes_spec *spec)
{
	r->n_vnets = (uint32_t)spec->n_vnets;
	r->vnets = calloc(spec->n_vnets + 1, sizeof(r->vnets[0]));
	r->choices = calloc(spec->n_choices + 1, sizeof(r->choices[0]));
	if (r->vnets == NULL || r->choices == NULL)
		return -ENOMEM;
	if (spec->n_choices > 0)
		memcpy(r->choices, spec->choices, spec->n_choices * sizeof(r->choices[0]));
	return 0;
}

static int make_vnets(struct routes *r, const struct routes_spec *spec)
{
	r->own_vnets = calloc(2 * spec->n_vnets + 1, sizeof(r->own_vnets[0]));
	if (r->own_vnets == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < spec->n_vnet_routes; i++) {
		const struct vnet_route *row = &spec->vnet_routes[i];
		bool six = !addr6_is_mapped(&row->prefix.addr);

		assert(row->vnet < spec->n_vnets && row->choice < spec->n_choices);
		if (trie_set(&r->own_vnets[2 * row->vnet + six], &row->prefix, row->choice) != 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < spec->n_vnets; i++)
		r->vnets[i] =
			(struct vnet_roots){r->own_vnets[2 * i].root, r->own_vnets[2 * i + 1].root};
	return 0;
}

static int init_vnets(struct routes *r, const struct routes_spec *spec)
{
	if (spec->n_vnets == 0)
		return 0;
	if (copy_choices(r, spec) != 0)
		return -ENOMEM;
	if (spec->vnets == NULL)
		return make_vnets(r, spec);
	memcpy(r->vnets, spec->vnets, spec->n_vnets * sizeof(r->vnets[0]));
	return 0;
}

static void fini_vnets(struct routes *r)
{
	for (size_t i = 0; r->own_vnets != NULL && i < (size_t)2 * r->n_vnets; i++)
		trie_fini(&r->own_vnets[i]);
	free(r->own_vnets);
	free(r->vnets);
	free(r->choices);
}

static const struct route_choice *choice_at(const struct routes *r, uint32_t value)
{
	return value == TRIE_NONE ? NULL : &r->choices[value];
}

const struct route_choice *routes_choice(const struct routes *r, uint16_t vnet, be32_t dst)
{
	struct addr6 addr = addr6_from_ipv4(dst);

	if (vnet >= r->n_vnets)
		return NULL;
	return choice_at(r, trie_lookup(r->vnets[vnet].four, &addr));
}

const struct route_choice *routes_choice6(const struct routes *r, uint16_t vnet,
					  const struct addr6 *dst)
{
	if (vnet >= r->n_vnets)
		return NULL;
	return choice_at(r, trie_lookup(r->vnets[vnet].six, dst));
}

static bool are_many_in_vnets(const struct routes *r)
{
	size_t left = FEW + 1;

	for (uint32_t i = 0; i < r->n_vnets && left > 0; i++)
		left = trie_count_down(r->vnets[i].four, left);
	return left == 0;
}

/* --- all -------------------------------------------------------------------------------------- */

int routes_init(struct routes *r, const struct routes_spec *spec)
{
	int ret = spec->trees != NULL ? borrow(r, spec->trees) : routes_make(r, spec);

	if (ret == 0)
		ret = init_vnets(r, spec);
	for (unsigned port = 0; port < ROUTES_PORTS && !r->many; port++)
		r->many = trie_has_more(r->four[port], FEW);
	r->many_in_vnets = ret == 0 && are_many_in_vnets(r);
	return ret;
}

void routes_fini(struct routes *r)
{
	for (size_t i = 0; r->own != NULL && i < (size_t)2 * ROUTES_PORTS; i++)
		trie_fini(&r->own[i]);
	free(r->own);
	free(r->ids);
	fini_vnets(r);
}

static uint16_t read_value(const struct routes *r, uint32_t value)
{
	if (value == TRIE_NONE)
		return 0;
	return value & ROUTES_DIRECT ? (uint16_t)value : r->ids[value];
}

uint16_t routes_find(const struct routes *r, uint8_t port, be32_t dst)
{
	struct addr6 addr = addr6_from_ipv4(dst);

	return read_value(r, trie_lookup(r->four[port], &addr));
}

void routes_find_all(const struct routes *r, uint8_t port, const be32_t *dsts, unsigned n,
		     uint16_t *found)
{
	struct addr6 addrs[ROUTES_FIND_MAX] = {0};
	uint32_t values[ROUTES_FIND_MAX];

	assert(n <= ROUTES_FIND_MAX);
	for (unsigned i = 0; i < n; i++)
		addrs[i] = addr6_from_ipv4(dsts[i]);
	trie_lookup_all(r->four[port], addrs, n, values);
	for (unsigned i = 0; i < n; i++)
		found[i] = read_value(r, values[i]);
}

uint16_t routes_find6(const struct routes *r, uint8_t port, const struct addr6 *dst)
{
	return read_value(r, trie_lookup(r->six[port], dst));
}
