/*
 * Routing: see routing.h.
 *
 * For each network there is a table of entries. An entry is a prefix with all that is known of it,
 * from the file and learned. Its targets, put together, are a group, whose number is the value in
 * the tree that workers read. A second tree, which only this thread reads, leads from a prefix to
 * its entry.
 */
#include "control/routing/routing_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 64 };

static int family_of(const struct prefix6 *prefix)
{
	return prefix->len < MAPPED_BITS || !addr6_is_mapped(&prefix->addr);
}

/* --- targets ---------------------------------------------------------------------------------- */

/* The same in all generations, so that flows keep their choice. */
static uint32_t seed_of(const char *kind, const char *name)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *kind != '\0'; kind++)
		hash = (hash ^ (unsigned char)*kind) * 16777619u;
	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash;
}

static struct group_target resolve(const struct network *net, const struct spec_target *t,
				   bool is_learned)
{
	static const char *const kinds[] = {
		[TARGET_SITE] = "site ",    [TARGET_TUNNEL] = "tunnel ", [TARGET_EGRESS] = "pool ",
		[TARGET_LINK] = "network ", [TARGET_DROP] = "drop ",
	};
	struct group_target out = {
		.target.kind = (uint8_t)t->kind,
		.target.weight = t->weight,
		.target.seed = seed_of(kinds[t->kind], spec_target_name(&net->spec, t)),
		.priority = t->priority,
		.is_learned = is_learned,
	};

	switch (t->kind) {
	case TARGET_SITE:
	case TARGET_TUNNEL:
		out.target.far = net->site_ids[t->index];
		out.target.nexthop = net->sites[out.target.far]
					     .tunnels[t->kind == TARGET_TUNNEL ? t->tunnel : 0];
		break;
	case TARGET_EGRESS:
		out.target.pool = t->index;
		out.target.untranslated = t->untranslated;
		break;
	case TARGET_LINK:
		out.target.vnet = net->vnet_ids[t->index];
		break;
	case TARGET_DROP:
		break;
	}
	return out;
}

uint32_t routing_penalty_of(void *arg, const struct route_target *t)
{
	const struct routing *r = arg;
	const struct site *site;
	uint32_t least = UINT32_MAX;

	if (r->penalty == NULL || (t->kind != TARGET_SITE && t->kind != TARGET_TUNNEL))
		return 0;
	if (t->kind == TARGET_TUNNEL)
		return r->penalty(r->penalty_arg, t->nexthop);
	site = &r->now->net->sites[t->far]; /* its best tunnel is used */
	for (unsigned i = 0; i < site->n_tunnels; i++) {
		uint32_t penalty = r->penalty(r->penalty_arg, site->tunnels[i]);

		least = penalty < least ? penalty : least;
	}
	return least;
}

/* --- entries ---------------------------------------------------------------------------------- */

static uint32_t take_entry(struct routing_table *t)
{
	uint32_t i = t->free, room = t->room == 0 ? FIRST_ROOM : 2 * t->room;
	struct routing_entry *more;

	if (i != ROUTING_ENTRY_NONE) {
		t->free = t->entries[i].next_free;
	} else {
		if (t->n_entries == t->room) {
			more = realloc(t->entries, room * sizeof(*more));
			if (more == NULL)
				return ROUTING_ENTRY_NONE;
			t->entries = more;
			t->room = room;
		}
		i = t->n_entries++;
	}
	t->entries[i] = (struct routing_entry){.group = GROUPS_NONE};
	return i;
}

static void free_entry(struct routing_table *t, uint32_t i)
{
	free(t->entries[i].learned);
	t->entries[i] = (struct routing_entry){.group = GROUPS_NONE, .next_free = t->free};
	t->free = i;
}

/* The group of @e with @n learned targets. GROUPS_NONE: memory ran out. */
static uint32_t group_of(struct routing_table *t, const struct routing_entry *e,
			 const struct group_target *learned, size_t n)
{
	struct group_target all[GROUP_TARGETS_MAX];
	bool refuses = e->fixed != NULL && e->fixed->on_collision == COLLISION_REFUSE;
	size_t k = 0;

	for (size_t i = 0; e->fixed != NULL && i < e->fixed->n_targets; i++)
		all[k++] = resolve(t->net, &e->fixed->targets[i], false);
	if (n > 0)
		memcpy(&all[k], learned, n * sizeof(learned[0]));
	return groups_take(&t->groups, all, k + n, refuses);
}

