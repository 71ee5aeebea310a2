/*
 * Routes for people: look-up and listing. See routing.h.
 *
 * The listing walks the tree of entries, whose nodes are in the order of address and length if a
 * node comes before its children. So it can go on behind any prefix, also one that is gone.
 */
#include "control/routing/routing_internal.h"

static int listing_compare(const struct trie_node *node, const struct prefix6 *prefix)
{
	int order = addr6_compare(&node->addr, &prefix->addr);

	return order != 0 ? order : (int)node->len - (int)prefix->len;
}

/* The first node with a value of the subtree. */
static const struct trie_node *first_of(const struct trie_node *node)
{
	while (node != NULL && node->value == TRIE_NONE)
		node = node->child[0] != NULL ? node->child[0] : node->child[1];
	return node;
}

/* The first node with a value behind @prefix. At most 129 deep. */
static const struct trie_node *first_behind(const struct trie_node *node,
					    const struct prefix6 *prefix)
{
	const struct trie_node *found;

	if (node == NULL)
		return NULL;
	if (listing_compare(node, prefix) > 0)
		return first_of(node);
	if (!trie_covers(node, &prefix->addr))
		return NULL; /* all of it is before */
	found = first_behind(node->child[0], prefix);
	return found != NULL ? found : first_behind(node->child[1], prefix);
}

static void describe(const struct routing_table *t, uint16_t vnet, const struct prefix6 *prefix,
		     uint32_t entry, struct routing_route *out)
{
	const struct routing_entry *e = &t->entries[entry];

	*out = (struct routing_route){
		.vnet = vnet,
		.prefix = *prefix,
		.is_fixed = e->fixed != NULL,
		.is_learned = e->n_learned > 0,
		.refuses_collision = t->groups.list[e->group].refuses_collision,
		.n = t->groups.list[e->group].n,
		.group = e->group,
	};
}

static void describe_node(const struct routing_table *t, uint16_t vnet,
			  const struct trie_node *node, struct routing_route *out)
{
	const struct prefix6 prefix = {node->addr, node->len};

	describe(t, vnet, &prefix, node->value, out);
}

bool routing_next(const struct routing *r, uint16_t vnet, const struct prefix6 *prefix,
		  struct routing_route *out)
{
	const struct routing_table *t = r->now;
	const struct trie_node *node = NULL;
	int family =
		prefix != NULL && (prefix->len < MAPPED_BITS || !addr6_is_mapped(&prefix->addr));

	if (t == NULL || vnet >= t->n_vnets)
		return false;
	node = prefix == NULL ? first_of(t->vnets[vnet].entries[0].root)
			      : first_behind(t->vnets[vnet].entries[family].root, prefix);
	if (node == NULL && family == 0)
		node = first_of(t->vnets[vnet].entries[1].root);
	if (node != NULL)
		describe_node(t, vnet, node, out);
	return node != NULL;
}

bool routing_lookup(const struct routing *r, uint16_t vnet, const struct addr6 *dst,
		    struct routing_route *out)
{
	const struct routing_table *t = r->now;
	const struct trie_node *node, *best = NULL;

	if (t == NULL || vnet >= t->n_vnets)
		return false;
	node = t->vnets[vnet].entries[!addr6_is_mapped(dst)].root;
	while (node != NULL && trie_covers(node, dst)) {
		if (node->value != TRIE_NONE)
			best = node;
		node = node->len < 128 ? node->child[trie_bit(dst, node->len)] : NULL;
	}
	if (best != NULL)
		describe_node(t, vnet, best, out);
	return best != NULL;
}

bool routing_find(const struct routing *r, uint16_t vnet, const struct prefix6 *prefix,
		  struct routing_route *out)
{
	const struct routing_table *t = r->now;
	bool six = prefix->len < MAPPED_BITS || !addr6_is_mapped(&prefix->addr);
	uint32_t entry = TRIE_NONE;

	if (t != NULL && vnet < t->n_vnets)
		entry = trie_find(t->vnets[vnet].entries[six].root, prefix);
	if (entry != TRIE_NONE)
		describe(t, vnet, prefix, entry, out);
	return entry != TRIE_NONE;
}

struct routing_target routing_target(const struct routing *r, const struct routing_route *route,
				     size_t i)
{
	const struct group *group = &r->now->groups.list[route->group];
	const struct group_target *t = &group->targets[i];
	bool learned;
	uint32_t best = groups_best(group, routing_penalty_of, (void *)r, &learned);
	uint32_t penalty = routing_penalty_of((void *)r, &t->target);

	return (struct routing_target){
		.target = t->target,
		.is_learned = t->is_learned,
		.priority = t->priority,
		.penalty = penalty,
		.is_used = t->priority + penalty == best && (bool)t->is_learned == learned,
	};
}

size_t routing_n(const struct routing *r, uint16_t vnet, size_t *learned)
{
	const struct routing_table *t = r->now;

	*learned = 0;
	if (t == NULL || vnet >= t->n_vnets)
		return 0;
	*learned = t->vnets[vnet].n_learned;
	return t->vnets[vnet].entries[0].n + t->vnets[vnet].entries[1].n;
}
