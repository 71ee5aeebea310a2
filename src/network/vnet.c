/*
 * Virtual networks: their egress, and the operator's routes as a tree.
 *
 * Packets do not read these trees: the control side adds learned routes and health, and publishes
 * trees of its own (routes.h). These here are the operator's word alone. A change of the network
 * asks them whether a flow may go on (setup/change.h).
 *
 * A site has its egress pools in its own row, where a first packet finds them without another
 * read.
 */
#include "network/index.h"
#include "network/network.h"

#include <stdlib.h>

static bool add_routes(struct vnet *v)
{
	for (size_t i = 0; i < v->spec->n_routes; i++) {
		const struct prefix6 *prefix = &v->spec->routes[i].prefix;
		bool six = !addr6_is_mapped(&prefix->addr);

		if (trie_set(six ? &v->routes6 : &v->routes, prefix, (uint32_t)i) != 0)
			return false;
	}
	return true;
}

/* --- egress ----------------------------------------------------------------------------------- */

static void take_pool(struct site *site, const struct pool *pool)
{
	site->egress = pool->n_addresses > 0 ? pool : NULL;
	site->egress6 = pool->n_addresses6 > 0 ? pool : NULL;
}

static void set_egress(const struct network *net, struct site *site, const struct spec_vnet *vnet)
{
	site->egress = net->egress;
	site->egress6 = net->egress6;
	if (vnet == NULL)
		return;
	site->no_egress = vnet->no_egress;
	if (vnet->no_egress)
		site->egress = site->egress6 = NULL;
	else if (vnet->egress_pool != SPEC_POOL_DEFAULT)
		take_pool(site, &net->pools[vnet->egress_pool]);
}

/* Calls @visit for each target of each route. */
static void visit_targets(struct network *net, void (*visit)(struct network *net, struct vnet *v,
							     const struct spec_target *t))
{
	for (uint32_t i = 0; i < net->n_vnets; i++) {
		struct vnet *v = &net->vnets[net->vnet_ids[i]];

		for (size_t k = 0; k < v->spec->n_routes; k++)
			for (size_t j = 0; j < v->spec->routes[k].n_targets; j++)
				visit(net, v, &v->spec->routes[k].targets[j]);
	}
}

static void note_pool(struct network *net, struct vnet *v, const struct spec_target *t)
{
	if (t->kind != TARGET_EGRESS || t->untranslated)
		return;
	net->pools[t->index].is_used = true;
	v->mappings |= (uint8_t)(1 << net->pools[t->index].mapping);
}

static void follow_link(struct network *net, struct vnet *v, const struct spec_target *t)
{
	if (t->kind == TARGET_LINK)
		v->mappings |= net->vnets[net->vnet_ids[t->index]].mappings;
}

/* Which pools do flows use, and which mappings do the routes of each virtual network lead to? */
static void note_pools(struct network *net)
{
	for (uint32_t i = 0; i < net->n_vnets; i++) {
		int pool = net->spec.vnets[i].egress_pool;

		if (pool != SPEC_POOL_DEFAULT && !net->spec.vnets[i].no_egress)
			net->pools[pool].is_used = true;
	}
	if (net->egress != NULL)
		net->pools[net->egress - net->pools].is_used = true;
	visit_targets(net, note_pool);
	for (unsigned i = 0; i < SPEC_LINKS_MAX; i++)
		visit_targets(net, follow_link);
}

static void compile_sites(struct network *net)
{
	net->sites[SITE_INTERNET].egress = net->egress;
	net->sites[SITE_INTERNET].egress6 = net->egress6;
	for (uint32_t i = 0; i < net->n_sites; i++) {
		struct site *site = &net->sites[net->site_ids[i]];
		const struct vnet *v = &net->vnets[site->vnet];
		unsigned own = 0;

		set_egress(net, site, v->spec);
		if (site->egress != NULL)
			own = 1u << site->egress->mapping;
		site->is_mixed = v->mappings & ~own;
		site->by_source = (own | v->mappings) & 1 << MAPPING_ENDPOINT_INDEPENDENT;
	}
}

static bool add_aliases(struct network *net, uint16_t site, const struct spec_site *spec)
{
	struct trie *trie = &net->vnets[net->sites[site].vnet].aliases;

	for (size_t i = 0; i < spec->n_aliases; i++) {
		net->aliases[net->n_aliases] = (struct alias){spec->aliases[i], site};
		if (trie_set(trie, &spec->aliases[i].alias, net->n_aliases++) != 0)
			return false;
	}
	return true;
}

static bool compile_aliases(struct network *net)
{
	size_t n = 0;

	for (uint32_t i = 0; i < net->n_sites; i++)
		n += net->spec.sites[i].n_aliases;
	net->aliases = calloc(n + 1, sizeof(net->aliases[0]));
	for (uint32_t i = 0; net->aliases != NULL && i < net->n_sites; i++)
		if (!add_aliases(net, net->site_ids[i], &net->spec.sites[i]))
			return false;
	return net->aliases != NULL;
}

