/* Notes about routes that are allowed, but seldom meant: see config_note_routes(). */
#include "base/err.h"
#include "control/config/config.h"

static bool is_default(const struct prefix6 *prefix)
{
	return prefix->len == (addr6_is_mapped(&prefix->addr) ? MAPPED_BITS : 0);
}

/* The target that takes what would leave by an egress pool; NULL: none does. */
static const struct spec_target *find_taker(const struct spec_route *route)
{
	const struct spec_target *taker = NULL;

	if (!is_default(&route->prefix))
		return NULL;
	for (size_t i = 0; i < route->n_targets; i++) {
		const struct spec_target *t = &route->targets[i];

		if (t->kind == TARGET_EGRESS)
			return NULL;
		if (t->kind == TARGET_SITE || t->kind == TARGET_TUNNEL)
			taker = t;
	}
	return taker;
}

static bool has_untranslated(const struct spec_vnet *vnet)
{
	for (size_t i = 0; i < vnet->n_routes; i++)
		for (size_t k = 0; k < vnet->routes[i].n_targets; k++)
			if (vnet->routes[i].targets[k].untranslated)
				return true;
	return false;
}

/* Returns of untranslated flows are known by the prefixes of their sites. */
static void note_no_sources(const struct config *config, size_t vnet, struct err_list *notes)
{
	const struct network_spec *spec = &config->network;
	size_t sites = 0;

	for (size_t i = 0; i < spec->n_sites; i++) {
		if (spec->sites[i].vnet != vnet)
			continue;
		if (spec->sites[i].n_prefixes > 0)
			return;
		sites++;
	}
	if (sites > 0)
		err_add(notes, config->file, 0, 0,
			"network %s: none of its sites lists IPv4 prefixes, so nothing of them "
			"leaves "
			"untranslated",
			spec->vnets[vnet].name);
}

void config_note_routes(const struct config *config, struct err_list *notes)
{
	const struct network_spec *spec = &config->network;

	for (size_t v = 0; v < spec->n_vnets; v++) {
		if (has_untranslated(&spec->vnets[v]))
			note_no_sources(config, v, notes);
		for (size_t i = 0; i < spec->vnets[v].n_routes; i++) {
			const struct spec_route *route = &spec->vnets[v].routes[i];
			const struct spec_target *t = find_taker(route);

			if (t == NULL)
				continue;
			err_add(notes, config->file, 0, 0,
				"network %s: %s leads to %s %s, so nothing leaves by an egress "
				"pool, "
				"except by a longer prefix",
				spec->vnets[v].name,
				addr6_is_mapped(&route->prefix.addr) ? "0.0.0.0/0" : "::/0",
				t->kind == TARGET_SITE ? "site" : "tunnel",
				spec_target_name(spec, t));
		}
	}
}
