/*
 * Private links: a packet that follows them must arrive somewhere.
 *
 * Where a packet goes in a network depends on its destination, so two networks may well link to
 * each other, for different prefixes. The search goes by states: a network, and the prefix that the
 * destinations lie in. The routes that such a packet may take there are those inside of the prefix,
 * and the next longer one around it unless there is one of just this prefix. Each of them that is a
 * link leads to a state of the other network, with the longer of both prefixes. A state that is met
 * again on the way to itself is a loop.
 *
 * Every state is searched once. A link that is wrong is reported at the route where the search
 * began.
 */
#include "control/config/check.h"
#include "control/config/config.h"
#include "control/config/report.h"
#include "control/config/tree.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

struct state {
	struct prefix6 prefix;
	uint16_t vnet;
	unsigned links; /* the most that a packet follows from here */
	bool active; /* on the way that is searched now */
};

/* The routes of a network, sorted by address and then by length. */
struct table {
	const struct spec_route **routes;
	size_t n;
};

static const char too_many[] = "private links lead through too many networks";

struct search {
	struct checker *checker;
	const struct network_spec *spec;
	struct table *tables; /* [n_vnets] */
	void *states; /* tree of tsearch(3) */
	const struct tree_node *item; /* the route where the search began */
	uint16_t way[SPEC_LINKS_MAX + 2]; /* networks from there on */
	bool looped; /* then the number of links of some states is not known */
	bool failed;
};

static int check_links_compare_prefixes(const struct prefix6 *a, const struct prefix6 *b)
{
	int order = addr6_compare(&a->addr, &b->addr);

	return order != 0 ? order : (int)a->len - (int)b->len;
}

static int check_links_compare_routes(const void *a, const void *b)
{
	return check_links_compare_prefixes(&(*(const struct spec_route *const *)a)->prefix,
					    &(*(const struct spec_route *const *)b)->prefix);
}

static int compare_states(const void *a, const void *b)
{
	const struct state *x = a, *y = b;

	if (x->vnet != y->vnet)
		return x->vnet < y->vnet ? -1 : 1;
	return check_links_compare_prefixes(&x->prefix, &y->prefix);
}

static bool make_table(struct table *table, const struct spec_vnet *vnet)
{
	table->routes = calloc(vnet->n_routes + 1, sizeof(table->routes[0]));
	if (table->routes == NULL)
		return false;
	for (size_t i = 0; i < vnet->n_routes; i++)
		table->routes[table->n++] = &vnet->routes[i];
	qsort(table->routes, table->n, sizeof(table->routes[0]), check_links_compare_routes);
	return true;
}

