/*
 * Virtual networks and their routes. Names are looked up, and a route must lead somewhere that its
 * network may reach: a site of the same network, a pool, or by a private link another network.
 *
 * The default network is always there once the file has a network, and becomes the first. It is
 * moved there last, so that the structs and the tree have one order until then.
 */
#include "control/config/check.h"
#include "control/config/config.h"
#include "control/config/naming.h"
#include "control/config/report.h"
#include "control/config/tree.h"
#include "control/config/value.h"

#include <stdlib.h>
#include <string.h>

static const char default_name[] = "default";

/* A route as the file has it. */
struct place {
	struct spec_vnet *vnet;
	uint16_t index; /* of the network */
	struct spec_route *route;
	const struct tree_node *item;
};

/* --- the targets of a route ------------------------------------------------------------------- */

static const struct {
	const char *key;
	enum naming_kind names;
} kinds[] = {
	[TARGET_SITE] = {"site", NAMING_SITES},	    [TARGET_TUNNEL] = {"tunnel", NAMING_TUNNELS},
	[TARGET_EGRESS] = {"egress", NAMING_POOLS}, [TARGET_LINK] = {"network", NAMING_NETWORKS},
	[TARGET_DROP] = {"drop", NAMING_KINDS},
};

/* The one setting that says where @item leads; NULL: an error was reported. */
static const struct tree_node *find_kind(struct checker *checker, const struct tree_node *item)
{
	const struct tree_node *found = NULL;

	if (item->kind != TREE_MAP)
		return NULL;
	for (const struct tree_node *v = item->first; v != NULL; v = v->next) {
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
			if (strcmp(v->key->text, kinds[i].key) != 0)
				continue;
			if (found != NULL) {
				report_at(checker->report, v->key,
					  "a target leads to one thing: \"%s\" can not be here "
					  "beside \"%s\"",
					  v->key->text, found->key->text);
				return NULL;
			}
			found = v;
		}
	}
	if (found == NULL)
		report_at(checker->report, item,
			  "a target must have one of \"site\", \"tunnel\", \"egress\", "
			  "\"network\" and \"drop\"");
	return found;
}

/* Only a link leads out of a network. */
static void check_same_network(struct checker *checker, const struct place *at,
			       const struct tree_node *node, uint16_t site)
{
	const struct network_spec *spec = &checker->config->network;
	uint16_t its = spec->sites[site].vnet;

	if (its == at->index)
		return;
	report_at(checker->report, node,
		  "%s \"%s\" belongs to network \"%s\", and this is a route of \"%s\": only a "
		  "private link leads there, \"network: %s\"",
		  node->key->text, node->text, spec->vnets[its].name, at->vnet->name,
		  spec->vnets[its].name);
}

static bool pool_has_family(const struct spec_pool *pool, bool six)
{
	for (size_t i = 0; i < pool->n_addresses; i++) {
		if (addr6_is_ipv6(&pool->addresses[i].addr) == six)
			return true;
	}
	return false;
}

static void check_pool_family(struct checker *checker, const struct place *at,
			      const struct tree_node *node, uint16_t pool)
{
	const struct tree_node *prefix = tree_get(at->item, "prefix");
	bool six = check_is_ipv6(&at->route->prefix);
	struct prefix6 read;

	if (prefix == NULL || prefix->kind != TREE_TEXT ||
	    value_prefix_any(prefix->text, &read) < 0 ||
	    pool_has_family(&checker->config->network.pools[pool], six))
		return;
	report_at(checker->report, node, "egress pool \"%s\" has no IPv%c address for %s",
		  node->text, six ? '6' : '4', prefix->text);
}

/* IPv6 sources have a way of their own, and other targets keep the source anyway. */
static void check_untranslated(struct checker *checker, const struct place *at,
			       const struct spec_target *target, const struct tree_node *item)
{
	const struct tree_node *node = tree_get(item, "untranslated");

	if (!target->untranslated || node == NULL)
		return;
	if (target->kind != TARGET_EGRESS)
		report_at(checker->report, node,
			  "only what leaves by an egress pool is translated: \"untranslated\" goes "
			  "with \"egress\"");
	else if (check_is_ipv6(&at->route->prefix))
		report_at(checker->report, node,
			  "\"untranslated\" is for IPv4: IPv6 sources leave so if they are in "
			  "\"global-prefixes\" of their site");
}

