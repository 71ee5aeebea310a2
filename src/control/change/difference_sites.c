/*
 * Differences of sites and tunnels: see difference.h.
 *
 * If a site has no limits of its own, a change of the default limits is no difference of the site:
 * the default setting is the item, not each of 5,000 sites.
 */
#include "control/change/difference_parts.h"

#include "base/addr6.h"
#include "control/config/config.h"

#include <stdlib.h>
#include <string.h>

enum { PREFIXES_SHOWN = 6 };

/* What is compared now: the argument of site_differs(). */
struct site_walk {
	struct draft *draft;
	/* limits of sites without limits of their own */
	const struct spec_limits *silent_before, *silent_after;
};

static int compare_prefixes(const void *a, const void *b)
{
	const struct prefix6 *x = a, *y = b;
	int order = addr6_compare(&x->addr, &y->addr);

	return order != 0 ? order : (int)x->len - (int)y->len;
}

struct prefixes {
	struct prefix6 *list; /* sorted; IPv4: mapped */
	size_t n;
};

static struct prefixes read_prefixes(struct items *items, const struct setting *setting,
				     const void *base)
{
	const struct spec_site *site = base;
	bool global = setting->type == SETTING_PREFIXES6;
	const struct prefix6 *six = global ? site->global_prefixes : site->prefixes6;
	size_t n6 = global ? site->n_global_prefixes : site->n_prefixes6;
	size_t n4 = global ? 0 : site->n_prefixes;
	struct prefixes p = {calloc(n4 + n6 + 1, sizeof(p.list[0])), 0};

	if (p.list == NULL) {
		items->failed = true;
		return p;
	}
	for (size_t i = 0; i < n4; i++)
		p.list[p.n++] = (struct prefix6){
			addr6_from_ipv4(site->prefixes[i].addr),
			(uint8_t)(site->prefixes[i].len + MAPPED_BITS),
		};
	for (size_t i = 0; i < n6; i++)
		p.list[p.n++] = six[i];
	qsort(p.list, p.n, sizeof(p.list[0]), compare_prefixes);
	return p;
}

/*
 * Adds the entries that one list has and the other one has not, with @sign in front. Returns their
 * number.
 */
static size_t say_only_in(const struct prefixes *a, const struct prefixes *b, char sign, char *text,
			  size_t size)
{
	char prefix[ITEMS_PREFIX_SIZE];
	size_t n = 0, len = strlen(text);

	for (size_t i = 0, k = 0; i < a->n; i++) {
		while (k < b->n && compare_prefixes(&b->list[k], &a->list[i]) < 0)
			k++;
		if (k < b->n && compare_prefixes(&b->list[k], &a->list[i]) == 0)
			continue;
		if (n++ < PREFIXES_SHOWN)
			len += (size_t)snprintf(text + len, size - len, " %c%s", sign,
						items_prefix_text(&a->list[i], prefix));
	}
	if (n > PREFIXES_SHOWN)
		snprintf(text + len, size - len, " %c%zu more", sign, n - PREFIXES_SHOWN);
	return n;
}

/* Without prefixes any source is allowed; without global prefixes none is. */
static void say_prefixes(struct items *items, struct draft *draft, const struct setting *setting,
			 const void *before, const void *after)
{
	struct prefixes old = read_prefixes(items, setting, before);
	struct prefixes new = read_prefixes(items, setting, after);
	bool empty_is_any = setting->type == SETTING_PREFIXES;
	char text[2 * (PREFIXES_SHOWN + 1) * (ITEMS_PREFIX_SIZE + 2)] = "";
	size_t removed = 0;

	if (old.list != NULL && new.list != NULL) {
		removed = say_only_in(&old, &new, '-', text, sizeof(text));
		say_only_in(&new, &old, '+', text, sizeof(text));
	}
	if (text[0] != '\0')
		draft_say(items, draft, "%s%s%s", setting->name, text,
			  !empty_is_any ? ""
			  : old.n == 0	? " (was any source)"
			  : new.n == 0	? " (now any source)"
					: "");
	if (empty_is_any ? (old.n == 0 || removed > 0) && new.n > 0 : removed > 0)
		draft_effect(draft, setting->effect);
	free(old.list);
	free(new.list);
}

