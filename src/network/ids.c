/*
 * Ids and their life cycle: see ids.h.
 *
 * Each publication raises a serial by one. A retired number keeps the serial of the first
 * publication without it, and a census the serial at its beginning. A census can free only numbers
 * whose serial is not above its own and whose rest is over. Serials are compared by their
 * difference, since they wrap.
 */
#include "network/ids.h"

#include <assert.h>
#include <stdlib.h>

struct number {
	uint32_t serial; /* retired: of the first publication without it */
	uint32_t until_s; /* retired: it rests until then */
	uint8_t state; /* enum ids_state */
};

struct ids {
	uint32_t serial; /* of the last publication */
	uint32_t census_serial; /* of the last publication before the census began */
	uint32_t census_s; /* when the census began */
	uint16_t first, last;
	uint16_t lowest; /* none below it is free */
	uint16_t max; /* none above it is used or retired */
	size_t n_free, n_retired;
	struct number *numbers; /* [last + 1], by number */
};

struct ids *ids_create(uint16_t first, uint16_t last)
{
	struct ids *ids = calloc(1, sizeof(*ids));

	assert(first > IDS_NONE && first <= last);
	if (ids == NULL)
		return NULL;
	ids->numbers = calloc((size_t)last + 1, sizeof(ids->numbers[0]));
	if (ids->numbers == NULL) {
		free(ids);
		return NULL;
	}
	ids->first = ids->lowest = first;
	ids->last = last;
	ids->n_free = (size_t)(last - first) + 1;
	return ids;
}

void ids_destroy(struct ids *ids)
{
	if (ids == NULL)
		return;
	free(ids->numbers);
	free(ids);
}

static bool is_free(const struct ids *ids, uint32_t id)
{
	return ids->numbers[id].state == IDS_FREE;
}

static void use(struct ids *ids, uint16_t id)
{
	ids->numbers[id].state = IDS_USED;
	ids->n_free--;
	if (id > ids->max)
		ids->max = id;
}

static void set_free(struct ids *ids, uint16_t id)
{
	ids->numbers[id].state = IDS_FREE;
	ids->n_free++;
	if (id < ids->lowest)
		ids->lowest = id;
	while (ids->max >= ids->first && is_free(ids, ids->max))
		ids->max--;
	if (ids->max < ids->first)
		ids->max = IDS_NONE;
}

uint16_t ids_take(struct ids *ids)
{
	if (ids->n_free == 0)
		return IDS_NONE;
	while (!is_free(ids, ids->lowest))
		ids->lowest++;
	use(ids, ids->lowest);
	return ids->lowest;
}

bool ids_take_given(struct ids *ids, uint16_t id)
{
	if (id < ids->first || id > ids->last || !is_free(ids, id))
		return false;
	use(ids, id);
	return true;
}

void ids_give_back(struct ids *ids, uint16_t id)
{
	assert(ids_state(ids, id) == IDS_USED);
	set_free(ids, id);
}

void ids_retire(struct ids *ids, uint16_t id, uint32_t until_s)
{
	assert(ids_state(ids, id) == IDS_USED);
	ids->numbers[id] = (struct number){ids->serial + 1, until_s, IDS_RETIRED};
	ids->n_retired++;
}

void ids_retire_unread(struct ids *ids, uint16_t id, uint32_t until_s)
{
	ids_retire(ids, id, until_s);
	ids->numbers[id].serial = ids->serial;
}

void ids_published(struct ids *ids)
{
	ids->serial++;
}

void ids_census_begin(struct ids *ids, uint32_t now_s)
{
	ids->census_serial = ids->serial;
	ids->census_s = now_s;
}

/*
 * May a census that began at @now_s, after publication @serial, free the number? No flow can have
 * taken it since.
 */
static bool may_end(const struct number *n, uint32_t serial, uint32_t now_s)
{
	return n->state == IDS_RETIRED && (int32_t)(serial - n->serial) >= 0 &&
	       (int32_t)(now_s - n->until_s) >= 0;
}

size_t ids_census_end(struct ids *ids, const uint64_t used[IDS_WORDS])
{
	size_t freed = 0;

	for (uint32_t id = ids->max; id >= ids->first && ids->n_retired > 0; id--) {
		if (!may_end(&ids->numbers[id], ids->census_serial, ids->census_s) ||
		    ids_has(used, (uint16_t)id))
			continue;
		set_free(ids, (uint16_t)id);
		ids->n_retired--;
		freed++;
	}
	return freed;
}

bool ids_wants_census(const struct ids *ids, uint32_t now_s)
{
	for (uint32_t id = ids->first; id <= ids->max && ids->n_retired > 0; id++)
		if (may_end(&ids->numbers[id], ids->serial, now_s))
			return true;
	return false;
}

enum ids_state ids_state(const struct ids *ids, uint16_t id)
{
	return id < ids->first || id > ids->last ? IDS_FREE
						 : (enum ids_state)ids->numbers[id].state;
}

size_t ids_n_free(const struct ids *ids)
{
	return ids->n_free;
}

size_t ids_n_retired(const struct ids *ids)
{
	return ids->n_retired;
}

uint16_t ids_max(const struct ids *ids)
{
	return ids->max;
}
