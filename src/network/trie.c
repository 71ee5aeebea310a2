/*
 * Changes of the tree: see trie.h.
 *
 * Memory for a change is reserved before its first step, so that no change fails half-way. A node
 * made since the last commit is unknown to readers and is changed in place: the first table of
 * 100,000 routes copies nothing. Memory is freed when the tree is empty, and at its end.
 */
#include "network/trie.h"

#include <assert.h>
#include <errno.h>

enum { BITS = 128 };

static bool reserve(struct trie *t, size_t n)
{
	return slab_reserve(&t->nodes, sizeof(struct trie_node), n);
}

static struct trie_node *trie_take(struct trie *t)
{
	struct trie_node *node = slab_take(&t->nodes);

	assert(node != NULL);
	return node;
}

static void discard(struct trie *t, const struct trie_node *gone)
{
	struct trie_node *node = (struct trie_node *)gone;

	if (node->epoch == t->epoch) {
		slab_give(&t->nodes, node);
		return;
	}
	node->next = t->old;
	t->old = node;
}

/* Returns a writable node behind @link: the node itself, or a copy that replaces it. */
static struct trie_node *own(struct trie *t, const struct trie_node **link)
{
	struct trie_node *copy;

	if ((*link)->epoch == t->epoch)
		return (struct trie_node *)*link;
	copy = trie_take(t);
	*copy = **link;
	copy->epoch = t->epoch;
	discard(t, *link);
	*link = copy;
	return copy;
}

static unsigned leading_zeros(uint64_t bits)
{
	return bits == 0 ? 64 : (unsigned)__builtin_clzll(bits);
}

/* Length of the common prefix of @a and @b in bits, at most @most. */
static unsigned common_bits(const struct addr6 *a, const struct addr6 *b, unsigned most)
{
	unsigned n = leading_zeros(be64toh(a->half[0] ^ b->half[0]));

	if (n == 64)
		n += leading_zeros(be64toh(a->half[1] ^ b->half[1]));
	return n < most ? n : most;
}

static bool contains(const struct trie_node *node, const struct prefix6 *prefix)
{
	return node->len <= prefix->len && trie_covers(node, &prefix->addr);
}

static const struct trie_node *next(const struct trie_node *node, const struct prefix6 *prefix)
{
	return node->len == BITS ? NULL : node->child[trie_bit(&prefix->addr, node->len)];
}

static const struct trie_node *find(const struct trie_node *node, const struct prefix6 *prefix)
{
	while (node != NULL && contains(node, prefix) && node->len < prefix->len)
		node = next(node, prefix);
	return node != NULL && node->len == prefix->len && contains(node, prefix) ? node : NULL;
}

uint32_t trie_find(const struct trie_node *root, const struct prefix6 *prefix)
{
	const struct trie_node *node = find(root, prefix);

	return node == NULL ? TRIE_NONE : node->value;
}

uint32_t trie_cover(const struct trie_node *node, const struct prefix6 *prefix)
{
	uint32_t best = TRIE_NONE;

	for (; node != NULL && contains(node, prefix) && node->len < prefix->len;
	     node = next(node, prefix))
		if (node->value != TRIE_NONE)
			best = node->value;
	return best;
}

/*
 * One level of the tree after the other, for all addresses. Those that have come to their end leave
 * the list.
 */
void trie_lookup_all(const struct trie_node *root, const struct addr6 *addrs, unsigned n,
		     uint32_t *values)
{
	const struct trie_node *nodes[TRIE_LOOKUP_MAX];
	uint8_t which[TRIE_LOOKUP_MAX]; /* address of each node */

	assert(n <= TRIE_LOOKUP_MAX);
	for (unsigned i = 0; i < n; i++) {
		values[i] = TRIE_NONE;
		nodes[i] = root;
		which[i] = (uint8_t)i;
	}
	if (root == NULL)
		return;
	while (n > 0) {
		unsigned left = 0;

		for (unsigned i = 0; i < n; i++) {
			const struct trie_node *node = nodes[i];
			unsigned k = which[i];

			if (!trie_covers(node, &addrs[k]))
				continue;
			values[k] = node->value != TRIE_NONE ? node->value : values[k];
			node = node->len == BITS ? NULL
						 : node->child[trie_bit(&addrs[k], node->len)];
			if (node == NULL)
				continue;
			__builtin_prefetch(node);
			nodes[left] = node;
			which[left++] = (uint8_t)k;
		}
		n = left;
	}
}

