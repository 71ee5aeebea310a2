/*
 * Changes that need a restart or a second change.
 *
 * Some settings are read at the start only; the difference says which. And a name must not move
 * from one kind of object to another: programs that read counters, logs or alarms by name would mix
 * them up. After its object was removed, another kind may use the name.
 */
#include "control/change/refuse.h"

#include "base/err.h"
#include "control/change/difference.h"
#include "control/config/config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SENTENCES_MAX = 20 };

enum kind { KIND_PORT, KIND_SITE, KIND_TUNNEL, KIND_POOL, KIND_NETWORK, KINDS };

static const char *const kind_names[] = {"port", "site", "tunnel", "pool", "network"};

struct entry {
	const char *name;
	uint8_t kind;
	bool after; /* is in the new configuration */
};

static size_t count_names(const struct config *config)
{
	size_t n = config->n_ports + config->network.n_sites + config->network.n_pools +
		   config->network.n_vnets;

	for (size_t i = 0; i < config->network.n_sites; i++)
		n += config->network.sites[i].n_tunnels;
	return n;
}

static struct entry *list_names(const struct config *config, bool after, struct entry *out)
{
	const struct network_spec *network = &config->network;

	for (size_t i = 0; i < config->n_ports; i++)
		*out++ = (struct entry){config->ports[i].name, KIND_PORT, after};
	for (size_t i = 0; i < network->n_pools; i++)
		*out++ = (struct entry){network->pools[i].name, KIND_POOL, after};
	for (size_t i = 0; i < network->n_vnets; i++)
		*out++ = (struct entry){network->vnets[i].name, KIND_NETWORK, after};
	for (size_t i = 0; i < network->n_sites; i++) {
		const struct spec_site *site = &network->sites[i];

		*out++ = (struct entry){site->name, KIND_SITE, after};
		for (size_t k = 0; k < site->n_tunnels; k++)
			*out++ = (struct entry){site->tunnels[k].name, KIND_TUNNEL, after};
	}
	return out;
}

/*
 * Leaves out what stands at the same place in both lists, as nearly everything does: its object is
 * in both. Returns how many of the @n entries are left.
 */
static size_t keep_moved(struct entry *entries, size_t n, size_t n_before)
{
	struct entry *after = entries + n_before;
	size_t n_after = n - n_before, kept = 0;

	for (size_t i = 0; i < n_before && i < n_after; i++)
		if (entries[i].kind == after[i].kind && strcmp(entries[i].name, after[i].name) == 0)
			entries[i].name = after[i].name = NULL;
	for (size_t i = 0; i < n; i++)
		if (entries[i].name != NULL)
			entries[kept++] = entries[i];
	return kept;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* Given all @n entries of a name: was its object removed, and one of another kind added? */
static void refuse_moved(const struct entry *entries, size_t n, struct err_list *errs)
{
	bool before[KINDS] = {false}, after[KINDS] = {false};
	int from = KINDS, to = KINDS;

	for (size_t i = 0; i < n; i++)
		(entries[i].after ? after : before)[entries[i].kind] = true;
	for (int k = 0; k < KINDS; k++) {
		if (before[k] && !after[k])
			from = k;
		if (after[k] && !before[k])
			to = k;
	}
	if (from == KINDS || to == KINDS)
		return;
	err_add(errs, NULL, 0, 0,
		"\"%s\" is the name of a %s and cannot become that of a %s: take it from the %s "
		"first, and give it to the %s by another change",
		entries[0].name, kind_names[from], kind_names[to], kind_names[from],
		kind_names[to]);
}

static int refuse_all_moved(const struct config *before, const struct config *after,
			    struct err_list *errs)
{
	size_t n_before = count_names(before), n = n_before + count_names(after), first = 0;
	struct entry *entries = calloc(n + 1, sizeof(*entries));

	if (entries == NULL)
		return -ENOMEM;
	list_names(after, true, list_names(before, false, entries));
	n = keep_moved(entries, n, n_before);
	qsort(entries, n, sizeof(entries[0]), compare_names);
	for (size_t i = 1; i <= n; i++) {
		if (i < n && strcmp(entries[i].name, entries[first].name) == 0)
			continue;
		refuse_moved(&entries[first], i - first, errs);
		first = i;
	}
	free(entries);
	return 0;
}

static void refuse_restart(const struct change_item *item, struct err_list *errs)
{
	static const char *const words[] = {
		[CHANGE_ADDED] = "added",
		[CHANGE_CHANGED] = "changed",
		[CHANGE_REMOVED] = "removed",
	};

	err_add(errs, NULL, 0, 0,
		"%s %s%s%s%s cannot be %s while the daemon runs%s%s: put it into the file that "
		"homewardd starts with, and restart it",
		item->kind, item->name, item->detail != NULL ? " (" : "",
		item->detail != NULL ? item->detail : "", item->detail != NULL ? ")" : "",
		words[item->what], item->why_restart != NULL ? ", as " : "",
		item->why_restart != NULL ? item->why_restart : "");
}

/* Adds a sentence for all items of @d, or only for those that need a restart. */
static void refuse_restarts(const struct difference *d, bool all, struct err_list *errs)
{
	size_t refused = 0;

	for (size_t i = 0; i < d->n; i++)
		if ((all || d->items[i].needs_restart) && refused++ < SENTENCES_MAX)
			refuse_restart(&d->items[i], errs);
	if (refused > SENTENCES_MAX)
		err_add(errs, NULL, 0, 0, "and %zu more that cannot be changed while it runs",
			refused - SENTENCES_MAX);
}

int refuse_items(const struct difference *d, struct err_list *errs)
{
	refuse_restarts(d, true, errs);
	return d->n > 0 ? -EINVAL : 0;
}

int refuse_change(const struct config *before, const struct config *after,
		  const struct difference *d, struct err_list *errs)
{
	size_t already = errs->n;

	refuse_restarts(d, false, errs);
	if (refuse_all_moved(before, after, errs) < 0)
		err_add(errs, NULL, 0, 0, "not enough memory to compare the names");
	return errs->n > already ? -EINVAL : 0;
}
