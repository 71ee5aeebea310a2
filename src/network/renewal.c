/*
 * Renewal: see renewal.h.
 *
 * Whole addresses are left out, not single slices: all slices of an address have one size, and a
 * changed mapping of one slice concerns all hosts behind the address.
 */
#include "network/renewal.h"

#include <errno.h>
#include <stdlib.h>

static int renewal_find(const struct network *net, const struct spec_address *a)
{
	return addr6_is_mapped(&a->addr) ? network_find_address(net, addr6_to_ipv4(&a->addr))
					 : network_find_address6(net, &a->addr);
}

/* Does the slice of @current at @port, if any, have the mapping of @pool? */
static bool same_mapping(const struct network *current, uint32_t address, uint16_t port,
			 const struct spec_pool *pool)
{
	int slice = network_find_slice(current, address, port);

	return slice < 0 || current->pools[current->slices[slice].pool].mapping == pool->mapping;
}

static bool is_renewed(const struct network *current, const struct spec_pool *pool,
		       const struct spec_address *a)
{
	int at = renewal_find(current, a);

	if (at < 0)
		return false;
	if (current->pools[current->addresses[at].pool].slice_size != pool->slice_size)
		return true;
	for (uint32_t k = 0; k < 65536 / pool->slice_size; k++) {
		uint16_t port = (uint16_t)(k * pool->slice_size);

		if (spec_owns_slice(a, k) && !same_mapping(current, (uint32_t)at, port, pool))
			return true;
	}
	return false;
}

bool renewal_is_needed(const struct network *current, const struct network_spec *wanted)
{
	for (size_t i = 0; i < wanted->n_pools; i++)
		for (size_t k = 0; k < wanted->pools[i].n_addresses; k++)
			if (is_renewed(current, &wanted->pools[i], &wanted->pools[i].addresses[k]))
				return true;
	return false;
}

int renewal_create(struct renewal *r, const struct network *current,
		   const struct network_spec *wanted)
{
	struct spec_address *to;
	size_t n = 0;

	for (size_t i = 0; i < wanted->n_pools; i++)
		n += wanted->pools[i].n_addresses;
	*r = (struct renewal){.spec = *wanted};
	r->spec.in_between = true;
	r->pools = calloc(wanted->n_pools + 1, sizeof(r->pools[0]));
	r->addresses = to = calloc(n + 1, sizeof(r->addresses[0]));
	if (r->pools == NULL || r->addresses == NULL) {
		renewal_destroy(r);
		return -ENOMEM;
	}
	r->spec.pools = r->pools;
	for (size_t i = 0; i < wanted->n_pools; i++) {
		const struct spec_pool *from = &wanted->pools[i];
		struct spec_pool *pool = &r->pools[i];

		*pool = *from;
		pool->addresses = to;
		pool->n_addresses = 0;
		for (size_t k = 0; k < from->n_addresses; k++)
			if (!is_renewed(current, from, &from->addresses[k]))
				pool->addresses[pool->n_addresses++] = from->addresses[k];
		to += pool->n_addresses;
	}
	return 0;
}

void renewal_destroy(struct renewal *r)
{
	free(r->pools);
	free(r->addresses);
	*r = (struct renewal){0};
}
