/*
 * Compiles the network from the operator's specification: ids, memory, and the order of the other
 * steps.
 *
 * Everything that a packet needs is computed once: site.c, tunnel.c, tunnel6.c, interconnect.c,
 * pool.c, address.c, address6.c, global.c, ends.c, names.c. Ids come from outside and index arrays,
 * so each is checked here before its first use.
 */
#include "network/network.h"

#include "base/memory.h"
#include "network/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE = 512 }; /* tunnels or sites; 256 bytes of tables each */

/* Bits of the smallest table size that is at most half full with @n keys. */
static unsigned table_bits(size_t n)
{
	unsigned bits = 3;

	while ((size_t)1 << bits < 2 * n)
		bits++;
	return bits;
}

/* A copy of @from, or the numbers 1 to @n if it is NULL. NULL: memory ran out. */
static uint16_t *copy_ids(const uint16_t *from, uint32_t n, uint32_t *max)
{
	uint16_t *ids = calloc(n + 1, sizeof(ids[0]));

	for (uint32_t i = 0; ids != NULL && i < n; i++) {
		ids[i] = from != NULL ? from[i] : (uint16_t)(i + 1);
		*max = ids[i] > *max ? ids[i] : *max;
	}
	return ids;
}

/* Is every id at least 1, at most @max, and unique? */
static int check_ids(const uint16_t *ids, uint32_t n, uint32_t max)
{
	uint64_t *seen = calloc((UINT16_MAX + 1) / 64, sizeof(seen[0]));
	int ret = seen == NULL ? -ENOMEM : 0;

	for (uint32_t i = 0; i < n && ret == 0; i++) {
		uint64_t bit = UINT64_C(1) << ids[i] % 64;

		if (ids[i] == 0 || ids[i] > max || seen[ids[i] / 64] & bit)
			ret = -EINVAL;
		seen[ids[i] / 64] |= bit;
	}
	free(seen);
	return ret;
}

static int copy_retired(struct network *net, const struct network_ids *ids)
{
	net->retired = calloc(ids->n_retired + 1, sizeof(net->retired[0]));
	if (net->retired == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < ids->n_retired; i++) {
		const struct retired_tunnel *r = &ids->retired[i];

		if (r->id == TUNNEL_NONE)
			return -EINVAL;
		net->retired[net->n_retired++] = *r;
	}
	return 0;
}

/* Without virtual networks in the spec there is one, the default, with id 0. */
static int number_vnets(struct network *net, const uint16_t *from)
{
	uint64_t *seen = calloc((UINT16_MAX + 1) / 64, sizeof(seen[0]));
	int ret = seen == NULL ? -ENOMEM : 0;

	net->n_vnets = (uint32_t)net->spec.n_vnets;
	net->vnet_ids = calloc(net->n_vnets + (size_t)1, sizeof(net->vnet_ids[0]));
	if (net->vnet_ids == NULL || net->n_vnets > SPEC_VNETS_MAX)
		ret = net->vnet_ids == NULL ? -ENOMEM : -EINVAL;
	for (uint32_t i = 0; i < net->n_vnets && ret == 0; i++) {
		uint16_t id = from != NULL ? from[i] : (uint16_t)i;
		uint64_t bit = UINT64_C(1) << id % 64;

		if (seen[id / 64] & bit || (i == 0) != (id == 0))
			ret = -EINVAL;
		seen[id / 64] |= bit;
		net->vnet_ids[i] = id;
		net->max_vnet = id > net->max_vnet ? id : net->max_vnet;
	}
	free(seen);
	return ret;
}