/* The first route that is not less than @prefix. */
static size_t check_links_lower_bound(const struct table *table, const struct prefix6 *prefix)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (check_links_compare_prefixes(&table->routes[middle]->prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The route with the longest prefix around @prefix, which itself is none; NULL: none. */
static const struct spec_route *find_cover(const struct table *table, const struct prefix6 *prefix)
{
	int shortest = check_is_ipv6(prefix) ? 0 : MAPPED_BITS;

	for (int len = prefix->len - 1; len >= shortest; len--) {
		struct prefix6 around = {addr6_masked(&prefix->addr, (uint8_t)len), (uint8_t)len};
		size_t i = check_links_lower_bound(table, &around);

		if (i < table->n &&
		    check_links_compare_prefixes(&table->routes[i]->prefix, &around) == 0)
			return table->routes[i];
	}
	return NULL;
}

/* The state, made if it is new: then @links is unknown yet, and it is active. */
static struct state *open_state(struct search *s, uint16_t vnet, const struct prefix6 *prefix,
				bool *is_new)
{
	struct state key = {.prefix = *prefix, .vnet = vnet}, *state;
	void *found = tfind(&key, &s->states, compare_states);

	*is_new = found == NULL;
	if (found != NULL)
		return *(struct state **)found;
	state = malloc(sizeof(*state));
	if (state == NULL)
		return NULL;
	*state = key;
	state->active = true;
	if (tsearch(state, &s->states, compare_states) == NULL) {
		free(state);
		return NULL;
	}
	return state;
}

/* @more: "" or what follows the names of the networks. */
static void report_way(struct search *s, unsigned depth, const char *what, const char *more)
{
	char names[(SPEC_LINKS_MAX + 2) * (SPEC_NAME_SIZE + 4)] = "";
	size_t len = 0;

	for (unsigned i = 0; i <= depth; i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s",
					i > 0 ? " > " : "", s->spec->vnets[s->way[i]].name);
	report_at(s->checker->report, s->item, "%s: %s%s", what, names, more);
}

static unsigned search_state(struct search *s, unsigned depth, uint16_t vnet,
			     const struct prefix6 *prefix);

/* The most links that a packet follows which takes @route in the last network of the way. */
static unsigned search_route(struct search *s, unsigned depth, const struct spec_route *route,
			     const struct prefix6 *prefix)
{
	const struct prefix6 *longer = route->prefix.len > prefix->len ? &route->prefix : prefix;
	unsigned most = 0, links;

	for (size_t i = 0; i < route->n_targets; i++) {
		if (route->targets[i].kind != TARGET_LINK)
			continue;
		links = 1 + search_state(s, depth + 1, route->targets[i].index, longer);
		most = links > most ? links : most;
	}
	return most;
}

static unsigned search_routes(struct search *s, unsigned depth, uint16_t vnet,
			      const struct prefix6 *prefix)
{
	const struct table *table = &s->tables[vnet];
	size_t first = check_links_lower_bound(table, prefix);
	bool has_same = false;
	unsigned most = 0, links;

	for (size_t i = first; i < table->n; i++) {
		const struct spec_route *route = table->routes[i];

		if (!prefix6_contains(prefix, &route->prefix.addr))
			break;
		if (check_is_ipv6(&route->prefix) != check_is_ipv6(prefix))
			continue;
		has_same |= route->prefix.len == prefix->len;
		links = search_route(s, depth, route, prefix);
		most = links > most ? links : most;
	}
	if (!has_same) {
		const struct spec_route *cover = find_cover(table, prefix);

		links = cover != NULL ? search_route(s, depth, cover, prefix) : 0;
		most = links > most ? links : most;
	}
	return most;
}

static unsigned search_state(struct search *s, unsigned depth, uint16_t vnet,
			     const struct prefix6 *prefix)
{
	struct state *state;
	bool is_new;

	s->way[depth] = vnet;
	if (depth > SPEC_LINKS_MAX) { /* a longer circle is one of these, too */
		report_way(s, depth, too_many, "");
		return 0;
	}
	state = open_state(s, vnet, prefix, &is_new);
	if (state == NULL) {
		s->failed = true;
		return 0;
	}
	if (!is_new && state->active) {
		report_way(s, depth, "private links lead round in a circle", "");
		s->looped = true;
		return 0;
	}
	if (!is_new) {
		if (depth + state->links > SPEC_LINKS_MAX && !s->looped)
			report_way(s, depth, too_many, " and on");
		return state->links;
	}
	state->links = search_routes(s, depth, vnet, prefix);
	state->active = false;
	return state->links;
}

static bool leads_away(const struct spec_route *route)
{
	for (size_t i = 0; i < route->n_targets; i++) {
		if (route->targets[i].kind == TARGET_LINK)
			return true;
	}
	return false;
}

static void search_all(struct search *s)
{
	const struct spec_vnet *vnets = s->spec->vnets;
	const struct tree_node *list = tree_get(s->checker->root, "networks")->first;

	for (size_t v = 0; v < s->spec->n_vnets && list != NULL; v++, list = list->next) {
		s->item = check_items(list, "routes", vnets[v].n_routes);
		for (size_t i = 0; i < vnets[v].n_routes; i++, s->item = s->item->next) {
			if (leads_away(&vnets[v].routes[i]))
				search_state(s, 0, (uint16_t)v, &vnets[v].routes[i].prefix);
		}
	}
}

static bool has_links(const struct network_spec *spec)
{
	for (size_t v = 0; v < spec->n_vnets; v++) {
		for (size_t i = 0; i < spec->vnets[v].n_routes; i++) {
			if (leads_away(&spec->vnets[v].routes[i]))
				return true;
		}
	}
	return false;
}

void check_links(struct checker *checker)
{
	const struct network_spec *spec = &checker->config->network;
	struct search s = {.checker = checker, .spec = spec};

	if (!has_links(spec))
		return;
	s.tables = calloc(spec->n_vnets, sizeof(s.tables[0]));
	s.failed = s.tables == NULL;
	for (size_t v = 0; v < spec->n_vnets && !s.failed; v++)
		s.failed = !make_table(&s.tables[v], &spec->vnets[v]);
	if (!s.failed)
		search_all(&s);
	if (s.failed)
		report_at(checker->report, checker->root,
			  "there is not enough memory to check the private links");
	for (size_t v = 0; s.tables != NULL && v < spec->n_vnets; v++)
		free(s.tables[v].routes);
	free(s.tables);
	tdestroy(s.states, free);
}
