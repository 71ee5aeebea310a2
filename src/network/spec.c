/* The network specification: see spec.h. */
#include "network/spec.h"

#include "base/wire.h"
#include "tunnel/kinds.h"

#include <stdlib.h>

const char *const pool_filtering_names[] = {
	[FILTERING_ADDRESS_AND_PORT_DEPENDENT] = "address-and-port-dependent",
	[FILTERING_ENDPOINT_INDEPENDENT] = "endpoint-independent",
	NULL,
};

const char *const pool_mapping_names[] = {
	[MAPPING_ADDRESS_AND_PORT_DEPENDENT] = "address-and-port-dependent",
	[MAPPING_ENDPOINT_INDEPENDENT] = "endpoint-independent",
	NULL,
};

const struct spec_vnet spec_vnet_default = {
	.name = "default",
	.egress_pool = SPEC_POOL_DEFAULT,
	.learn.limit = SPEC_LEARN_DEFAULT,
};

static void free_vnets(struct network_spec *spec)
{
	for (size_t i = 0; i < spec->n_vnets; i++) {
		for (size_t k = 0; k < spec->vnets[i].n_routes; k++)
			free(spec->vnets[i].routes[k].targets);
		free(spec->vnets[i].routes);
	}
	free(spec->vnets);
}

bool spec_sites_share(struct spec_site *to, struct spec_site *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (from[i].n_owners == NULL) {
			from[i].n_owners = malloc(sizeof(*from[i].n_owners));
			if (from[i].n_owners == NULL) {
				spec_sites_release(to, i);
				return false;
			}
			*from[i].n_owners = 1;
		}
		++*from[i].n_owners;
		to[i] = from[i];
	}
	return true;
}

void spec_sites_release(struct spec_site *sites, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct spec_site *site = &sites[i];

		if (site->n_owners != NULL && --*site->n_owners > 0)
			continue;
		free(site->prefixes);
		free(site->prefixes6);
		free(site->global_prefixes);
		free(site->tunnels);
		free(site->aliases);
		free(site->n_owners);
	}
}

void network_spec_fini(struct network_spec *spec)
{
	spec_sites_release(spec->sites, spec->n_sites);
	free(spec->sites);
	for (size_t i = 0; i < spec->n_pools; i++)
		free(spec->pools[i].addresses);
	free(spec->pools);
	free_vnets(spec);
	*spec = (struct network_spec){0};
}

/* Does @vnet have a target that lets out, or a link to a network that is known to? */
static bool lets_out(const struct spec_vnet *vnet, const bool *known)
{
	for (size_t i = 0; i < vnet->n_routes; i++) {
		const struct spec_route *route = &vnet->routes[i];

		for (size_t k = 0; k < route->n_targets; k++) {
			const struct spec_target *t = &route->targets[k];

			if (t->kind == TARGET_EGRESS ? t->untranslated
						     : t->kind == TARGET_LINK && known[t->index])
				return true;
		}
	}
	return false;
}

bool *spec_find_untranslated(const struct network_spec *spec)
{
	bool *found = calloc(spec->n_vnets + 1, sizeof(found[0]));

	for (unsigned links = 0; found != NULL && links <= SPEC_LINKS_MAX; links++)
		for (size_t v = 0; v < spec->n_vnets; v++)
			found[v] = found[v] || lets_out(&spec->vnets[v], found);
	return found;
}

const char *spec_target_name(const struct network_spec *spec, const struct spec_target *target)
{
	switch (target->kind) {
	case TARGET_SITE:
		return spec->sites[target->index].name;
	case TARGET_TUNNEL:
		return spec->sites[target->index].tunnels[target->tunnel].name;
	case TARGET_EGRESS:
		return spec->pools[target->index].name;
	case TARGET_LINK:
		return spec->vnets[target->index].name;
	case TARGET_DROP:
		break;
	}
	return "";
}

static void take_health(struct spec_health_defaults *to, const struct spec_health *from)
{
	to->rate = from->has_rate ? from->rate : to->rate;
	to->type = from->has_type ? from->type : to->type;
	to->direction = from->has_direction ? from->direction : to->direction;
}

struct spec_health_defaults spec_health_of(const struct network_spec *spec,
					   const struct spec_site *site,
					   const struct spec_tunnel *t)
{
	struct spec_health_defaults all = spec->health;

	take_health(&all, &site->health);
	take_health(&all, &t->health);
	return all;
}

uint16_t spec_overhead(const struct spec_tunnel *t)
{
	return tunnel_kinds[t->type].overhead(spec_is_over_ipv6(t), t->has_key);
}

uint32_t spec_inner_mtu(const struct spec_tunnel *t, uint32_t outer)
{
	uint16_t bytes = outer < UINT16_MAX ? (uint16_t)outer : UINT16_MAX;

	return tunnel_inner_mtu(&tunnel_kinds[t->type], bytes, spec_is_over_ipv6(t), t->has_key);
}

static bool pool_has_ipv6(const struct spec_pool *pool)
{
	for (size_t i = 0; i < pool->n_addresses; i++)
		if (addr6_is_ipv6(&pool->addresses[i].addr))
			return true;
	return false;
}

bool spec_has_routes6(const struct network_spec *spec)
{
	for (size_t i = 0; i < spec->n_vnets; i++)
		for (size_t k = 0; k < spec->vnets[i].n_routes; k++)
			if (!addr6_is_mapped(&spec->vnets[i].routes[k].prefix.addr))
				return true;
	return false;
}

bool spec_forwards_ipv6(const struct network_spec *spec)
{
	for (size_t i = 0; i < spec->n_sites; i++)
		if (spec->sites[i].n_global_prefixes > 0)
			return true;
	for (size_t i = 0; i < spec->n_pools; i++)
		if (pool_has_ipv6(&spec->pools[i]))
			return true;
	return spec_has_routes6(spec);
}

uint32_t spec_n_slices(uint32_t slice_size)
{
	return TRANSPORT_PORTS / slice_size;
}
