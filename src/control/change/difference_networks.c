/*
 * Differences of virtual networks and their routes: see difference.h.
 *
 * A network is known by its name, and a route by its network and prefix. The order of routes, and
 * of the targets of a route, means nothing. Routes of one network are compared as two sorted lists.
 */
#include "control/change/difference_parts.h"

#include "base/addr6.h"
#include "control/config/config.h"

#include <stdlib.h>
#include <string.h>

enum { TARGETS_SHOWN = 4, TARGET_TEXT_SIZE = SPEC_NAME_SIZE + 64 };

static const char default_name[] = "default";

/* The network of this name; the default one is always there. NULL: none. */
static const struct spec_vnet *find_vnet(const struct network_spec *spec, const char *name)
{
	for (size_t i = 0; i < spec->n_vnets; i++) {
		if (strcmp(spec->vnets[i].name, name) == 0)
			return &spec->vnets[i];
	}
	return strcmp(name, default_name) == 0 ? &spec_vnet_default : NULL;
}

/* --- targets ---------------------------------------------------------------------------------- */

static bool same_place(const struct items *items, const struct spec_target *a,
		       const struct spec_target *b)
{
	return a->kind == b->kind && a->untranslated == b->untranslated &&
	       strcmp(spec_target_name(&items->before->network, a),
		      spec_target_name(&items->after->network, b)) == 0;
}

static bool same_target(const struct items *items, const struct spec_target *a,
			const struct spec_target *b)
{
	return a->priority == b->priority && a->weight == b->weight && same_place(items, a, b);
}

typedef bool (*same_fn)(const struct items *items, const struct spec_target *a,
			const struct spec_target *b);

/* Is each target of @before one of @after, too? */
static bool keeps_all(const struct items *items, const struct spec_route *before,
		      const struct spec_route *after, same_fn same)
{
	for (size_t i = 0; i < before->n_targets; i++) {
		size_t k = 0;

		while (k < after->n_targets &&
		       !same(items, &before->targets[i], &after->targets[k]))
			k++;
		if (k == after->n_targets)
			return false;
	}
	return true;
}

static void target_text(const struct network_spec *spec, const struct spec_target *t,
			char buf[static TARGET_TEXT_SIZE])
{
	static const char *const kinds[] = {
		[TARGET_SITE] = "site ",     [TARGET_TUNNEL] = "tunnel ",
		[TARGET_EGRESS] = "egress ", [TARGET_LINK] = "network ",
		[TARGET_DROP] = "drop",
	};
	int len =
		snprintf(buf, TARGET_TEXT_SIZE, "%s%s", kinds[t->kind], spec_target_name(spec, t));

	if (t->untranslated)
		len += snprintf(buf + len, TARGET_TEXT_SIZE - (size_t)len, " untranslated");
	if (t->priority != SPEC_PRIORITY_DEFAULT)
		len += snprintf(buf + len, TARGET_TEXT_SIZE - (size_t)len, " priority %u",
				t->priority);
	if (t->weight != 1)
		snprintf(buf + len, TARGET_TEXT_SIZE - (size_t)len, " weight %u", t->weight);
}

enum { TARGETS_TEXT_SIZE = TARGETS_SHOWN * (TARGET_TEXT_SIZE + 3) + 32 };

static const char *targets_text(const struct network_spec *spec, const struct spec_route *route,
				char buf[static TARGETS_TEXT_SIZE])
{
	char one[TARGET_TEXT_SIZE];
	size_t len = 0;

	for (size_t i = 0; i < route->n_targets && i < TARGETS_SHOWN; i++) {
		target_text(spec, &route->targets[i], one);
		len += (size_t)snprintf(buf + len, TARGETS_TEXT_SIZE - len, "%s%s",
					i > 0 ? " + " : "", one);
	}
	if (route->n_targets > TARGETS_SHOWN)
		snprintf(buf + len, TARGETS_TEXT_SIZE - len, " + %zu more",
			 route->n_targets - TARGETS_SHOWN);
	return buf;
}

/* --- routes ----------------------------------------------------------------------------------- */

struct list {
	const struct spec_route **routes; /* sorted by prefix */
	size_t n;
};

static int compare_routes(const void *a, const void *b)
{
	const struct prefix6 *x = &(*(const struct spec_route *const *)a)->prefix;
	const struct prefix6 *y = &(*(const struct spec_route *const *)b)->prefix;
	int order = addr6_compare(&x->addr, &y->addr);

	return order != 0 ? order : (int)x->len - (int)y->len;
}

static struct list make_list(struct items *items, const struct spec_vnet *vnet)
{
	struct list list = {calloc(vnet->n_routes + 1, sizeof(list.routes[0])), 0};

	if (list.routes == NULL) {
		items->failed = true;
		return list;
	}
	for (size_t i = 0; i < vnet->n_routes; i++)
		list.routes[list.n++] = &vnet->routes[i];
	qsort(list.routes, list.n, sizeof(list.routes[0]), compare_routes);
	return list;
}

