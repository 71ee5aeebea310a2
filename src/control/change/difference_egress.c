/*
 * Differences of egress pools, their addresses and slices: see difference.h.
 *
 * A flow has an address and a port, but no pool. So it ends only if no pool with the same slice
 * size and mapping has its slice any more. If an address moves to another pool, its flows go on.
 */
#include "control/change/difference_parts.h"

#include "base/addr6.h"
#include "base/types.h"
#include "control/config/config.h"

#include <stdlib.h>
#include <string.h>

/* One address of one pool. */
struct entry {
	struct addr6 addr; /* IPv4: mapped */
	uint32_t pool;
	bool done;
	/* with the slices of all entries of this address in the pool */
	const struct spec_address *spec;
};

struct entries {
	const struct network_spec *net;
	struct entry *list; /* sorted by address and pool */
	size_t n;
	struct spec_address *merged; /* entries of addresses that a pool lists more than once */
	size_t n_merged;
};

static int difference_egress_compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = addr6_compare(&x->addr, &y->addr);

	if (order != 0)
		return order;
	return x->pool < y->pool ? -1 : x->pool > y->pool;
}

static size_t count_doubles(const struct entries *e)
{
	size_t n = 0;

	for (size_t i = 1; i < e->n; i++)
		n += difference_egress_compare_entries(&e->list[i - 1], &e->list[i]) == 0;
	return n;
}

/* Merges both entries into @first. */
static void merge_into(struct entries *e, struct entry *first, const struct entry *other)
{
	struct spec_address *both = &e->merged[e->n_merged++];

	*both = *first->spec;
	for (size_t w = 0; w < ARRAY_SIZE(both->slices); w++)
		both->slices[w] |= other->spec->slices[w];
	first->spec = both;
}

static bool merge_doubles(struct entries *e)
{
	size_t doubles = count_doubles(e), n = 1;

	if (doubles == 0)
		return true;
	e->merged = calloc(doubles, sizeof(e->merged[0]));
	if (e->merged == NULL)
		return false;
	for (size_t i = 1; i < e->n; i++) {
		if (difference_egress_compare_entries(&e->list[n - 1], &e->list[i]) == 0)
			merge_into(e, &e->list[n - 1], &e->list[i]);
		else
			e->list[n++] = e->list[i];
	}
	e->n = n;
	return true;
}

static void free_entries(struct entries *e)
{
	free(e->list);
	free(e->merged);
}

static struct entries make_entries(struct items *items, const struct network_spec *net)
{
	struct entries e = {.net = net};
	size_t room = 0;

	for (size_t i = 0; i < net->n_pools; i++)
		room += net->pools[i].n_addresses;
	e.list = calloc(room + 1, sizeof(e.list[0]));
	if (e.list == NULL) {
		items->failed = true;
		return e;
	}
	for (uint32_t i = 0; i < net->n_pools; i++) {
		for (size_t k = 0; k < net->pools[i].n_addresses; k++) {
			const struct spec_address *spec = &net->pools[i].addresses[k];

			e.list[e.n++] = (struct entry){spec->addr, i, false, spec};
		}
	}
	qsort(e.list, e.n, sizeof(e.list[0]), difference_egress_compare_entries);
	items->failed |= !merge_doubles(&e);
	return e;
}