static void check_found(struct checker *checker, const struct place *at, struct spec_target *target,
			const struct tree_node *node, const struct named *found)
{
	target->index = (uint16_t)found->index;
	target->tunnel = (uint16_t)found->part;
	switch (target->kind) {
	case TARGET_SITE:
	case TARGET_TUNNEL:
		check_same_network(checker, at, node, target->index);
		break;
	case TARGET_EGRESS:
		check_pool_family(checker, at, node, target->index);
		break;
	case TARGET_LINK:
		if (target->index == at->index)
			report_at(checker->report, node,
				  "a link leads into another network, but this is a route of "
				  "\"%s\" itself",
				  at->vnet->name);
		break;
	case TARGET_DROP:
		break;
	}
}

static bool same_target(const struct spec_target *a, const struct spec_target *b)
{
	return a->kind == b->kind && a->index == b->index && a->tunnel == b->tunnel;
}

/* Targets up to @k of a route were resolved: is target @k one of those before? */
static void check_double(struct checker *checker, const struct place *at, size_t k,
			 const struct tree_node *node)
{
	const struct spec_target *targets = at->route->targets;
	const struct tree_node *item = tree_get(at->item, "to")->first;

	for (size_t i = 0; i < k; i++, item = item->next) {
		if (!same_target(&targets[i], &targets[k]))
			continue;
		report_at(checker->report, node,
			  "%s \"%s\" is a target of this route already, "
			  "on line %u",
			  node->key->text, node->text, item->line);
		return;
	}
}

static void check_target(struct checker *checker, const struct naming *naming,
			 const struct place *at, size_t k, const struct tree_node *item)
{
	struct spec_target *target = &at->route->targets[k];
	const struct tree_node *node = find_kind(checker, item);
	const struct named *found;

	if (node == NULL)
		return;
	check_untranslated(checker, at, target, item);
	if (target->kind == TARGET_DROP) {
		if (at->route->n_targets > 1)
			report_at(checker->report, node,
				  "a route that drops can not have another target");
		return;
	}
	found = naming_resolve(naming, kinds[target->kind].names, node, checker->report);
	if (found == NULL)
		return;
	check_found(checker, at, target, node, found);
	check_double(checker, at, k, node);
}

/* --- routes and networks ---------------------------------------------------------------------- */

static void check_prefix(struct checker *checker, struct seen *prefixes, const struct place *at)
{
	const struct tree_node *node = tree_get(at->item, "prefix"), *before;
	unsigned char key[sizeof(struct addr6) + 1];
	struct prefix6 prefix;

	if (node == NULL || node->kind != TREE_TEXT || value_prefix_any(node->text, &prefix) < 0)
		return;
	memcpy(key, &prefix.addr, sizeof(prefix.addr));
	key[sizeof(prefix.addr)] = prefix.len;
	before = seen_add(prefixes, key, sizeof(key), node);
	if (before != NULL)
		report_at(checker->report, node,
			  "another route of \"%s\" has %s already, on line %u", at->vnet->name,
			  node->text, before->line);
}

static void check_egress(struct checker *checker, const struct naming *naming,
			 struct spec_vnet *vnet, const struct tree_node *item)
{
	const struct tree_node *node = tree_get(item, "egress");
	const struct named *found;

	if (node == NULL || node->kind != TREE_TEXT || tree_is_null(node))
		return;
	if (strcmp(node->text, "none") == 0) {
		vnet->no_egress = true;
		return;
	}
	found = naming_resolve(naming, NAMING_POOLS, node, checker->report);
	if (found != NULL)
		vnet->egress_pool = (int)found->index;
}

