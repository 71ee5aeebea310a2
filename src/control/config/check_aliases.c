/*
 * Aliases of sites. An alias leads to one host of one site, so no two aliases overlap that somebody
 * could reach both: those of one network, and of networks that private links connect.
 *
 * To find the overlaps, aliases are sorted by group of connected networks, address and length, and
 * each is compared with the last outermost one: see check_globals.c. A route inside of an alias
 * would take its addresses away, and one of just this prefix would never be asked.
 */
#include "control/config/check.h"
#include "control/config/config.h"
#include "control/config/report.h"
#include "control/config/tree.h"

#include <stdlib.h>

struct entry {
	uint16_t group; /* the lowest index of the networks that are connected */
	const struct spec_site *site;
	const struct spec_alias *alias;
	const struct tree_node *item;
};

static uint16_t root_of(const uint16_t *groups, uint16_t vnet)
{
	while (groups[vnet] != vnet)
		vnet = groups[vnet];
	return vnet;
}

/* Networks between which there is a link, in any direction, become one group. */
static void join_linked(uint16_t *groups, uint16_t vnet, const struct spec_route *route)
{
	for (size_t t = 0; t < route->n_targets; t++) {
		uint16_t a, b;

		if (route->targets[t].kind != TARGET_LINK)
			continue;
		a = root_of(groups, vnet);
		b = root_of(groups, route->targets[t].index);
		groups[a > b ? a : b] = a > b ? b : a;
	}
}

static void join_groups(uint16_t *groups, const struct network_spec *spec)
{
	for (size_t v = 0; v < spec->n_vnets; v++)
		groups[v] = (uint16_t)v;
	for (size_t v = 0; v < spec->n_vnets; v++)
		for (size_t i = 0; i < spec->vnets[v].n_routes; i++)
			join_linked(groups, (uint16_t)v, &spec->vnets[v].routes[i]);
	for (size_t v = 0; v < spec->n_vnets; v++)
		groups[v] = root_of(groups, (uint16_t)v);
}

static bool contains(const struct prefix6 *outer, const struct prefix6 *inner)
{
	return outer->len <= inner->len && prefix6_contains(outer, &inner->addr) &&
	       check_is_ipv6(outer) == check_is_ipv6(inner);
}

/* May hosts in @prefix be sources? The list of an unlimited site is empty. */
static bool is_allowed(const struct spec_site *site, const struct prefix6 *prefix)
{
	for (size_t i = 0; i < site->n_prefixes; i++) {
		struct prefix6 own = {addr6_from_ipv4(site->prefixes[i].addr),
				      (uint8_t)(MAPPED_BITS + site->prefixes[i].len)};

		if (contains(&own, prefix))
			return true;
	}
	for (size_t i = 0; i < site->n_prefixes6; i++) {
		if (contains(&site->prefixes6[i], prefix))
			return true;
	}
	for (size_t i = 0; i < site->n_global_prefixes; i++) {
		if (contains(&site->global_prefixes[i], prefix))
			return true;
	}
	return site->n_prefixes + site->n_prefixes6 == 0;
}

static void check_alias(struct checker *checker, const struct entry *e)
{
	const struct tree_node *alias = tree_get(e->item, "alias");
	const struct tree_node *prefix = tree_get(e->item, "prefix");

	if (check_is_ipv6(&e->alias->alias) != check_is_ipv6(&e->alias->prefix))
		report_at(checker->report, alias,
			  "%s and %s are of two families: an alias stands for addresses of its own",
			  alias->text, prefix->text);
	else if (e->alias->alias.len != e->alias->prefix.len)
		report_at(checker->report, alias,
			  "%s has another size than %s: an alias has one address for each",
			  alias->text, prefix->text);
	else if (!is_allowed(e->site, &e->alias->prefix))
		report_at(checker->report, prefix,
			  "%s is not in the prefixes of site \"%s\": its hosts could not answer",
			  prefix->text, e->site->name);
}

static void check_own(struct checker *checker, const struct entry *e, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		for (size_t k = 0; k < i; k++) {
			const struct tree_node *here = tree_get(e[i].item, "prefix");
			const struct tree_node *before = tree_get(e[k].item, "prefix");

			if (!contains(&e[i].alias->prefix, &e[k].alias->prefix) &&
			    !contains(&e[k].alias->prefix, &e[i].alias->prefix))
				continue;
			report_at(checker->report, here,
				  "%s overlaps %s, on line %u: an address has one alias",
				  here->text, before->text, before->line);
			break;
		}
	}
}

