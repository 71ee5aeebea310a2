/* The memory of mappings: entries, chains, and the bitmaps of ports of each slice. */
#include "setup/mapping_internal.h"

#include "path/share.h"

#include <stdlib.h>

/* @from: slices whose ports will be taken over; NULL: none. */
static bool slices_create(struct mappings *m, const struct network *net, const uint32_t *from,
			  uint16_t index, uint16_t count)
{
	m->slices = calloc(net->n_slices + 1, sizeof(m->slices[0]));
	if (m->slices == NULL)
		return false;
	m->n_slices = net->n_slices;
	for (uint32_t i = 0; i < net->n_slices; i++) {
		const struct slice *slice = &net->slices[i];
		struct slice_ports *ports = &m->slices[i];

		if (net->pools[slice->pool].mapping != MAPPING_ENDPOINT_INDEPENDENT)
			continue;
		ports->first = share_begin(slice->size, index, count);
		ports->end = share_begin(slice->size, index + 1u, count);
		if (from != NULL && from[i] != 0)
			continue;
		ports->taken = calloc(PROTO_SETS, slice->size / 8);
		if (ports->taken == NULL)
			return false;
	}
	return true;
}

static bool entries_create(struct mappings *m, uint32_t capacity)
{
	uint32_t heads = mappings_heads(capacity);

	m->entries = calloc(capacity, sizeof(m->entries[0]));
	m->heads = malloc((size_t)2 * heads * sizeof(m->heads[0]));
	if (m->entries == NULL || m->heads == NULL)
		return false;
	m->mask = heads - 1;
	m->capacity = capacity;
	m->free = MAPPING_NONE;
	m->resting_first = m->resting_last = MAPPING_NONE;
	for (size_t i = 0; i < (size_t)2 * heads; i++)
		m->heads[i] = MAPPING_NONE;
	return true;
}

static bool is_wanted(const struct network *net)
{
	for (uint32_t i = 0; i < net->n_pools; i++) {
		if (net->pools[i].mapping == MAPPING_ENDPOINT_INDEPENDENT)
			return true;
	}
	return false;
}

struct mappings *mappings_create_next(const struct mappings *current, const struct network *net,
				      const uint32_t *from, uint32_t capacity, uint16_t index,
				      uint16_t count)
{
	struct mappings *m = calloc(1, sizeof(*m));
	bool has_entries = current != NULL && current->entries != NULL;

	if (m == NULL || !is_wanted(net))
		return m;
	if (!slices_create(m, net, from, index, count) ||
	    (!has_entries && !entries_create(m, capacity))) {
		mappings_destroy(m);
		return NULL;
	}
	return m;
}

void mappings_destroy(struct mappings *m)
{
	if (m == NULL)
		return;
	for (uint32_t i = 0; i < m->n_slices; i++)
		free(m->slices[i].taken);
	free(m->slices);
	free(m->entries);
	free(m->heads);
	free(m);
}