static bool has_alias(const struct spec_site *site, const struct spec_alias *alias)
{
	for (size_t i = 0; i < site->n_aliases; i++) {
		const struct spec_alias *a = &site->aliases[i];

		if (compare_prefixes(&a->alias, &alias->alias) == 0 &&
		    compare_prefixes(&a->prefix, &alias->prefix) == 0)
			return true;
	}
	return false;
}

/* Says the aliases that @a has and @b has not. */
static void say_aliases(struct items *items, struct draft *draft, const struct spec_site *a,
			const struct spec_site *b, char sign)
{
	char alias[ITEMS_PREFIX_SIZE], prefix[ITEMS_PREFIX_SIZE];
	size_t n = 0;

	for (size_t i = 0; i < a->n_aliases; i++) {
		if (!has_alias(b, &a->aliases[i]) && n++ < PREFIXES_SHOWN)
			draft_say(items, draft, "alias %c%s of %s", sign,
				  items_prefix_text(&a->aliases[i].alias, alias),
				  items_prefix_text(&a->aliases[i].prefix, prefix));
	}
	if (n > PREFIXES_SHOWN)
		draft_say(items, draft, "%c%zu more aliases", sign, n - PREFIXES_SHOWN);
}

static uint32_t load_limit(const void *limits, size_t offset)
{
	uint32_t limit;

	memcpy(&limit, (const char *)limits + offset, sizeof(limit));
	return limit;
}

/* Did the site have the default limits before and after? */
static bool is_default_limit(const struct site_walk *w, const struct setting *setting,
			     const struct spec_site *before, const struct spec_site *after)
{
	size_t offset = setting->offset - offsetof(struct spec_site, limits);

	if (setting->offset < offsetof(struct spec_site, limits) ||
	    offset >= sizeof(struct spec_limits))
		return false;
	return load_limit(&before->limits, offset) == load_limit(w->silent_before, offset) &&
	       load_limit(&after->limits, offset) == load_limit(w->silent_after, offset);
}

static void site_differs(struct items *items, void *arg, const struct setting *setting,
			 const char *path, const void *before, const void *after)
{
	struct site_walk *w = arg;

	if (setting->block == &schema_tunnel || setting->type == SETTING_NAME)
		return; /* tunnels have items of their own, and so has a new name */
	if (setting->type == SETTING_NETWORK) {
		const struct spec_site *a = before, *b = after;

		draft_say(items, w->draft, "network %s -> %s",
			  items_vnet_name(&items->before->network, a->vnet),
			  items_vnet_name(&items->after->network, b->vnet));
		draft_effect(w->draft, setting->effect);
	} else if (setting->block == &schema_alias) {
		say_aliases(items, w->draft, before, after, '-');
		say_aliases(items, w->draft, after, before, '+');
		draft_effect(w->draft, setting->effect);
	} else if (setting->type == SETTING_PREFIXES || setting->type == SETTING_PREFIXES6)
		say_prefixes(items, w->draft, setting, before, after);
	else if (!is_default_limit(w, setting, before, after))
		items_differ(items, w->draft, setting, path, before, after);
}

/* Do the tunnels that site @i has before and after have another order? */
static bool is_reordered(const struct match *m, uint32_t i)
{
	uint32_t last = 0;

	for (uint32_t t = m->after.first_tunnel[i]; t < m->after.first_tunnel[i + 1]; t++) {
		uint32_t was = m->after.tunnels[t];

		if (was == MATCH_NONE || m->before.site_of[was] != m->after.sites[i])
			continue;
		if (was < last)
			return true;
		last = was;
	}
	return false;
}

static void say_renamed(struct items *items, struct draft *draft, const char *before,
			const char *after)
{
	if (strcmp(before, after) != 0)
		draft_say(items, draft, "renamed from %s", before);
}

static void say_tunnels(struct items *items, struct draft *draft, const struct spec_site *site)
{
	draft_say(items, draft, "%zu tunnel%s", site->n_tunnels, site->n_tunnels == 1 ? "" : "s");
}

