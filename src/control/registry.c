/*
 * The ids of sites and tunnels: see registry.h.
 *
 * The registry keeps the names and ends of the last configuration as a small specification. So it
 * uses the same matching of old and new owners as the difference does, and gets the same answer: at
 * the start from a file, later from the running configuration.
 */
#include "control/registry_internal.h"

#include "control/change/match.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t count_tunnels(const struct network_spec *spec)
{
	size_t n = 0;

	for (size_t i = 0; i < spec->n_sites; i++)
		n += spec->sites[i].n_tunnels;
	return n;
}

void registry_book_fini(struct registry_book *book)
{
	network_spec_fini(&book->spec);
	free(book->sites);
	free(book->tunnels);
	*book = (struct registry_book){0};
}

/* What identifies a tunnel, and no more. */
static struct spec_tunnel brief(const struct spec_tunnel *t)
{
	struct spec_tunnel b = {
		.type = t->type,
		.local = t->local,
		.remote = t->remote,
		.has_key = t->has_key,
		.key = t->key,
		.vlan = t->vlan,
		.address = t->address,
		.address6 = t->address6,
		.peer = t->peer,
		.peer6 = t->peer6,
	};

	memcpy(b.name, t->name, sizeof(b.name));
	return b;
}

/* Copies without ids. False: out of memory. */
static bool write_book(struct registry_book *book, const struct network_spec *spec)
{
	book->n_tunnels = count_tunnels(spec);
	book->spec.sites = calloc(spec->n_sites + 1, sizeof(book->spec.sites[0]));
	book->sites = calloc(spec->n_sites + 1, sizeof(book->sites[0]));
	book->tunnels = calloc(book->n_tunnels + 1, sizeof(book->tunnels[0]));
	if (book->spec.sites == NULL || book->sites == NULL || book->tunnels == NULL)
		return false;
	for (size_t i = 0; i < spec->n_sites; i++) {
		const struct spec_site *from = &spec->sites[i];
		struct spec_site *to = &book->spec.sites[book->spec.n_sites++];

		memcpy(to->name, from->name, sizeof(to->name));
		to->tunnels = calloc(from->n_tunnels + 1, sizeof(to->tunnels[0]));
		if (to->tunnels == NULL)
			return false;
		for (size_t k = 0; k < from->n_tunnels; k++)
			to->tunnels[to->n_tunnels++] = brief(&from->tunnels[k]);
	}
	return true;
}

struct registry *registry_create(struct ids *nexthops)
{
	struct registry *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->nexthops = nexthops;
	r->sites = ids_create(SITE_INTERNET + 1, SPEC_SITES_MAX);
	if (r->sites == NULL || !write_book(&r->book, &(struct network_spec){0})) {
		registry_destroy(r);
		return NULL;
	}
	return r;
}

/* Frees a plan, except for what the commit has taken from it. */
static void forget_plan(struct registry *r)
{
	registry_book_fini(&r->next);
	free(r->next_retired);
	free(r->retired_tunnels);
	free(r->new_sites);
	free(r->new_tunnels);
	free(r->gone_sites);
	free(r->gone_tunnels);
	r->next_retired = NULL;
	r->retired_tunnels = NULL;
	r->new_sites = r->new_tunnels = r->gone_sites = r->gone_tunnels = NULL;
	r->n_next_retired = 0;
	r->n_new_sites = r->n_new_tunnels = r->n_gone_sites = r->n_gone_tunnels = 0;
	r->planned = false;
}

void registry_destroy(struct registry *r)
{
	if (r == NULL)
		return;
	forget_plan(r);
	registry_book_fini(&r->book);
	free(r->retired);
	ids_destroy(r->sites);
	free(r);
}

struct ids *registry_sites(struct registry *r)
{
	return r->sites;
}

/* --- a plan ----------------------------------------------------------------------------------- */

