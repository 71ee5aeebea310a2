/* Finds objects of the file by name: see naming.h. */
#include "control/config/naming.h"

#include "base/nearest.h"
#include "control/config/report.h"
#include "control/config/tree.h"
#include "network/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const nouns[NAMING_KINDS] = {
	[NAMING_SITES] = "site",
	[NAMING_TUNNELS] = "tunnel",
	[NAMING_POOLS] = "egress pool",
	[NAMING_NETWORKS] = "network",
};

static size_t count_tunnels(const struct network_spec *spec)
{
	size_t n = 0;

	for (size_t i = 0; i < spec->n_sites; i++)
		n += spec->sites[i].n_tunnels;
	return n;
}

static void add(struct naming *naming, enum naming_kind kind, const char *name, size_t index,
		size_t part)
{
	if (name[0] != '\0') /* empty: it could not be read */
		naming->lists[kind][naming->n[kind]++] =
			(struct named){name, (uint32_t)index, (uint32_t)part};
}

/* Of two objects with one name the first is found; the second one was reported. */
static int compare_names(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (order != 0)
		return order;
	return x->index < y->index ? -1 : x->index > y->index;
}

int naming_make(struct naming *naming, const struct network_spec *spec)
{
	const size_t room[NAMING_KINDS] = {spec->n_sites, count_tunnels(spec), spec->n_pools,
					   spec->n_vnets};

	*naming = (struct naming){0};
	for (int kind = 0; kind < NAMING_KINDS; kind++) {
		naming->lists[kind] = calloc(room[kind] + 1, sizeof(naming->lists[kind][0]));
		if (naming->lists[kind] == NULL)
			return -ENOMEM;
	}
	for (size_t i = 0; i < spec->n_sites; i++) {
		add(naming, NAMING_SITES, spec->sites[i].name, i, 0);
		for (size_t k = 0; k < spec->sites[i].n_tunnels; k++)
			add(naming, NAMING_TUNNELS, spec->sites[i].tunnels[k].name, i, k);
	}
	for (size_t i = 0; i < spec->n_pools; i++)
		add(naming, NAMING_POOLS, spec->pools[i].name, i, 0);
	for (size_t i = 0; i < spec->n_vnets; i++)
		add(naming, NAMING_NETWORKS, spec->vnets[i].name, i, 0);
	for (int kind = 0; kind < NAMING_KINDS; kind++)
		qsort(naming->lists[kind], naming->n[kind], sizeof(naming->lists[kind][0]),
		      compare_names);
	return 0;
}

void naming_fini(struct naming *naming)
{
	for (int kind = 0; kind < NAMING_KINDS; kind++)
		free(naming->lists[kind]);
	*naming = (struct naming){0};
}

const struct named *naming_find(const struct naming *naming, enum naming_kind kind,
				const char *name)
{
	const struct named *list = naming->lists[kind];
	size_t low = 0, high = naming->n[kind];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(list[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < naming->n[kind] && strcmp(list[low].name, name) == 0 ? &list[low] : NULL;
}

static void report_unknown(const struct naming *naming, enum naming_kind kind,
			   const struct tree_node *node, struct report *report)
{
	struct nearest near = nearest_begin(node->text);
	char shown[REPORT_SHOWN_SIZE];

	if (report_is_full(report))
		return;
	for (size_t i = 0; i < naming->n[kind]; i++)
		nearest_offer(&near, naming->lists[kind][i].name);
	report_shown(node->text, shown);
	if (near.best != NULL)
		report_at(report, node, "there is no %s %s: did you mean \"%s\"?", nouns[kind],
			  shown, near.best);
	else
		report_at(report, node, "there is no %s %s", nouns[kind], shown);
}

const struct named *naming_resolve(const struct naming *naming, enum naming_kind kind,
				   const struct tree_node *node, struct report *report)
{
	const struct named *found;

	if (node == NULL || node->kind != TREE_TEXT || tree_is_null(node))
		return NULL;
	found = naming_find(naming, kind, node->text);
	if (found == NULL)
		report_unknown(naming, kind, node, report);
	return found;
}