static int number(struct network *net, const struct network_ids *ids)
{
	static const struct network_ids none;
	const struct network_spec *spec = &net->spec;
	int ret;

	if (ids == NULL)
		ids = &none;
	for (size_t i = 0; i < spec->n_sites; i++)
		net->n_tunnels += (uint32_t)spec->sites[i].n_tunnels;
	net->n_sites = (uint32_t)spec->n_sites;
	if (net->n_sites > SPEC_SITES_MAX || net->n_tunnels > SPEC_TUNNELS_MAX)
		return -EINVAL;
	net->site_ids = copy_ids(ids->sites, net->n_sites, &net->max_site);
	net->tunnel_ids = copy_ids(ids->tunnels, net->n_tunnels, &net->max_tunnel);
	if (net->site_ids == NULL || net->tunnel_ids == NULL)
		return -ENOMEM;
	ret = check_ids(net->site_ids, net->n_sites, SPEC_SITES_MAX);
	if (ret == 0)
		ret = check_ids(net->tunnel_ids, net->n_tunnels, SPEC_TUNNELS_MAX);
	if (ret == 0)
		ret = number_vnets(net, ids->vnets);
	return ret == 0 ? copy_retired(net, ids) : ret;
}

/* Counts all slices of the pools and all entries of their maps. */
static void count_slices(struct network *net, uint32_t *slices, uint32_t *places)
{
	const struct network_spec *spec = &net->spec;

	net->n_pools = (uint32_t)spec->n_pools;
	for (size_t i = 0; i < spec->n_pools; i++) {
		uint32_t each = 65536 / spec->pools[i].slice_size;

		net->n_addresses += (uint32_t)spec->pools[i].n_addresses;
		*places += each * (uint32_t)spec->pools[i].n_addresses;
		for (size_t a = 0; a < spec->pools[i].n_addresses; a++)
			for (uint32_t k = 0; k < each; k++)
				*slices += spec_owns_slice(&spec->pools[i].addresses[a], k);
	}
}

static bool allocate(struct network *net, uint32_t slices)
{
	size_t tunnels = net->max_tunnel + (size_t)1, sites = net->max_site + (size_t)1;

	net->tunnels = memory_rows(tunnels * sizeof(struct tunnel));
	net->tunnel_sites = calloc(tunnels, sizeof(net->tunnel_sites[0]));
	net->headers6 = memory_rows(tunnels * sizeof(struct tunnel_header6));
	net->tunnel_addresses6 = calloc(tunnels, sizeof(struct addr6));
	net->tunnel_specs = calloc(tunnels, sizeof(net->tunnel_specs[0]));
	net->sites = memory_rows(sites * sizeof(struct site));
	net->site_specs = calloc(sites, sizeof(net->site_specs[0]));
	net->pools = calloc(net->n_pools + 1, sizeof(struct pool));
	net->addresses = calloc(net->n_addresses + 1, sizeof(struct egress_address));
	net->slices = calloc(slices + 1, sizeof(struct slice));
	return net->tunnels != NULL && net->tunnel_sites != NULL && net->headers6 != NULL &&
	       net->tunnel_addresses6 != NULL && net->tunnel_specs != NULL && net->sites != NULL &&
	       net->site_specs != NULL && net->pools != NULL && net->addresses != NULL &&
	       net->slices != NULL;
}

static bool allocate_index(struct network *net, uint32_t places)
{
	struct network_index *x = calloc(1, sizeof(*x));
	unsigned tunnel_bits = table_bits(net->n_tunnels);
	unsigned address_bits = table_bits(net->n_tunnels + net->n_addresses);

	net->index = x;
	if (x == NULL)
		return false;
	x->tunnel_shift = x->tunnel6_shift = (uint8_t)(64 - tunnel_bits);
	x->tunnel_mask = x->tunnel6_mask = (UINT32_C(1) << tunnel_bits) - 1;
	x->address_shift = x->address6_shift = (uint8_t)(64 - address_bits);
	x->address_mask = x->address6_mask = (UINT32_C(1) << address_bits) - 1;
	x->tunnels = memory_rows((x->tunnel_mask + (size_t)1) * sizeof(struct tunnel_slot));
	x->tunnels6 = calloc(x->tunnel6_mask + 1, sizeof(struct tunnel6_slot));
	x->addresses = calloc(x->address_mask + 1, sizeof(struct address_slot));
	x->addresses6 = calloc(x->address6_mask + 1, sizeof(struct address6_slot));
	x->slices = calloc(places + 1, sizeof(uint32_t));
	x->slice_base = calloc(net->n_addresses + 1, sizeof(uint32_t));
	x->slice_shift = calloc(net->n_addresses + 1, sizeof(uint8_t));
	return x->tunnels != NULL && x->tunnels6 != NULL && x->addresses != NULL &&
	       x->addresses6 != NULL && x->slices != NULL && x->slice_base != NULL &&
	       x->slice_shift != NULL;
}