/* Both trees lead from @prefix to the new entry @i and its @group. */
static int hang(struct routing_table *t, uint16_t vnet, const struct prefix6 *prefix, uint32_t i,
		uint32_t group)
{
	struct routing_vnet *v = &t->vnets[vnet];
	int family = family_of(prefix);

	if (trie_set(&v->entries[family], prefix, i) != 0)
		return -ENOMEM;
	if (trie_set(&v->choices[family], prefix, group) == 0) {
		t->n_routes++;
		return 0;
	}
	trie_remove(&v->entries[family], prefix);
	return -ENOMEM;
}

static int add_fixed(struct routing_table *t, uint16_t vnet, const struct spec_route *route)
{
	uint32_t i = take_entry(t), group;

	if (i == ROUTING_ENTRY_NONE)
		return -ENOMEM;
	t->entries[i].fixed = route;
	group = group_of(t, &t->entries[i], NULL, 0);
	if (group == GROUPS_NONE)
		return -ENOMEM;
	t->entries[i].group = group;
	return hang(t, vnet, &route->prefix, i, group);
}

/* --- learned routes --------------------------------------------------------------------------- */

static int learn_new(struct routing_table *t, uint16_t vnet, const struct prefix6 *prefix,
		     struct group_target *learned, size_t n)
{
	uint32_t i = take_entry(t), group;

	if (i == ROUTING_ENTRY_NONE)
		return -ENOMEM;
	group = group_of(t, &t->entries[i], learned, n);
	if (group == GROUPS_NONE || hang(t, vnet, prefix, i, group) != 0) {
		if (group != GROUPS_NONE)
			groups_drop(&t->groups, group);
		free_entry(t, i);
		return -ENOMEM;
	}
	t->entries[i].group = group;
	t->entries[i].learned = learned;
	t->entries[i].n_learned = (uint32_t)n;
	return 0;
}

static int learn_more(struct routing_table *t, uint16_t vnet, const struct prefix6 *prefix,
		      uint32_t i, struct group_target *learned, size_t n)
{
	struct routing_entry *e = &t->entries[i];
	uint32_t group = group_of(t, e, learned, n);

	if (group == GROUPS_NONE)
		return -ENOMEM;
	if (group != e->group &&
	    trie_set(&t->vnets[vnet].choices[family_of(prefix)], prefix, group) != 0) {
		groups_drop(&t->groups, group);
		return -ENOMEM;
	}
	groups_drop(&t->groups, e->group);
	e->group = group;
	free(e->learned);
	e->learned = learned;
	e->n_learned = (uint32_t)n;
	return 0;
}

static int forget(struct routing_table *t, uint16_t vnet, const struct prefix6 *prefix, uint32_t i)
{
	struct routing_vnet *v = &t->vnets[vnet];
	int family = family_of(prefix);

	/* if the second one fails, workers have no route, and the next call tries again */
	if (trie_remove(&v->choices[family], prefix) != 0 ||
	    trie_remove(&v->entries[family], prefix) != 0)
		return -ENOMEM;
	groups_drop(&t->groups, t->entries[i].group);
	free_entry(t, i);
	t->n_routes--;
	return 0;
}

static void count_learned(struct routing_table *t, uint16_t vnet, bool before, bool after)
{
	t->n_learned += (size_t)after - (size_t)before;
	t->vnets[vnet].n_learned += (size_t)after - (size_t)before;
	t->changed = true;
}

/* NULL: memory ran out, or @n is 0. */
static struct group_target *resolve_all(const struct network *net,
					const struct spec_target *targets, size_t n)
{
	struct group_target *learned = n > 0 ? calloc(n, sizeof(learned[0])) : NULL;

	for (size_t i = 0; learned != NULL && i < n; i++)
		learned[i] = resolve(net, &targets[i], true);
	return learned;
}

int routing_set_learned(struct routing *r, uint16_t vnet, const struct prefix6 *prefix,
			const struct spec_target *targets, size_t n)
{
	struct routing_table *t = r->now;
	uint16_t id = vnet < t->net->n_vnets ? t->net->vnet_ids[vnet] : 0;
	uint32_t i = trie_find(t->vnets[id].entries[family_of(prefix)].root, prefix);
	bool was_learned = i != TRIE_NONE && t->entries[i].n_learned > 0;
	struct group_target *learned;
	int ret;

	if (n == 0 && !was_learned)
		return 0;
	if (!was_learned && t->n_learned >= ROUTING_LEARNED_MAX)
		return -ENOSPC;
	learned = resolve_all(t->net, targets, n);
	if (n > 0 && learned == NULL)
		return -ENOMEM;
	if (i == TRIE_NONE)
		ret = learn_new(t, id, prefix, learned, n);
	else if (n == 0 && t->entries[i].fixed == NULL)
		ret = forget(t, id, prefix, i);
	else
		ret = learn_more(t, id, prefix, i, learned, n);
	if (ret != 0)
		free(learned);
	else
		count_learned(t, id, was_learned, n > 0);
	return ret;
}

