/*
 * A tree of prefixes that readers may walk while it changes.
 *
 * Path-compressed and binary: a lookup meets about log2(n) nodes. A node that readers may see is
 * never written to. A change copies the nodes on the path to the root, about twenty for 100,000
 * prefixes, and shares all others, so its cost hardly depends on the size of the tree. (DPDK's
 * rte_rib changes its nodes in place: it would have to be rebuilt, or kept twice.)
 *
 *   trie_set(), trie_remove()      by the control thread, any number of times
 *   trie_commit()                  the current tree may be given to readers, by its root
 *   trie_release()                 no reader has an older root; its nodes are used again
 *
 * Addresses are IPv6 addresses. A tree of IPv4 contains mapped addresses only, so that no IPv6
 * prefix covers them.
 */
#pragma once

#include "base/addr6.h"
#include "base/slab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRIE_NONE UINT32_MAX /* no value */

struct trie_node {
	struct addr6 addr; /* bits behind len are zero */
	const struct trie_node *child[2]; /* by the bit behind the prefix */
	uint32_t value; /* TRIE_NONE: the node is only a fork */
	uint32_t epoch; /* used by the writer only */
	struct trie_node *next; /* list of old nodes; used by the writer only */
	uint8_t len;
};

struct trie {
	const struct trie_node *root;
	struct trie_node *old;
	struct slab nodes;
	size_t n; /* prefixes with a value */
	uint32_t epoch;
};

/* An empty tree is zeroed memory. */
void trie_fini(struct trie *t); /* no reader may be left */

/* @value is not TRIE_NONE. 0, or -ENOMEM: nothing has changed. */
int trie_set(struct trie *t, const struct prefix6 *prefix, uint32_t value);

/* 0, also if the prefix was absent; -ENOMEM: nothing has changed. */
int trie_remove(struct trie *t, const struct prefix6 *prefix);

const struct trie_node *trie_commit(struct trie *t);
void trie_release(struct trie *t);

/* The value of exactly this prefix, or TRIE_NONE. */
uint32_t trie_find(const struct trie_node *root, const struct prefix6 *prefix);

/* The value of the longest shorter prefix that contains @prefix, or TRIE_NONE. */
uint32_t trie_cover(const struct trie_node *root, const struct prefix6 *prefix);

static inline unsigned trie_bit(const struct addr6 *addr, unsigned at)
{
	return be64toh(addr->half[at / 64]) >> (63 - at % 64) & 1;
}

static inline bool trie_covers(const struct trie_node *node, const struct addr6 *addr)
{
	unsigned len = node->len;

	if (len <= 64)
		return ((addr->half[0] ^ node->addr.half[0]) & addr6_half_mask(len)) == 0;
	return addr->half[0] == node->addr.half[0] &&
	       ((addr->half[1] ^ node->addr.half[1]) & addr6_half_mask(len - 64)) == 0;
}

enum { TRIE_LOOKUP_MAX = 64 };

/* trie_lookup() for each of @n addresses, at most TRIE_LOOKUP_MAX: their cache misses overlap. */
void trie_lookup_all(const struct trie_node *root, const struct addr6 *addrs, unsigned n,
		     uint32_t *values);

/*
 * @left less the number of prefixes, but at least 0: then it stops, after at most some 2 * @left
 * nodes. For several trees, one after the other.
 */
size_t trie_count_down(const struct trie_node *root, size_t left);

/* Are there more than @n prefixes? Visits at most some 2 * @n nodes. */
bool trie_has_more(const struct trie_node *root, size_t n);

/* The value of the longest prefix that contains @addr, or TRIE_NONE. Any worker. */
static inline uint32_t trie_lookup(const struct trie_node *node, const struct addr6 *addr)
{
	uint32_t best = TRIE_NONE;

	while (node != NULL && trie_covers(node, addr)) {
		if (node->value != TRIE_NONE)
			best = node->value;
		if (node->len == 128)
			break;
		node = node->child[trie_bit(addr, node->len)];
	}
	return best;
}
