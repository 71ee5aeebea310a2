/*
 * Taking over: in a new network pools, addresses and slices may have other numbers. The worker's
 * state for each of them moves from the old numbers to the new ones.
 *
 * Control maps new slices to old ones (egress_state.from) and allocates the state of new slices.
 * The worker moves pointers and counters in the turn in which it takes the new network: 31,000
 * slices in a fraction of a millisecond. Flows store addresses and ports, not numbers, so no flow
 * changes. A sweep ends the flows of removed slices (worker/change_sweep.h); until then they have
 * no slice (release_port()).
 *
 * Shortages are forgotten: they refer to positions in the port order of an address, and one search
 * finds them again.
 */
#include "setup/mapping.h"
#include "setup/ports.h"
#include "setup/slices.h"

#include <errno.h>
#include <stdlib.h>

static uint8_t mapping_of(const struct network *net, const struct slice *slice)
{
	return net->pools[slice->pool].mapping;
}

/* The number in @before of the slice with number @slice in @net; -1: it is new. */
static int find_before(const struct network *net, const struct network *before,
		       const struct slice *slice)
{
	const struct addr6 *addr6 = &net->addresses[slice->address].addr6;
	int address = slice->addr != 0 ? network_find_address(before, slice->addr)
				       : network_find_address6(before, addr6);
	int found =
		address < 0 ? -1 : network_find_slice(before, (uint32_t)address, slice->first_port);
	const struct slice *old = &before->slices[found < 0 ? 0 : found];

	if (found < 0 || old->first_port != slice->first_port || old->size != slice->size ||
	    mapping_of(before, old) != mapping_of(net, slice))
		return -1;
	return found;
}

static uint32_t *create_from(const struct network *net, const struct network *before)
{
	uint32_t *from = calloc(net->n_slices + 1, sizeof(*from));

	for (uint32_t i = 0; from != NULL && i < net->n_slices; i++)
		from[i] = (uint32_t)(find_before(net, before, &net->slices[i]) + 1);
	return from;
}

static bool same_addresses(const struct network *net, const struct network *before)
{
	if (net->n_addresses != before->n_addresses || net->n_slices != before->n_slices)
		return false;
	for (uint32_t i = 0; i < net->n_addresses; i++) {
		const struct egress_address *a = &net->addresses[i], *b = &before->addresses[i];

		if (a->addr != b->addr || !addr6_equal(&a->addr6, &b->addr6) ||
		    a->first_slice != b->first_slice || a->n_slices != b->n_slices)
			return false;
	}
	return true;
}

static bool take_over_is_same(const struct network *net, const struct network *before,
			      const uint32_t *from)
{
	for (uint32_t i = 0; i < net->n_slices; i++) {
		if (from[i] != i + 1)
			return false;
	}
	return same_addresses(net, before);
}

int egress_create_next(struct egress_state **next, const struct egress_state *current,
		       const struct network *net, const struct network *before, uint32_t capacity,
		       uint16_t index, uint16_t count)
{
	uint32_t *from = create_from(net, before);

	*next = NULL;
	if (from == NULL)
		return -ENOMEM;
	if (take_over_is_same(net, before, from)) {
		free(from);
		return 0;
	}
	*next = egress_create_from(net, current, from, capacity, index, count);
	return *next != NULL ? 0 : -ENOMEM;
}

struct egress_state *egress_take_over(struct egress_state *next, struct egress_state *current,
				      const struct network *net)
{
	if (next == NULL) {
		ports_keep_reserve(current, net);
		return current;
	}
	slices_take_over(next, current);
	mappings_take_over(next->mappings, current->mappings, next->from);
	next->turns = current->turns;
	ports_keep_reserve(next, net);
	return next;
}