size_t trie_count_down(const struct trie_node *node, size_t left)
{
	if (node == NULL || left == 0)
		return left;
	left -= node->value != TRIE_NONE;
	left = trie_count_down(node->child[0], left);
	return trie_count_down(node->child[1], left);
}

bool trie_has_more(const struct trie_node *root, size_t n)
{
	return trie_count_down(root, n + 1) == 0;
}

static size_t depth(const struct trie_node *node, const struct prefix6 *prefix)
{
	size_t n = 0;

	for (; node != NULL && contains(node, prefix); node = next(node, prefix))
		n++;
	return n;
}

static struct trie_node *trie_make(struct trie *t, const struct prefix6 *prefix, unsigned len,
				   uint32_t value)
{
	struct trie_node *node = trie_take(t);

	*node = (struct trie_node){
		.addr = addr6_masked(&prefix->addr, (uint8_t)len),
		.value = value,
		.epoch = t->epoch,
		.len = (uint8_t)len,
	};
	return node;
}

/* Puts the leaf at @link, above the node that is there or beside it. */
static void hang(struct trie *t, const struct trie_node **link, const struct prefix6 *prefix,
		 uint32_t value)
{
	const struct trie_node *there = *link;
	struct trie_node *leaf = trie_make(t, prefix, prefix->len, value), *fork = leaf;
	unsigned common;

	*link = leaf;
	if (there == NULL)
		return;
	common = common_bits(&there->addr, &prefix->addr, prefix->len);
	if (common < prefix->len) {
		fork = trie_make(t, prefix, common, TRIE_NONE);
		fork->child[trie_bit(&prefix->addr, common)] = leaf;
		*link = fork;
	}
	fork->child[trie_bit(&there->addr, common)] = there;
}

int trie_set(struct trie *t, const struct prefix6 *given, uint32_t value)
{
	struct prefix6 prefix = {addr6_masked(&given->addr, given->len), given->len};
	const struct trie_node **link = &t->root, *same = find(t->root, &prefix);

	assert(value != TRIE_NONE && prefix.len <= BITS);
	if (same != NULL && same->value == value)
		return 0;
	if (!reserve(t, depth(t->root, &prefix) + 2))
		return -ENOMEM;
	t->n += same == NULL || same->value == TRIE_NONE;
	while (*link != NULL && contains(*link, &prefix)) {
		struct trie_node *node = own(t, link);

		if (node->len == prefix.len) {
			node->value = value;
			return 0;
		}
		link = &node->child[trie_bit(&prefix.addr, node->len)];
	}
	hang(t, link, &prefix, value);
	return 0;
}

/* A fork with one child is replaced by the child. */
static void prune(struct trie *t, const struct trie_node **link)
{
	const struct trie_node *node = *link;

	if (node->value != TRIE_NONE || (node->child[0] != NULL && node->child[1] != NULL))
		return;
	*link = node->child[node->child[0] == NULL];
	discard(t, node);
}

int trie_remove(struct trie *t, const struct prefix6 *given)
{
	struct prefix6 prefix = {addr6_masked(&given->addr, given->len), given->len};
	const struct trie_node **link = &t->root, **above = NULL;

	if (trie_find(t->root, &prefix) == TRIE_NONE)
		return 0;
	if (!reserve(t, depth(t->root, &prefix)))
		return -ENOMEM;
	for (;;) {
		struct trie_node *node = own(t, link);

		if (node->len == prefix.len) {
			node->value = TRIE_NONE;
			break;
		}
		above = link;
		link = &node->child[trie_bit(&prefix.addr, node->len)];
	}
	t->n--;
	prune(t, link);
	if (above != NULL)
		prune(t, above);
	return 0;
}

const struct trie_node *trie_commit(struct trie *t)
{
	t->epoch++;
	return t->root;
}

void trie_release(struct trie *t)
{
	while (t->old != NULL) {
		struct trie_node *node = t->old;

		t->old = node->next;
		slab_give(&t->nodes, node);
	}
	if (t->root == NULL)
		slab_fini(&t->nodes);
}

void trie_fini(struct trie *t)
{
	slab_fini(&t->nodes);
	*t = (struct trie){0};
}