static bool is_later(const struct tree_node *a, const struct tree_node *b)
{
	return a->line != b->line ? a->line > b->line : a->column > b->column;
}

static int check_aliases_compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	order = addr6_compare(&x->alias->alias.addr, &y->alias->alias.addr);
	if (order == 0)
		order = (int)x->alias->alias.len - (int)y->alias->alias.len;
	return order != 0 ? order : is_later(x->item, y->item) ? 1 : -1;
}

static void check_overlaps(struct checker *checker, struct entry *list, size_t n)
{
	const struct entry *outer = list;

	qsort(list, n, sizeof(list[0]), check_aliases_compare_entries);
	for (size_t i = 1; i < n; i++) {
		const struct entry *here = &list[i], *before = outer;
		const struct tree_node *node;

		if (here->group != outer->group ||
		    !contains(&outer->alias->alias, &here->alias->alias)) {
			outer = here;
			continue;
		}
		if (is_later(outer->item, here->item)) {
			here = outer;
			before = &list[i];
		}
		node = tree_get(here->item, "alias");
		report_at(checker->report, node,
			  "%s overlaps the alias %s of site \"%s\", on line %u", node->text,
			  tree_get(before->item, "alias")->text, before->site->name,
			  before->item->line);
	}
}

/* The entry whose alias contains @prefix; NULL: none. @list is sorted. */
static const struct entry *find_entry(const struct entry *list, size_t n, uint16_t group,
				      const struct prefix6 *prefix)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct entry *e = &list[middle];

		if (e->group < group ||
		    (e->group == group && addr6_compare(&e->alias->alias.addr, &prefix->addr) <= 0))
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || list[low - 1].group != group ||
	    !contains(&list[low - 1].alias->alias, prefix))
		return NULL;
	return &list[low - 1];
}

static void check_routes(struct checker *checker, const uint16_t *groups, const struct entry *list,
			 size_t n)
{
	const struct network_spec *spec = &checker->config->network;
	const struct tree_node *networks = tree_get(checker->root, "networks");
	const struct tree_node *item = networks != NULL ? networks->first : NULL;

	for (size_t v = 0; v < spec->n_vnets && item != NULL; v++, item = item->next) {
		const struct spec_vnet *vnet = &spec->vnets[v];
		const struct tree_node *route = check_items(item, "routes", vnet->n_routes);

		for (size_t i = 0; i < vnet->n_routes; i++, route = route->next) {
			const struct tree_node *node = tree_get(route, "prefix");
			const struct entry *e =
				find_entry(list, n, groups[v], &vnet->routes[i].prefix);

			if (e == NULL || e->site->vnet != v)
				continue;
			report_at(checker->report, node,
				  "%s lies in the alias %s of site \"%s\", on line %u: one of them "
				  "would hide the other",
				  node->text, tree_get(e->item, "alias")->text, e->site->name,
				  e->item->line);
		}
	}
}

static size_t read_aliases(struct checker *checker, const uint16_t *groups, struct entry *list)
{
	const struct network_spec *spec = &checker->config->network;
	const struct tree_node *site = check_items(checker->root, "sites", spec->n_sites);
	size_t n = 0;

	for (size_t i = 0; i < spec->n_sites; i++, site = site->next) {
		const struct spec_site *s = &spec->sites[i];
		const struct tree_node *item = check_items(site, "aliases", s->n_aliases);
		struct entry *first = list + n;

		for (size_t k = 0; k < s->n_aliases; k++, item = item->next) {
			list[n] = (struct entry){groups[s->vnet], s, &s->aliases[k], item};
			check_alias(checker, &list[n++]);
		}
		check_own(checker, first, s->n_aliases);
	}
	return n;
}

void check_aliases(struct checker *checker)
{
	const struct network_spec *spec = &checker->config->network;
	uint16_t *groups = calloc(spec->n_vnets + 1, sizeof(groups[0]));
	struct entry *list;
	size_t n = 0;

	for (size_t i = 0; i < spec->n_sites; i++)
		n += spec->sites[i].n_aliases;
	list = calloc(n + 1, sizeof(list[0]));
	if (groups == NULL || list == NULL) {
		report_at(checker->report, checker->root,
			  "there is not enough memory to check the aliases");
	} else if (n > 0) {
		join_groups(groups, spec);
		n = read_aliases(checker, groups, list);
		check_overlaps(checker, list, n);
		check_routes(checker, groups, list, n);
	}
	free(groups);
	free(list);
}