static int registry_allocate(struct registry *r, const struct network_spec *spec)
{
	size_t tunnels = count_tunnels(spec);
	size_t retired = r->n_retired + r->book.n_tunnels;

	if (!write_book(&r->next, spec))
		return -ENOMEM;
	r->new_sites = calloc(spec->n_sites + 1, sizeof(r->new_sites[0]));
	r->new_tunnels = calloc(tunnels + 1, sizeof(r->new_tunnels[0]));
	r->gone_sites = calloc(r->book.spec.n_sites + 1, sizeof(r->gone_sites[0]));
	r->gone_tunnels = calloc(r->book.n_tunnels + 1, sizeof(r->gone_tunnels[0]));
	r->next_retired = calloc(retired + 1, sizeof(r->next_retired[0]));
	r->retired_tunnels = calloc(retired + 1, sizeof(r->retired_tunnels[0]));
	return r->new_sites == NULL || r->new_tunnels == NULL || r->gone_sites == NULL ||
			       r->gone_tunnels == NULL || r->next_retired == NULL ||
			       r->retired_tunnels == NULL
		       ? -ENOMEM
		       : 0;
}

static int number_sites(struct registry *r, const struct match_side *after)
{
	for (size_t i = 0; i < r->next.spec.n_sites; i++) {
		uint16_t id;

		if (after->sites[i] != MATCH_NONE) {
			r->next.sites[i] = r->book.sites[after->sites[i]];
			continue;
		}
		id = ids_take(r->sites);
		if (id == IDS_NONE)
			return -ENOSPC;
		r->next.sites[i] = r->new_sites[r->n_new_sites++] = id;
	}
	return 0;
}

/*
 * Is tunnel @t of the plan the same as the one of the book that it matches? Not if its site
 * differs.
 */
static bool is_kept(const struct registry *r, const struct match *m, uint32_t t)
{
	uint32_t before = m->after.tunnels[t];

	return before != MATCH_NONE &&
	       r->book.sites[m->before.site_of[before]] == r->next.sites[m->after.site_of[t]];
}

static int number_tunnels(struct registry *r, const struct match *m)
{
	for (uint32_t t = 0; t < r->next.n_tunnels; t++) {
		uint16_t id;

		if (is_kept(r, m, t)) {
			r->next.tunnels[t] = r->book.tunnels[m->after.tunnels[t]];
			continue;
		}
		id = ids_take(r->nexthops);
		if (id > SPEC_TUNNELS_MAX) { /* the ids above it are for neighbours only */
			ids_give_back(r->nexthops, id);
			return -ENOSPC;
		}
		if (id == IDS_NONE)
			return -ENOSPC;
		r->next.tunnels[t] = r->new_tunnels[r->n_new_tunnels++] = id;
	}
	return 0;
}

static void retire_in_plan(struct registry *r, uint16_t id, uint16_t site)
{
	r->next_retired[r->n_next_retired++] = (struct registry_retired){id, site};
}

static void find_gone(struct registry *r, const struct match *m)
{
	for (size_t i = 0; i < r->book.spec.n_sites; i++)
		if (m->before.sites[i] == MATCH_NONE)
			r->gone_sites[r->n_gone_sites++] = r->book.sites[i];
	for (uint32_t t = 0; t < r->book.n_tunnels; t++) {
		uint32_t after = m->before.tunnels[t], site = m->before.site_of[t];

		if (after != MATCH_NONE && is_kept(r, m, after))
			continue;
		r->gone_tunnels[r->n_gone_tunnels++] = r->book.tunnels[t];
		if (r->committed)
			retire_in_plan(r, r->book.tunnels[t],
				       m->before.sites[site] == MATCH_NONE ? SITE_INTERNET
									   : r->book.sites[site]);
	}
	for (size_t i = 0; i < r->n_retired; i++)
		if (ids_state(r->nexthops, r->retired[i].id) == IDS_RETIRED)
			retire_in_plan(r, r->retired[i].id, r->retired[i].site);
}

/* The site's first tunnel takes over the flows of removed ones. */
static int find_successors(struct registry *r)
{
	uint16_t *first = calloc(SPEC_SITES_MAX + 1, sizeof(first[0])); /* successor, by site */
	bool *is_there = calloc(SPEC_SITES_MAX + 1, sizeof(is_there[0]));
	size_t t = 0;

	if (first == NULL || is_there == NULL) {
		free(first);
		free(is_there);
		return -ENOMEM;
	}
	for (size_t i = 0; i < r->next.spec.n_sites; i++) {
		size_t n = r->next.spec.sites[i].n_tunnels;

		is_there[r->next.sites[i]] = true;
		first[r->next.sites[i]] = n > 0 ? r->next.tunnels[t] : TUNNEL_NONE;
		t += n;
	}
	for (size_t i = 0; i < r->n_next_retired; i++) {
		struct registry_retired *x = &r->next_retired[i];

		if (!is_there[x->site])
			/* for good: the site with this id is another one */
			x->site = SITE_INTERNET;
		r->retired_tunnels[i] = (struct retired_tunnel){
			x->id, x->site, x->site != SITE_INTERNET ? first[x->site] : TUNNEL_NONE};
	}
	free(first);
	free(is_there);
	return 0;
}

