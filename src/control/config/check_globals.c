/*
 * Global prefixes. What leaves untranslated must come back to exactly one site. So global prefixes
 * do not overlap, contain no egress address, and contain no tunnel address of another site. They
 * contain no tunnel end either: packets to the prefix come to this gateway, so the tunnel would run
 * through itself. They must be global unicast, 2000::/3 (RFC 4291 section 2.4).
 *
 * Two prefixes overlap only if one contains the other. Sorted by address and length, a prefix
 * stands behind every prefix that contains it. The outermost prefixes do not overlap.
 */
#include "control/config/check.h"
#include "control/config/config.h"
#include "control/config/report.h"
#include "control/config/tree.h"
#include "control/config/value.h"

#include <stdlib.h>

struct entry {
	struct prefix6 prefix;
	const struct spec_site *site;
	const struct tree_node *node;
};

/* Sorted; none contains another. */
struct entries {
	struct entry *list;
	size_t n;
};

static bool is_global(const struct prefix6 *prefix)
{
	const struct prefix6 space = {{{htobe64(UINT64_C(0x2000) << 48), 0}}, 3};

	return prefix->len >= space.len && prefix6_contains(&space, &prefix->addr);
}

/* Those that could be read and are allowed to be global. */
static size_t read_prefixes(struct checker *checker, const struct spec_site *site,
			    const struct tree_node *item, struct entry *list)
{
	const struct tree_node *node =
		check_items(item, "global-prefixes", site->n_global_prefixes);
	size_t n = 0;

	for (; node != NULL; node = node->next) {
		struct prefix6 prefix;

		if (node->kind != TREE_TEXT || value_prefix6(node->text, &prefix) < 0)
			continue;
		if (is_global(&prefix))
			list[n++] = (struct entry){prefix, site, node};
		else
			report_at(checker->report, node,
				  "%s is not globally unique, only prefixes in 2000::/3 are: "
				  "prefixes that others may have, too, belong in \"prefixes\"",
				  node->text);
	}
	return n;
}

static int compare_places(const struct tree_node *a, const struct tree_node *b)
{
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->column < b->column ? -1 : a->column > b->column;
}

static int check_globals_compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (!addr6_equal(&x->prefix.addr, &y->prefix.addr))
		return addr6_compare(&x->prefix.addr, &y->prefix.addr);
	if (x->prefix.len != y->prefix.len)
		return x->prefix.len < y->prefix.len ? -1 : 1;
	return compare_places(x->node, y->node);
}

/* Reported at the place of the later of the two. */
static void report_overlap(struct checker *checker, const struct entry *a, const struct entry *b)
{
	bool swapped = compare_places(a->node, b->node) > 0;
	const struct entry *before = swapped ? b : a, *later = swapped ? a : b;

	if (before->site == later->site)
		report_at(checker->report, later->node, "%s overlaps %s, on line %u",
			  later->node->text, before->node->text, before->node->line);
	else
		report_at(checker->report, later->node,
			  "%s overlaps %s of site \"%s\", on line %u: a global prefix belongs to "
			  "one site",
			  later->node->text, before->node->text, before->site->name,
			  before->node->line);
}

/* Keeps only those that no other prefix contains. */
static void check_overlaps(struct checker *checker, struct entries *e)
{
	size_t n = 0;

	qsort(e->list, e->n, sizeof(e->list[0]), check_globals_compare_entries);
	for (size_t i = 0; i < e->n; i++) {
		if (n > 0 && prefix6_contains(&e->list[n - 1].prefix, &e->list[i].prefix.addr))
			report_overlap(checker, &e->list[n - 1], &e->list[i]);
		else
			e->list[n++] = e->list[i];
	}
	e->n = n;
}

static const struct entry *check_globals_find(const struct entries *e, const struct addr6 *addr)
{
	size_t low = 0, high = e->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (addr6_compare(&e->list[middle].prefix.addr, addr) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || !prefix6_contains(&e->list[low - 1].prefix, addr))
		return NULL;
	return &e->list[low - 1];
}

/* @what: "an egress address". No error if a prefix of @own contains @addr. */
static void check_address(struct checker *checker, const struct entries *e,
			  const struct addr6 *addr, const struct spec_site *own,
			  const struct tree_node *node, const char *what)
{
	const struct entry *entry = addr6_is_ipv6(addr) ? check_globals_find(e, addr) : NULL;

	if (entry == NULL || entry->site == own)
		return;
	report_at(checker->report, node,
		  "%s can not be %s: it lies in %s, a global prefix of site \"%s\", on line %u",
		  node->text, what, entry->node->text, entry->site->name, entry->node->line);
}

static void check_egress(struct checker *checker, const struct entries *e)
{
	const struct network_spec *spec = &checker->config->network;
	const struct tree_node *pool = check_items(checker->root, "egress", spec->n_pools);

	for (size_t i = 0; i < spec->n_pools; i++, pool = pool->next) {
		const struct spec_pool *p = &spec->pools[i];
		const struct tree_node *item = check_items(pool, "addresses", p->n_addresses);

		for (size_t k = 0; k < p->n_addresses; k++, item = item->next)
			check_address(checker, e, &p->addresses[k].addr, NULL,
				      tree_get(item, "address"), "an egress address");
	}
}

/* The gateway's address in a tunnel may be in a global prefix of that site, but of no other. */
static void check_tunnels(struct checker *checker, const struct entries *e)
{
	const struct network_spec *spec = &checker->config->network;
	const struct tree_node *site_item = check_items(checker->root, "sites", spec->n_sites);

	for (size_t i = 0; i < spec->n_sites; i++, site_item = site_item->next) {
		const struct spec_site *site = &spec->sites[i];
		const struct tree_node *item = check_items(site_item, "tunnels", site->n_tunnels);

		for (size_t k = 0; k < site->n_tunnels; k++, item = item->next) {
			const struct spec_tunnel *t = &site->tunnels[k];

			check_address(checker, e, &t->address6, site, tree_get(item, "address6"),
				      "our address in a tunnel of another site");
			check_address(checker, e, &t->local, NULL, tree_get(item, "local"),
				      "the end of a tunnel");
			check_address(checker, e, &t->remote, NULL, tree_get(item, "remote"),
				      "the end of a tunnel");
		}
	}
}

void check_globals(struct checker *checker)
{
	const struct network_spec *spec = &checker->config->network;
	const struct tree_node *item = check_items(checker->root, "sites", spec->n_sites);
	struct entries e = {0};
	size_t room = 0;

	for (size_t i = 0; i < spec->n_sites; i++)
		room += spec->sites[i].n_global_prefixes;
	e.list = calloc(room + 1, sizeof(e.list[0]));
	if (e.list == NULL) {
		report_at(checker->report, checker->root,
			  "there is not enough memory to check the global prefixes");
		return;
	}
	for (size_t i = 0; i < spec->n_sites; i++, item = item->next)
		e.n += read_prefixes(checker, &spec->sites[i], item, e.list + e.n);
	check_overlaps(checker, &e);
	check_egress(checker, &e);
	check_tunnels(checker, &e);
	free(e.list);
}