static void add_route(struct items *items, const struct spec_vnet *vnet,
		      const struct spec_route *route, enum change_what what, struct draft *draft)
{
	char prefix[ITEMS_PREFIX_SIZE], name[SPEC_NAME_SIZE + ITEMS_PREFIX_SIZE];

	snprintf(name, sizeof(name), "%s %s", vnet->name,
		 items_prefix_text(&route->prefix, prefix));
	items_add(items, "route", name, what, draft);
}

/* A route that is new may be longer than the one that flows have taken. */
static void say_whole(struct items *items, const struct spec_vnet *vnet,
		      const struct spec_route *route, enum change_what what)
{
	const struct config *config = what == CHANGE_ADDED ? items->after : items->before;
	char text[TARGETS_TEXT_SIZE];
	struct draft draft = {0};

	draft_say(items, &draft, "%s", targets_text(&config->network, route, text));
	draft_effect(&draft, EFFECT_ROUTE);
	add_route(items, vnet, route, what, &draft);
}

static void compare_route(struct items *items, const struct spec_vnet *vnet,
			  const struct spec_route *before, const struct spec_route *after)
{
	static const char *const collisions[] = {"translate", "refuse"};
	char old[TARGETS_TEXT_SIZE], new[TARGETS_TEXT_SIZE];
	struct draft draft = {0};

	if (before->n_targets != after->n_targets ||
	    !keeps_all(items, before, after, same_target)) {
		draft_say(items, &draft, "%s -> %s",
			  targets_text(&items->before->network, before, old),
			  targets_text(&items->after->network, after, new));
		draft_effect(&draft, keeps_all(items, before, after, same_place) ? EFFECT_NEW
										 : EFFECT_ROUTE);
	}
	if (before->on_collision != after->on_collision) {
		draft_say(items, &draft, "on-collision %s -> %s", collisions[before->on_collision],
			  collisions[after->on_collision]);
		draft_effect(&draft, EFFECT_NEW);
	}
	add_route(items, vnet, after, CHANGE_CHANGED, &draft);
}

static void compare_all_routes(struct items *items, const struct spec_vnet *before,
			       const struct spec_vnet *after)
{
	struct list old = make_list(items, before), new = make_list(items, after);

	for (size_t i = 0, k = 0; i < old.n || k < new.n;) {
		int order = i == old.n	 ? 1
			    : k == new.n ? -1
					 : compare_routes(&old.routes[i], &new.routes[k]);

		if (order < 0)
			say_whole(items, before, old.routes[i], CHANGE_REMOVED);
		else if (order > 0)
			say_whole(items, after, new.routes[k], CHANGE_ADDED);
		else
			compare_route(items, after, old.routes[i], new.routes[k]);
		i += order <= 0;
		k += order >= 0;
	}
	free(old.routes);
	free(new.routes);
}

/* --- networks --------------------------------------------------------------------------------- */

static void network_differs(struct items *items, void *arg, const struct setting *setting,
			    const char *path, const void *before, const void *after)
{
	if (setting->block != &schema_route)
		items_differ(items, arg, setting, path, before, after);
}

static void say_routes(struct items *items, struct draft *draft, const struct spec_vnet *vnet)
{
	draft_say(items, draft, "%zu route%s", vnet->n_routes, vnet->n_routes == 1 ? "" : "s");
}

static void compare_vnets(struct items *items, const struct spec_vnet *before,
			  const struct spec_vnet *after)
{
	struct draft draft = {0};

	items_walk(items, &schema_network, before, after, network_differs, &draft);
	items_add(items, "network", after->name, CHANGE_CHANGED, &draft);
	compare_all_routes(items, before, after);
}

void difference_of_networks(struct items *items)
{
	const struct network_spec *before = &items->before->network,
				  *after = &items->after->network;
	struct draft draft = {0};

	if (after->n_vnets == 0)
		compare_vnets(items, find_vnet(before, default_name), &spec_vnet_default);
	for (size_t i = 0; i < after->n_vnets; i++) {
		const struct spec_vnet *vnet = &after->vnets[i];
		const struct spec_vnet *was = find_vnet(before, vnet->name);

		if (was != NULL) {
			compare_vnets(items, was, vnet);
			continue;
		}
		say_routes(items, &draft, vnet);
		items_add(items, "network", vnet->name, CHANGE_ADDED, &draft);
	}
	for (size_t i = 0; i < before->n_vnets; i++) {
		const struct spec_vnet *vnet = &before->vnets[i];

		if (find_vnet(after, vnet->name) != NULL)
			continue;
		say_routes(items, &draft, vnet);
		draft_effect(&draft, EFFECT_ROUTE);
		items_add(items, "network", vnet->name, CHANGE_REMOVED, &draft);
	}
}
