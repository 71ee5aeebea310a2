/*
 * Learned routes. A kernel table has one reader, or its routes would mean two things. All tunnels
 * from which routes are learned share one device of the kernel, so their far ends must differ.
 */
#include "base/wire.h"
#include "control/config/check.h"
#include "control/config/config.h"
#include "control/config/report.h"
#include "control/config/tree.h"

#include <string.h>

#include <linux/rtnetlink.h>

/* @node: the table of a site, a network or of what we announce; NULL: none. */
static void check_table(struct checker *checker, struct seen *tables, const struct tree_node *node,
			uint32_t table)
{
	const struct tree_node *before;

	if (node == NULL || table == 0)
		return;
	if (table >= RT_TABLE_DEFAULT && table <= RT_TABLE_LOCAL) {
		report_at(checker->report, node,
			  "table %u is one of the kernel's own: take another number", table);
		return;
	}
	before = seen_add(tables, &table, sizeof(table), node);
	if (before != NULL)
		report_at(checker->report, node, "table %u is used already, on line %u", table,
			  before->line);
}

static const struct tree_node *table_node(const struct tree_node *item, const char *block)
{
	const struct tree_node *node = tree_get(item, block);

	return node == NULL ? NULL : tree_get(node, "table");
}

static void check_peer(struct checker *checker, struct seen *ends, const struct addr6 *peer,
		       const struct addr6 *ours, const struct tree_node *item, const char *key)
{
	const struct tree_node *node = tree_get(item, key), *before;

	if (node == NULL || addr6_is_zero(peer))
		return;
	if (addr6_is_zero(ours))
		report_at(checker->report, node,
			  "\"%s\" is the far end of a BGP session, and our end is missing: set "
			  "\"%s\"",
			  key, strcmp(key, "peer") == 0 ? "address" : "address6");
	before = seen_add(ends, peer, sizeof(*peer), node);
	if (before != NULL)
		report_at(checker->report, node,
			  "\"%s\" is that of another tunnel already, on line %u: tunnels from "
			  "which routes are learned need different ones",
			  key, before->line);
}

static bool learns(const struct network_spec *spec, const struct spec_site *site)
{
	return site->learn.table != 0 ||
	       (spec->n_vnets > site->vnet && spec->vnets[site->vnet].learn.table != 0);
}

/*
 * The kernel takes no IPv6 address on an interface with a smaller MTU than IPv6's least one, and
 * the shared interface has that of the narrowest tunnel. @six: a session over IPv6; NULL: none.
 */
static void check_narrow(struct checker *checker, const struct network_spec *spec,
			 const struct tree_node *six)
{
	const struct tree_node *site_item = check_items(checker->root, "sites", spec->n_sites);

	for (size_t i = 0; i < spec->n_sites && six != NULL; i++, site_item = site_item->next) {
		const struct spec_site *site = &spec->sites[i];
		const struct tree_node *item = check_items(site_item, "tunnels", site->n_tunnels);

		for (size_t k = 0; k < site->n_tunnels; k++, item = item->next) {
			const struct spec_tunnel *tunnel = &site->tunnels[k];
			const struct tree_node *peer = tree_get(item, "peer");

			if (!tunnel->bgp || peer == NULL || tunnel->mtu >= IPV6_LEAST_MTU)
				continue;
			report_at(
				checker->report, peer,
				"packets of BGP here are %u bytes at most, and IPv6 needs %u: "
				"all sessions share one interface, and \"peer6\" on line %u makes "
				"one over IPv6",
				tunnel->mtu, IPV6_LEAST_MTU, six->line);
		}
	}
}

/* The default network need not be in the file: then it is the last one. */
static void check_network_tables(struct checker *checker, struct seen *tables)
{
	const struct network_spec *spec = &checker->config->network;
	const struct tree_node *list = tree_get(checker->root, "networks");
	const struct tree_node *item = list == NULL ? NULL : list->first;

	for (size_t i = 0; i < spec->n_vnets && item != NULL; i++, item = item->next)
		check_table(checker, tables, table_node(item, "learn"), spec->vnets[i].learn.table);
}

void check_learn(struct checker *checker)
{
	struct network_spec *spec = &checker->config->network;
	const struct tree_node *site_item = check_items(checker->root, "sites", spec->n_sites);
	const struct tree_node *six = NULL;
	struct seen tables = {0}, ends = {0};

	check_table(checker, &tables, table_node(checker->root, "announce"),
		    checker->config->announce_table);
	check_network_tables(checker, &tables);
	for (size_t i = 0; i < spec->n_sites; i++, site_item = site_item->next) {
		struct spec_site *site = &spec->sites[i];
		const struct tree_node *item = check_items(site_item, "tunnels", site->n_tunnels);

		check_table(checker, &tables, table_node(site_item, "learn"), site->learn.table);
		for (size_t k = 0; k < site->n_tunnels; k++, item = item->next) {
			struct spec_tunnel *tunnel = &site->tunnels[k];

			tunnel->bgp = learns(spec, site);
			if (!tunnel->bgp)
				continue;
			check_peer(checker, &ends, &tunnel->peer, &tunnel->address, item, "peer");
			check_peer(checker, &ends, &tunnel->peer6, &tunnel->address6, item,
				   "peer6");
			six = six == NULL ? tree_get(item, "peer6") : six;
		}
	}
	check_narrow(checker, spec, six);
	seen_fini(&tables);
	seen_fini(&ends);
}