/* Replaces the spec's port numbers by the slots of the ports. */
static void place_ports(struct network *net, const uint8_t *slots)
{
	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		struct tunnel *t = &net->tunnels[net->tunnel_ids[i]];

		t->port = slots[t->port];
	}
	for (uint32_t i = 0; i < net->n_pools; i++)
		net->pools[i].port = slots[net->pools[i].port];
	for (uint32_t i = 0; i < net->n_addresses; i++)
		net->addresses[i].port = slots[net->addresses[i].port];
	net->uplink6 = slots[net->uplink6];
}

/* 0 or -errno. */
static int compile(struct network *net, const struct network_ids *ids)
{
	uint32_t slices = 0, places = 0;
	int ret = number(net, ids);

	if (ret < 0)
		return ret;
	count_slices(net, &slices, &places);
	if (!allocate(net, slices) || !allocate_index(net, places) || !network_make_globals(net) ||
	    !network_allocate_prefixes(net))
		return -ENOMEM;

	net->is_large = net->n_tunnels > LARGE || net->n_sites > LARGE;
	net->n_addresses = 0; /* counted up again while they are compiled */
	network_compile_sites(net);
	network_compile_pools(net);
	if (!network_compile_vnets(net) || !network_make_untranslated(net))
		return -ENOMEM;
	if (ids != NULL && ids->ports != NULL)
		place_ports(net, ids->ports);
	index_tunnels(net);
	index_tunnels6(net);
	if (!index_interconnects(net))
		return -ENOMEM;
	index_addresses(net);
	index_addresses6(net);
	index_slices(net);
	return index_names(net) && network_make_ends(net) ? 0 : -ENOMEM;
}

struct network *network_create(const struct network_spec *spec, const struct network_ids *ids)
{
	struct network *net = calloc(1, sizeof(*net));
	int ret;

	if (net == NULL)
		return NULL;
	net->spec = *spec;
	ret = compile(net, ids);
	if (ret == 0)
		return net;
	network_destroy(net);
	errno = -ret;
	return NULL;
}

static void destroy_index(struct network_index *x)
{
	if (x == NULL)
		return;
	memory_rows_free(x->tunnels, (x->tunnel_mask + (size_t)1) * sizeof(struct tunnel_slot));
	free(x->tunnels6);
	free(x->interconnects);
	free(x->ends);
	free(x->addresses);
	free(x->addresses6);
	free(x->slices);
	free(x->slice_base);
	free(x->slice_shift);
	free(x->site_names.ids);
	free(x->tunnel_names.ids);
	free(x);
}

void network_destroy(struct network *net)
{
	size_t tunnels = net == NULL ? 0 : net->max_tunnel + (size_t)1;

	if (net == NULL)
		return;
	destroy_index(net->index);
	memory_rows_free(net->tunnels, tunnels * sizeof(struct tunnel));
	free(net->tunnel_sites);
	memory_rows_free(net->headers6, tunnels * sizeof(struct tunnel_header6));
	free(net->tunnel_addresses6);
	free(net->tunnel_specs);
	free(net->tunnel_ids);
	memory_rows_free(net->sites, (net->max_site + (size_t)1) * sizeof(struct site));
	free(net->prefixes);
	free(net->prefixes6);
	free(net->site_specs);
	free(net->site_ids);
	network_free_vnets(net);
	free(net->vnet_ids);
	free(net->retired);
	free(net->pools);
	free(net->addresses);
	free(net->globals);
	free(net->untranslated);
	free(net->slices);
	free(net);
}