/* The first entry that is not less than (@addr, @pool). */
static size_t lower_bound(const struct entries *e, const struct addr6 *addr, uint32_t pool)
{
	const struct entry wanted = {.addr = *addr, .pool = pool};
	size_t low = 0, high = e->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (difference_egress_compare_entries(&e->list[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct entry *difference_egress_find(const struct entries *e, const struct addr6 *addr,
					    uint32_t pool)
{
	size_t i = lower_bound(e, addr, pool);

	if (i == e->n || !addr6_equal(&e->list[i].addr, addr) || e->list[i].pool != pool)
		return NULL;
	return &e->list[i];
}

/* Are any ports of @was in no slice of the new configuration, in any pool with the address? */
static bool loses_ports(const struct entries *old, const struct entries *new,
			const struct entry *was)
{
	const struct spec_pool *before = &old->net->pools[was->pool];
	uint64_t lost[SPEC_SLICES_MAX / 64], any = 0;

	memcpy(lost, was->spec->slices, sizeof(lost));
	for (size_t i = lower_bound(new, &was->addr, 0); i < new->n; i++) {
		const struct entry *now = &new->list[i];
		const struct spec_pool *pool = &new->net->pools[now->pool];

		if (!addr6_equal(&now->addr, &was->addr))
			break;
		if (pool->slice_size != before->slice_size || pool->mapping != before->mapping)
			continue;
		for (size_t w = 0; w < ARRAY_SIZE(lost); w++)
			lost[w] &= ~now->spec->slices[w];
	}
	for (size_t w = 0; w < ARRAY_SIZE(lost); w++)
		any |= lost[w];
	return any != 0;
}

static enum setting_effect effect_of_loss(const struct entries *old, const struct entries *new,
					  const struct entry *was)
{
	return loses_ports(old, new, was) ? EFFECT_SLICE : EFFECT_NEW;
}

static void add_address(struct items *items, const struct entry *e, const struct spec_pool *pool,
			enum change_what what, enum setting_effect effect)
{
	const struct setting *row = schema_find(&schema_address, "address");
	struct draft draft = {0};
	char text[ITEMS_TEXT_SIZE];

	draft_say(items, &draft, "of pool %s", pool->name);
	draft_effect(&draft, effect);
	items_add(items, "address", items_text(items, items->after, row, e->spec, text), what,
		  &draft);
}

static void compare_slices(struct items *items, const struct entries *old,
			   const struct entries *new, const struct entry *was,
			   const struct entry *now)
{
	const struct setting *slices = schema_find(&schema_address, "slices");
	const struct setting *row = schema_find(&schema_address, "address");
	char before[ITEMS_TEXT_SIZE], after[ITEMS_TEXT_SIZE], text[ITEMS_TEXT_SIZE];
	struct draft draft = {0};

	if (memcmp(was->spec->slices, now->spec->slices, sizeof(now->spec->slices)) == 0)
		return;
	draft_say(items, &draft, "%s -> %s",
		  items_text(items, items->before, slices, was->spec, before),
		  items_text(items, items->after, slices, now->spec, after));
	draft_say(items, &draft, "of pool %s", new->net->pools[now->pool].name);
	if (loses_ports(old, new, was))
		draft_effect(&draft, EFFECT_SLICE);
	items_add(items, "slices", items_text(items, items->after, row, now->spec, text),
		  CHANGE_CHANGED, &draft);
}

/* Compares the addresses of a pool that is in both configurations. */
static void compare_addresses(struct items *items, const struct entries *old,
			      const struct entries *new, uint32_t before, uint32_t after)
{
	const struct spec_pool *was = &old->net->pools[before], *now = &new->net->pools[after];

	for (size_t k = 0; k < now->n_addresses; k++) {
		struct addr6 addr = now->addresses[k].addr;
		struct entry *e = difference_egress_find(new, &addr, after),
			     *earlier = difference_egress_find(old, &addr, before);

		if (e->done)
			continue;
		e->done = true;
		if (earlier == NULL)
			add_address(items, e, now, CHANGE_ADDED, EFFECT_NONE);
		else if (was->slice_size == now->slice_size)
			compare_slices(items, old, new, earlier, e);
	}
	for (size_t k = 0; k < was->n_addresses; k++) {
		struct addr6 addr = was->addresses[k].addr;
		struct entry *e = difference_egress_find(old, &addr, before);

		if (e->done || difference_egress_find(new, &addr, after) != NULL)
			continue;
		e->done = true;
		add_address(items, e, was, CHANGE_REMOVED, effect_of_loss(old, new, e));
	}
}

/* The pool by which flows of a family leave, or MATCH_NONE. */
static uint32_t default_pool(const struct network_spec *net, bool six)
{
	for (uint32_t i = 0; i < net->n_pools; i++) {
		for (size_t k = 0; k < net->pools[i].n_addresses; k++) {
			if (addr6_is_ipv6(&net->pools[i].addresses[k].addr) == six)
				return i;
		}
	}
	return MATCH_NONE;
}

static void say_default(struct items *items, struct draft *draft, uint32_t pool, bool six)
{
	const struct match *m = &items->match;
	uint32_t was = default_pool(m->before.spec, six);

	if (was == MATCH_NONE || default_pool(m->after.spec, six) != pool ||
	    m->before.pools[was] == pool)
		return;
	draft_say(items, draft, "new IPv%c flows leave by it, not by pool %s", six ? '6' : '4',
		  m->before.spec->pools[was].name);
	draft_effect(draft, EFFECT_NEW);
	/* the mapping of the default pool decides which worker gets a forward packet */
	if (!six && m->after.spec->workers > 1 &&
	    m->before.spec->pools[was].mapping != m->after.spec->pools[pool].mapping)
		draft_effect(draft, EFFECT_MAPPING);
}

static void say_addresses(struct items *items, struct draft *draft, const struct spec_pool *pool)
{
	draft_say(items, draft, "%zu address%s", pool->n_addresses,
		  pool->n_addresses == 1 ? "" : "es");
}

static void pool_differs(struct items *items, void *arg, const struct setting *setting,
			 const char *path, const void *before, const void *after)
{
	if (setting->block != &schema_address && setting->type != SETTING_NAME)
		items_differ(items, arg, setting, path, before, after);
}

static void compare_pools(struct items *items, const struct entries *old, const struct entries *new)
{
	const struct match_side *after = &items->match.after;

	for (uint32_t i = 0; i < after->spec->n_pools; i++) {
		const struct spec_pool *pool = &after->spec->pools[i];
		uint32_t was = after->pools[i];
		struct draft draft = {0};

		if (was == MATCH_NONE) {
			say_addresses(items, &draft, pool);
		} else if (strcmp(old->net->pools[was].name, pool->name) != 0) {
			draft_say(items, &draft, "renamed from %s", old->net->pools[was].name);
		}
		if (was != MATCH_NONE)
			items_walk(items, &schema_pool, &old->net->pools[was], pool, pool_differs,
				   &draft);
		say_default(items, &draft, i, false);
		say_default(items, &draft, i, true);
		items_add(items, "pool", pool->name,
			  was == MATCH_NONE ? CHANGE_ADDED : CHANGE_CHANGED, &draft);
		if (was != MATCH_NONE)
			compare_addresses(items, old, new, was, i);
	}
}

static void remove_pools(struct items *items, const struct entries *old, const struct entries *new)
{
	const struct match_side *before = &items->match.before;

	for (uint32_t i = 0; i < before->spec->n_pools; i++) {
		const struct spec_pool *pool = &before->spec->pools[i];
		struct draft draft = {0};

		if (before->pools[i] != MATCH_NONE)
			continue;
		say_addresses(items, &draft, pool);
		for (size_t k = 0; k < pool->n_addresses; k++) {
			struct addr6 addr = pool->addresses[k].addr;

			draft_effect(&draft, effect_of_loss(old, new,
							    difference_egress_find(old, &addr, i)));
		}
		items_add(items, "pool", pool->name, CHANGE_REMOVED, &draft);
	}
}

void difference_of_egress(struct items *items)
{
	const struct setting *row = schema_find(&schema_file, "egress");
	struct entries old, new;

	/*
	 * most changes do not concern pools, whose thousands of addresses need not be sorted then
	 */
	if (items_same(items, row, items->before, items->after))
		return;
	old = make_entries(items, &items->before->network);
	new = make_entries(items, &items->after->network);
	if (!items->failed) {
		compare_pools(items, &old, &new);
		remove_pools(items, &old, &new);
	}
	free_entries(&old);
	free_entries(&new);
}