static void check_network(struct checker *checker, const struct naming *naming, uint16_t index,
			  const struct tree_node *item)
{
	struct spec_vnet *vnet = &checker->config->network.vnets[index];
	struct place at = {.vnet = vnet, .index = index, .route = vnet->routes};
	struct seen prefixes = {0};

	check_egress(checker, naming, vnet, item);
	at.item = check_items(item, "routes", vnet->n_routes);
	for (size_t i = 0; i < vnet->n_routes; i++, at.route++, at.item = at.item->next) {
		const struct tree_node *target = check_items(at.item, "to", at.route->n_targets);

		check_prefix(checker, &prefixes, &at);
		for (size_t k = 0; k < at.route->n_targets; k++, target = target->next)
			check_target(checker, naming, &at, k, target);
	}
	seen_fini(&prefixes);
}

static void check_membership(struct checker *checker, const struct naming *naming)
{
	struct network_spec *spec = &checker->config->network;
	const struct tree_node *item = check_items(checker->root, "sites", spec->n_sites);
	const struct named *home = naming_find(naming, NAMING_NETWORKS, default_name);

	for (size_t i = 0; i < spec->n_sites; i++, item = item->next) {
		const struct tree_node *node = tree_get(item, "network");
		const struct named *found = home;

		if (node != NULL && (home != NULL || node->kind != TREE_TEXT ||
				     strcmp(node->text, default_name) != 0))
			found = naming_resolve(naming, NAMING_NETWORKS, node, checker->report);
		if (found != NULL)
			spec->sites[i].vnet = (uint16_t)found->index;
	}
}

/* --- the default network ---------------------------------------------------------------------- */

static struct spec_vnet *find_default(struct network_spec *spec)
{
	for (size_t i = 0; i < spec->n_vnets; i++) {
		if (strcmp(spec->vnets[i].name, default_name) == 0)
			return &spec->vnets[i];
	}
	return NULL;
}

/* If the file has networks but not this one, it is the last one for now. */
static bool add_default(struct checker *checker)
{
	struct network_spec *spec = &checker->config->network;
	struct spec_vnet *more;

	if (spec->n_vnets == 0 || find_default(spec) != NULL)
		return true;
	more = realloc(spec->vnets, (spec->n_vnets + 1) * sizeof(*more));
	if (more == NULL)
		return false;
	spec->vnets = more;
	more[spec->n_vnets++] = spec_vnet_default;
	return true;
}

/* @was becomes 0, and those before it are one further. */
static uint16_t moved(uint16_t index, uint16_t was)
{
	return index == was ? 0 : (uint16_t)(index + (index < was));
}

static void move_links(struct spec_route *route, uint16_t was)
{
	for (size_t i = 0; i < route->n_targets; i++) {
		if (route->targets[i].kind == TARGET_LINK)
			route->targets[i].index = moved(route->targets[i].index, was);
	}
}

void check_networks_order(struct checker *checker)
{
	struct network_spec *spec = &checker->config->network;
	struct spec_vnet *home = find_default(spec), copy;
	uint16_t was;

	if (home == NULL || home == spec->vnets)
		return;
	was = (uint16_t)(home - spec->vnets);
	copy = *home;
	memmove(spec->vnets + 1, spec->vnets, was * sizeof(copy));
	spec->vnets[0] = copy;
	for (size_t i = 0; i < spec->n_sites; i++)
		spec->sites[i].vnet = moved(spec->sites[i].vnet, was);
	for (size_t i = 0; i < spec->n_vnets; i++)
		for (size_t k = 0; k < spec->vnets[i].n_routes; k++)
			move_links(&spec->vnets[i].routes[k], was);
}

void check_networks(struct checker *checker)
{
	struct network_spec *spec = &checker->config->network;
	const struct tree_node *list = tree_get(checker->root, "networks"), *item;
	size_t listed = spec->n_vnets;
	struct naming naming = {0};
	struct seen names = {0};

	if (!add_default(checker) || naming_make(&naming, spec) < 0) {
		report_at(checker->report, checker->root,
			  "there is not enough memory to check the networks");
		naming_fini(&naming);
		return;
	}
	item = listed > 0 ? list->first : NULL;
	for (size_t i = 0; i < listed; i++, item = item->next)
		check_name(checker, &names, "network", spec->vnets[i].name, item);
	check_membership(checker, &naming);
	item = listed > 0 ? list->first : NULL;
	for (size_t i = 0; i < listed; i++, item = item->next)
		check_network(checker, &naming, (uint16_t)i, item);
	seen_fini(&names);
	naming_fini(&naming);
}