/* --- tables ----------------------------------------------------------------------------------- */

static void destroy_table(struct routing_table *t)
{
	if (t == NULL)
		return;
	for (uint32_t v = 0; t->vnets != NULL && v < t->n_vnets; v++) {
		for (int family = 0; family < 2; family++) {
			trie_fini(&t->vnets[v].choices[family]);
			trie_fini(&t->vnets[v].entries[family]);
		}
	}
	for (uint32_t i = 0; i < t->n_entries; i++)
		free(t->entries[i].learned);
	groups_fini(&t->groups);
	free(t->entries);
	free(t->vnets);
	free(t->roots);
	free(t);
}

static struct routing_table *create_table(const struct network *net)
{
	struct routing_table *t = calloc(1, sizeof(*t));
	bool ok = t != NULL;

	if (ok) {
		t->net = net;
		t->free = ROUTING_ENTRY_NONE;
		t->changed = t->is_new = true;
		t->n_vnets = net->max_vnet + 1;
		t->vnets = calloc(t->n_vnets, sizeof(t->vnets[0]));
		t->roots = calloc(t->n_vnets, sizeof(t->roots[0]));
		ok = t->vnets != NULL && t->roots != NULL;
	}
	for (size_t v = 0; ok && v < net->spec.n_vnets; v++)
		for (size_t i = 0; ok && i < net->spec.vnets[v].n_routes; i++)
			ok = add_fixed(t, net->vnet_ids[v], &net->spec.vnets[v].routes[i]) == 0;
	if (ok)
		return t;
	destroy_table(t);
	return NULL;
}

int routing_prepare(struct routing *r, const struct network *net)
{
	struct routing_table *t = create_table(net);

	if (t == NULL)
		return -ENOMEM;
	r->before = r->now;
	r->now = t;
	if (r->learn == NULL || r->learn(r->learn_arg, net) == 0)
		return 0;
	routing_abort(r);
	return -ENOMEM;
}

void routing_commit(struct routing *r)
{
	destroy_table(r->before);
	r->before = NULL;
	routing_published(r);
}

void routing_abort(struct routing *r)
{
	if (r->before == NULL)
		return;
	destroy_table(r->now);
	r->now = r->before;
	r->before = NULL;
	r->now->is_new = true; /* what was compiled last is gone */
	if (r->learn != NULL)
		r->learn(r->learn_arg, r->now->net);
}

void routing_on_network(struct routing *r, routing_learn_fn learn, void *arg)
{
	r->learn = learn;
	r->learn_arg = arg;
}

struct routing *routing_create(void)
{
	return calloc(1, sizeof(struct routing));
}

void routing_destroy(struct routing *r)
{
	if (r == NULL)
		return;
	destroy_table(r->now);
	destroy_table(r->before);
	free(r);
}

/* --- for workers ------------------------------------------------------------------------------ */

void routing_use_penalties(struct routing *r, routing_penalty_fn penalty, void *arg)
{
	r->penalty = penalty;
	r->penalty_arg = arg;
	routing_penalties_changed(r);
}

void routing_penalties_changed(struct routing *r)
{
	if (r->now != NULL)
		r->now->groups.changed = true;
}

bool routing_compile(struct routing *r, struct routes_spec *spec)
{
	struct routing_table *t = r->now;
	bool changed;

	if (t == NULL)
		return false;
	changed = t->changed || t->is_new;
	if (t->groups.changed)
		changed = groups_choose(&t->groups, routing_penalty_of, r) || changed;
	for (uint32_t v = 0; t->changed && v < t->n_vnets; v++)
		t->roots[v] = (struct vnet_roots){trie_commit(&t->vnets[v].choices[0]),
						  trie_commit(&t->vnets[v].choices[1])};
	t->changed = t->is_new = false;
	if (t->n_routes == 0)
		return changed;
	spec->vnets = t->roots;
	spec->n_vnets = t->n_vnets;
	spec->choices = t->groups.choices;
	spec->n_choices = t->groups.n;
	return changed;
}

void routing_published(struct routing *r)
{
	if (r->now == NULL)
		return;
	for (uint32_t v = 0; v < r->now->n_vnets; v++)
		for (int family = 0; family < 2; family++)
			trie_release(&r->now->vnets[v].choices[family]);
}