bool network_compile_vnets(struct network *net)
{
	net->vnets = calloc(net->max_vnet + (size_t)1, sizeof(net->vnets[0]));
	if (net->vnets == NULL)
		return false;
	for (uint32_t i = 0; i < net->n_vnets; i++) {
		struct vnet *v = &net->vnets[net->vnet_ids[i]];

		v->spec = &net->spec.vnets[i];
		if (!add_routes(v))
			return false;
	}
	note_pools(net);
	compile_sites(net);
	if (!compile_aliases(net))
		return false;
	net->has_routes6 = spec_has_routes6(&net->spec);
	for (uint32_t i = 0; i < net->n_pools; i++)
		net->lets_in |= net->pools[i].is_used &&
				net->pools[i].filtering == FILTERING_ENDPOINT_INDEPENDENT;
	return true;
}

void network_free_vnets(struct network *net)
{
	for (size_t i = 0; net->vnets != NULL && i <= net->max_vnet; i++) {
		trie_fini(&net->vnets[i].routes);
		trie_fini(&net->vnets[i].routes6);
		trie_fini(&net->vnets[i].aliases);
	}
	free(net->aliases);
	free(net->vnets);
}

/* --- aliases ---------------------------------------------------------------------------------- */

/* The prefix of @to with the host bits of @addr. */
static struct addr6 change_prefix(const struct addr6 *addr, const struct prefix6 *to)
{
	struct addr6 net = addr6_masked(addr, to->len);

	return (struct addr6){{(addr->half[0] ^ net.half[0]) | to->addr.half[0],
			       (addr->half[1] ^ net.half[1]) | to->addr.half[1]}};
}

const struct alias *network_find_alias(const struct network *net, uint16_t vnet,
				       const struct addr6 *addr, struct addr6 *real)
{
	uint32_t found = TRIE_NONE;

	if (vnet <= net->max_vnet)
		found = trie_lookup(net->vnets[vnet].aliases.root, addr);
	if (found == TRIE_NONE)
		return NULL;
	*real = change_prefix(addr, &net->aliases[found].spec.prefix);
	return &net->aliases[found];
}

struct addr6 network_alias_of(const struct network *net, uint16_t site, const struct addr6 *addr)
{
	const struct spec_site *spec = net->site_specs[site];

	for (size_t i = 0; i < spec->n_aliases; i++)
		if (prefix6_contains(&spec->aliases[i].prefix, addr))
			return change_prefix(addr, &spec->aliases[i].alias);
	return *addr;
}

/* --- where do the operator's routes lead? ----------------------------------------------------- */

static const struct spec_route *route_to(const struct network *net, uint16_t vnet,
					 const struct addr6 *dst)
{
	const struct vnet *v = vnet <= net->max_vnet ? &net->vnets[vnet] : NULL;
	const struct trie *trie;
	uint32_t route;

	if (v == NULL || v->spec == NULL)
		return NULL;
	trie = addr6_is_mapped(dst) ? &v->routes : &v->routes6;
	route = trie_lookup(trie->root, dst);
	return route == TRIE_NONE ? NULL : &v->spec->routes[route];
}

static bool leads(const struct network *net, uint16_t vnet, const struct addr6 *dst, uint16_t site,
		  unsigned depth)
{
	const struct spec_route *route = route_to(net, vnet, dst);

	for (size_t i = 0; route != NULL && i < route->n_targets; i++) {
		const struct spec_target *t = &route->targets[i];

		if ((t->kind == TARGET_SITE || t->kind == TARGET_TUNNEL) &&
		    net->site_ids[t->index] == site)
			return true;
		if (t->kind == TARGET_LINK && depth < SPEC_LINKS_MAX &&
		    leads(net, net->vnet_ids[t->index], dst, site, depth + 1))
			return true;
	}
	return false;
}

bool network_leads_to(const struct network *net, uint16_t vnet, const struct addr6 *dst,
		      uint16_t site)
{
	return leads(net, vnet, dst, site, 0);
}

static bool reaches(const struct network *net, uint16_t vnet, const struct addr6 *dst,
		    uint16_t site, unsigned depth)
{
	const struct spec_route *route = route_to(net, vnet, dst);

	if (net->sites[site].vnet == vnet)
		return true;
	for (size_t i = 0; route != NULL && i < route->n_targets && depth < SPEC_LINKS_MAX; i++)
		if (route->targets[i].kind == TARGET_LINK &&
		    reaches(net, net->vnet_ids[route->targets[i].index], dst, site, depth + 1))
			return true;
	return false;
}

bool network_reaches(const struct network *net, uint16_t vnet, const struct addr6 *dst,
		     uint16_t site)
{
	return network_has_site(net, site) && reaches(net, vnet, dst, site, 0);
}