void difference_of_sites(struct items *items)
{
	const struct network_spec *before = &items->before->network,
				  *after = &items->after->network;
	struct spec_limits silent_before = config_silent_limits(items->before);
	struct spec_limits silent_after = config_silent_limits(items->after);
	const struct match *m = &items->match;
	struct draft draft = {0};
	struct site_walk w = {&draft, &silent_before, &silent_after};

	for (uint32_t i = 0; i < after->n_sites; i++) {
		const struct spec_site *site = &after->sites[i], *was;

		if (m->after.sites[i] == MATCH_NONE) {
			say_tunnels(items, &draft, site);
			items_add(items, "site", site->name, CHANGE_ADDED, &draft);
			continue;
		}
		was = &before->sites[m->after.sites[i]];
		say_renamed(items, &draft, was->name, site->name);
		items_walk(items, &schema_site, was, site, site_differs, &w);
		if (is_reordered(m, i))
			draft_say(items, &draft, "tunnels in another order");
		items_add(items, "site", site->name, CHANGE_CHANGED, &draft);
	}
	for (uint32_t i = 0; i < before->n_sites; i++) {
		if (m->before.sites[i] != MATCH_NONE)
			continue;
		say_tunnels(items, &draft, &before->sites[i]);
		draft_effect(&draft, EFFECT_SITE);
		items_add(items, "site", before->sites[i].name, CHANGE_REMOVED, &draft);
	}
}

static const struct spec_tunnel *tunnel_of(const struct match_side *side, uint32_t number)
{
	uint32_t site = side->site_of[number];

	return &side->spec->sites[site].tunnels[number - side->first_tunnel[site]];
}

static void tunnel_differs(struct items *items, void *arg, const struct setting *setting,
			   const char *path, const void *before, const void *after)
{
	if (setting->type != SETTING_NAME)
		items_differ(items, arg, setting, path, before, after);
}

static void compare_tunnels(struct items *items, uint32_t old, uint32_t new)
{
	const struct match *m = &items->match;
	const struct spec_tunnel *before = tunnel_of(&m->before, old);
	const struct spec_tunnel *after = tunnel_of(&m->after, new);
	uint32_t from = m->before.site_of[old], to = m->after.site_of[new];
	struct draft draft = {0};

	say_renamed(items, &draft, before->name, after->name);
	if (m->after.sites[to] != from) {
		draft_say(items, &draft, "moved from site %s to site %s",
			  m->before.spec->sites[from].name, m->after.spec->sites[to].name);
		if (m->before.sites[from] != MATCH_NONE)
			draft_effect(&draft, EFFECT_MOVE);
	}
	if (before != after) /* not shared: config_splice() */
		items_walk(items, &schema_tunnel, before, after, tunnel_differs, &draft);
	items_add(items, "tunnel", after->name, CHANGE_CHANGED, &draft);
}

/* Tunnels of added and removed sites are no items, unless they move from or to another site. */
void difference_of_tunnels(struct items *items)
{
	const struct match *m = &items->match;
	const struct match_side *before = &m->before, *after = &m->after;
	struct draft draft = {0};

	for (uint32_t t = 0; t < after->first_tunnel[after->spec->n_sites]; t++) {
		uint32_t site = after->site_of[t];

		if (after->tunnels[t] != MATCH_NONE) {
			compare_tunnels(items, after->tunnels[t], t);
		} else if (after->sites[site] != MATCH_NONE) {
			draft_say(items, &draft, "of site %s", after->spec->sites[site].name);
			items_add(items, "tunnel", tunnel_of(after, t)->name, CHANGE_ADDED, &draft);
		}
	}
	for (uint32_t t = 0; t < before->first_tunnel[before->spec->n_sites]; t++) {
		uint32_t site = before->site_of[t];

		if (before->tunnels[t] != MATCH_NONE || before->sites[site] == MATCH_NONE)
			continue;
		draft_say(items, &draft, "of site %s", before->spec->sites[site].name);
		draft_effect(&draft, EFFECT_MOVE);
		items_add(items, "tunnel", tunnel_of(before, t)->name, CHANGE_REMOVED, &draft);
	}
}
