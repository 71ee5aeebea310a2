/* Routes by one port: see rib.h. */
#include "control/kernel/rib.h"

#include <errno.h>
#include <stdlib.h>

void rib_fini(struct rib *rib)
{
	slab_fini(&rib->nexthops);
	free(rib->entries);
	free(rib->changed);
	trie_fini(&rib->index);
	*rib = (struct rib){0};
}

struct rib_entry *rib_find(struct rib *rib, const struct prefix6 *prefix)
{
	uint32_t at = trie_find(rib->index.root, prefix);

	return at == TRIE_NONE ? NULL : &rib->entries[at];
}

static void *rib_grow(void *array, size_t n, size_t *room, size_t size)
{
	size_t more = *room == 0 ? 64 : *room * 2;
	void *bigger;

	if (n < *room)
		return array;
	bigger = reallocarray(array, more, size);
	if (bigger != NULL)
		*room = more;
	return bigger;
}

/* The list of changes has room for every entry, so adding to it cannot fail. */
static bool rib_make_room(struct rib *rib)
{
	uint32_t *changed =
		rib_grow(rib->changed, rib->n_entries, &rib->changed_room, sizeof(*changed));
	struct rib_entry *entries;

	if (changed == NULL)
		return false;
	rib->changed = changed;
	entries = rib_grow(rib->entries, rib->n_entries, &rib->room, sizeof(*entries));
	if (entries == NULL)
		return false;
	rib->entries = entries;
	return true;
}

static struct rib_entry *make_entry(struct rib *rib, const struct prefix6 *prefix, bool bounded)
{
	bool recycled = rib->free_entry != 0;
	uint32_t at = recycled ? rib->free_entry - 1 : (uint32_t)rib->n_entries;

	if ((!recycled && !rib_make_room(rib)) || trie_set(&rib->index, prefix, at) != 0)
		return NULL;
	if (recycled)
		rib->free_entry = rib->entries[at].next_free;
	else
		rib->n_entries++;
	rib->entries[at] = (struct rib_entry){
		.prefix = *prefix, .value = TRIE_NONE, .live = true, .bounded = bounded};
	rib->n++;
	rib->n_bounded += bounded;
	return &rib->entries[at];
}

void rib_touch(struct rib *rib, struct rib_entry *entry)
{
	if (!entry->changed)
		rib->changed[rib->n_changed++] = (uint32_t)(entry - rib->entries);
	entry->changed = true;
}

static bool same_nexthop(const struct rib_nexthop *a, const struct rib_nexthop *b)
{
	return a->order == b->order && a->kind == b->kind && a->row == b->row && a->mtu == b->mtu &&
	       a->weight == b->weight;
}

bool rib_has(const struct rib_entry *entry, const struct rib_nexthop *nexthop)
{
	const struct rib_nexthop *at = entry->nexthops;

	while (at != NULL && !same_nexthop(at, nexthop))
		at = at->next;
	return at != NULL;
}

int rib_add(struct rib *rib, const struct prefix6 *prefix, const struct rib_nexthop *nexthop,
	    bool bounded)
{
	struct rib_entry *entry = rib_find(rib, prefix);
	struct rib_nexthop **link, *added;

	if (entry == NULL)
		entry = make_entry(rib, prefix, bounded);
	if (entry == NULL)
		return -ENOMEM;
	for (link = &entry->nexthops; *link != NULL; link = &(*link)->next) {
		if (same_nexthop(*link, nexthop)) {
			(*link)->generation = nexthop->generation;
			return 0;
		}
	}
	slab_reserve(&rib->nexthops, sizeof(*added), 1);
	added = slab_take(&rib->nexthops);
	if (added != NULL) {
		*added = *nexthop;
		added->next = NULL;
		*link = added;
		rib->n_several += entry->nexthops != added;
	}
	rib_touch(rib, entry); /* removed again, since it has no nexthop */
	return added != NULL ? 1 : -ENOMEM;
}

size_t rib_remove(struct rib *rib, struct rib_entry *entry, rib_gone_fn gone, void *arg)
{
	struct rib_nexthop **link = &entry->nexthops;
	size_t n = 0;

	while (*link != NULL) {
		struct rib_nexthop *nexthop = *link;

		if (!gone(nexthop, arg)) {
			link = &nexthop->next;
			continue;
		}
		*link = nexthop->next;
		slab_give(&rib->nexthops, nexthop);
		n++;
	}
	if (n > 0)
		rib_touch(rib, entry);
	return n;
}

void rib_settle(struct rib *rib, uint32_t at)
{
	struct rib_entry *entry = &rib->entries[at];

	entry->changed = false;
	if (entry->nexthops != NULL || entry->value != TRIE_NONE ||
	    trie_remove(&rib->index, &entry->prefix) != 0)
		return;
	entry->live = false;
	rib->n--;
	rib->n_bounded -= entry->bounded;
	entry->next_free = rib->free_entry;
	rib->free_entry = at + 1;
}
