/*
 * Sites and tunnels by name. Not on the packet path, but fast, since a request may ask for many
 * names.
 */
#include "network/index.h"
#include "network/network.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a, multiplied so that the high bits are well mixed. */
static uint64_t hash_name(const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++)
		h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	h ^= h >> 29;
	return (h * HASH_MULTIPLIER) >> 32;
}

static uint16_t names_find(const struct name_index *x, const struct network *net,
			   const char *(*name_of)(const struct network *, uint16_t),
			   const char *name)
{
	for (uint64_t i = hash_name(name);; i++) {
		uint16_t id = x->ids[i & x->mask];

		if (id == 0 || strcmp(name_of(net, id), name) == 0)
			return id;
	}
}

static bool names_make(struct name_index *x, const struct network *net,
		       const char *(*name_of)(const struct network *, uint16_t),
		       const uint16_t *ids, uint32_t n)
{
	uint32_t size = 8;

	while (size < 2 * n)
		size *= 2;
	x->ids = calloc(size, sizeof(x->ids[0]));
	x->mask = size - 1;
	for (uint32_t k = 0; x->ids != NULL && k < n; k++) {
		uint64_t i = hash_name(name_of(net, ids[k]));

		while (x->ids[i & x->mask] != 0)
			i++;
		x->ids[i & x->mask] = ids[k];
	}
	return x->ids != NULL;
}

bool index_names(struct network *net)
{
	struct network_index *x = net->index;

	return names_make(&x->site_names, net, network_site_name, net->site_ids, net->n_sites) &&
	       names_make(&x->tunnel_names, net, network_tunnel_name, net->tunnel_ids,
			  net->n_tunnels);
}

const char *network_site_name(const struct network *net, uint16_t site)
{
	if (site == SITE_INTERNET)
		return "internet";
	return network_has_site(net, site) ? net->site_specs[site]->name : "removed";
}

const char *network_tunnel_name(const struct network *net, uint16_t tunnel)
{
	const struct spec_tunnel *spec = network_tunnel_spec(net, tunnel);

	if (tunnel == TUNNEL_NONE)
		return "none";
	return spec != NULL ? spec->name : "removed";
}

const struct spec_tunnel *network_tunnel_spec(const struct network *net, uint16_t tunnel)
{
	return tunnel <= net->max_tunnel ? net->tunnel_specs[tunnel] : NULL;
}

uint16_t network_find_site(const struct network *net, const char *name)
{
	return names_find(&net->index->site_names, net, network_site_name, name);
}

uint16_t network_find_tunnel_name(const struct network *net, const char *name)
{
	return names_find(&net->index->tunnel_names, net, network_tunnel_name, name);
}
