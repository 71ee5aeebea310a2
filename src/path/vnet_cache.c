/*
 * Cache of virtual networks: see vnet_cache.h. Direct-mapped, by a hash of destination and virtual
 * network. The hash is a bijection of the destination: its upper half is the number of the row, so
 * the lower half in the row says which destination it is, and a row has eight bytes. The missing
 * ones of a burst are looked up together, those of one virtual network after those of another; a
 * burst seldom has many.
 */
#include "path/vnet_cache.h"

#include "base/memory.h"
#include "path/context.h"

#include <string.h>

enum {
	ROWS = 1 << 16,
	NO_ROUTE = UINT16_MAX, /* as a choice */
};

struct vnet_row {
	uint16_t rest; /* of the hash */
	uint16_t vnet;
	uint16_t choice; /* its number, or NO_ROUTE */
	uint16_t generation; /* 0: never written */
};

struct vnet_cache {
	struct vnet_row rows[ROWS];
	uint16_t generation; /* from 1 */
};

struct vnet_cache *vnet_cache_create(void)
{
	struct vnet_cache *c = memory_reserve(sizeof(*c));

	if (c != NULL)
		c->generation = 1;
	return c;
}

void vnet_cache_destroy(struct vnet_cache *c)
{
	memory_unmap(c, sizeof(*c));
}

/* After 65,535 snapshots a number is used again: no row may have it. */
void vnet_cache_clear(struct vnet_cache *c)
{
	if (++c->generation != 0)
		return;
	memset(c->rows, 0, sizeof(c->rows));
	c->generation = 1;
}

/* For one virtual network no two destinations have the same: a product with an odd number. */
static uint32_t hash_of(uint16_t vnet, be32_t dst)
{
	return (dst ^ vnet * UINT32_C(0x85ebca6b)) * UINT32_C(0x9e3779b1);
}

static bool is_valid(const struct vnet_cache *c, uint16_t vnet, uint32_t hash)
{
	const struct vnet_row *row = &c->rows[hash >> 16];

	return row->rest == (uint16_t)hash && row->vnet == vnet && row->generation == c->generation;
}

/* A choice with a higher number has no row. */
static void write_row(struct vnet_cache *c, uint16_t vnet, uint32_t hash, uint32_t choice)
{
	if (choice >= NO_ROUTE && choice != TRIE_NONE)
		return;
	c->rows[hash >> 16] = (struct vnet_row){
		.rest = (uint16_t)hash,
		.vnet = vnet,
		.choice = (uint16_t)choice,
		.generation = c->generation,
	};
}

/* Any id. */
static const struct trie_node *tree_of(const struct context *ctx, uint16_t vnet)
{
	const struct routes *routes = &ctx->nexthops->routes;

	return vnet < routes->n_vnets ? routes->vnets[vnet].four : NULL;
}

const struct route_choice *vnet_cache_find(struct context *ctx, uint16_t vnet, be32_t dst)
{
	const struct route_choice *choices = ctx->nexthops->routes.choices;
	struct vnet_cache *c = ctx->vnet_cache;
	uint32_t hash = hash_of(vnet, dst), choice;
	struct addr6 addr;

	if (is_valid(c, vnet, hash)) {
		choice = c->rows[hash >> 16].choice;
		return choice == NO_ROUTE ? NULL : &choices[choice];
	}
	addr = addr6_from_ipv4(dst);
	choice = trie_lookup(tree_of(ctx, vnet), &addr);
	write_row(c, vnet, hash, choice);
	return choice == TRIE_NONE ? NULL : &choices[choice];
}

/* Destinations to look up. */
struct missing {
	be32_t dst[BURST_MAX];
	uint16_t vnet[BURST_MAX];
	unsigned n;
};

/* The virtual network whose routes the packet asks first. */
static bool find_vnet(const struct context *ctx, const struct packet *p, uint16_t *vnet)
{
	uint16_t site = p->probe.key.realm;

	if (site == SITE_INTERNET || site > ctx->net->max_site)
		return false;
	*vnet = ctx->net->sites[site].vnet;
	return true;
}

static void find_missing(struct context *ctx, const struct burst *b, enum stage stage,
			 struct missing *m)
{
	struct vnet_cache *c = ctx->vnet_cache;
	uint16_t vnet;

	for (unsigned i = 0; i < b->n[stage]; i++) {
		const struct packet *p = b->list[stage][i];

		if (find_vnet(ctx, p, &vnet))
			__builtin_prefetch(&c->rows[hash_of(vnet, p->probe.key.dst) >> 16], 1);
	}
	for (unsigned i = 0; i < b->n[stage]; i++) {
		const struct packet *p = b->list[stage][i];
		be32_t dst = p->probe.key.dst;

		if (!find_vnet(ctx, p, &vnet) || is_valid(c, vnet, hash_of(vnet, dst)))
			continue;
		m->dst[m->n] = dst;
		m->vnet[m->n++] = vnet;
	}
}

/* Looks up those of the first one's virtual network. The others stay. */
static void fill_one(struct context *ctx, struct missing *m)
{
	struct addr6 addrs[BURST_MAX];
	be32_t dsts[BURST_MAX];
	uint32_t values[BURST_MAX];
	uint16_t vnet = m->vnet[0];
	unsigned n = 0, left = 0;

	for (unsigned i = 0; i < m->n; i++) {
		if (m->vnet[i] != vnet) {
			m->dst[left] = m->dst[i];
			m->vnet[left++] = m->vnet[i];
			continue;
		}
		dsts[n] = m->dst[i];
		addrs[n++] = addr6_from_ipv4(m->dst[i]);
	}
	m->n = left;
	trie_lookup_all(tree_of(ctx, vnet), addrs, n, values);
	for (unsigned i = 0; i < n; i++)
		write_row(ctx->vnet_cache, vnet, hash_of(vnet, dsts[i]), values[i]);
}

unsigned vnet_cache_fill(struct context *ctx, const struct burst *b, enum stage stage)
{
	struct missing m;
	unsigned n;

	m.n = 0;
	find_missing(ctx, b, stage, &m);
	n = m.n;
	while (m.n > 0)
		fill_one(ctx, &m);
	return n;
}