static int plan(struct registry *r, const struct network_spec *spec)
{
	struct match m;
	int ret = registry_allocate(r, spec);

	if (ret != 0)
		return ret;
	ret = match_make(&m, &r->book.spec, &r->next.spec);
	if (ret != 0)
		return ret;
	ret = number_sites(r, &m.after);
	if (ret == 0)
		ret = number_tunnels(r, &m);
	if (ret == 0) {
		find_gone(r, &m);
		ret = find_successors(r);
	}
	match_fini(&m);
	return ret;
}

int registry_plan(struct registry *r, const struct network_spec *spec, struct registry_plan *out)
{
	int ret;

	assert(!r->planned);
	r->planned = true;
	ret = plan(r, spec);
	if (ret != 0) {
		registry_abort(r);
		return ret;
	}
	*out = (struct registry_plan){
		.ids = {.sites = r->next.sites,
			.tunnels = r->next.tunnels,
			.retired = r->retired_tunnels,
			.n_retired = r->n_next_retired},
		.new_sites = r->new_sites,
		.n_new_sites = r->n_new_sites,
		.new_tunnels = r->new_tunnels,
		.n_new_tunnels = r->n_new_tunnels,
	};
	return 0;
}

void registry_abort(struct registry *r)
{
	for (size_t i = 0; i < r->n_new_sites; i++)
		ids_give_back(r->sites, r->new_sites[i]);
	for (size_t i = 0; i < r->n_new_tunnels; i++)
		ids_give_back(r->nexthops, r->new_tunnels[i]);
	forget_plan(r);
}

static void give_up(struct ids *ids, const uint16_t *gone, size_t n, bool seen, uint32_t now_s)
{
	for (size_t i = 0; i < n; i++) {
		if (seen)
			ids_retire_unread(ids, gone[i], now_s + REGISTRY_REST_S);
		else
			ids_give_back(ids, gone[i]);
	}
}

static bool is_same_tunnel(const struct spec_tunnel *a, const struct spec_tunnel *b)
{
	return strcmp(a->name, b->name) == 0 && addr6_equal(&a->local, &b->local) &&
	       addr6_equal(&a->remote, &b->remote) && a->has_key == b->has_key &&
	       (!a->has_key || a->key == b->key);
}

static bool is_same_site(const struct spec_site *a, const struct spec_site *b)
{
	if (strcmp(a->name, b->name) != 0 || a->n_tunnels != b->n_tunnels)
		return false;
	for (size_t i = 0; i < a->n_tunnels; i++)
		if (!is_same_tunnel(&a->tunnels[i], &b->tunnels[i]))
			return false;
	return true;
}

/* Are they the same in the file, line by line? */
static bool is_same_book(const struct registry_book *a, const struct registry_book *b)
{
	size_t n = a->spec.n_sites;

	if (n != b->spec.n_sites || a->n_tunnels != b->n_tunnels || n == 0 ||
	    memcmp(a->sites, b->sites, n * sizeof(a->sites[0])) != 0 ||
	    memcmp(a->tunnels, b->tunnels, a->n_tunnels * sizeof(a->tunnels[0])) != 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_same_site(&a->spec.sites[i], &b->spec.sites[i]))
			return false;
	return true;
}

void registry_commit(struct registry *r, uint32_t now_s)
{
	assert(r->planned);
	give_up(r->sites, r->gone_sites, r->n_gone_sites, r->committed, now_s);
	give_up(r->nexthops, r->gone_tunnels, r->n_gone_tunnels, r->committed, now_s);
	free(r->retired);
	r->retired = r->next_retired;
	r->n_retired = r->n_next_retired;
	r->next_retired = NULL;
	r->saved = r->saved && is_same_book(&r->book, &r->next);
	registry_book_fini(&r->book);
	r->book = r->next;
	r->next = (struct registry_book){0};
	r->committed = true;
	forget_plan(r);
}
