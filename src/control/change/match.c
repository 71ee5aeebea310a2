/*
 * Finds the same objects in two configurations: see match.h.
 *
 * Each match is the join of two sorted lists of byte strings: first of names, then of the contents
 * of objects whose names did not match.
 */
#include "control/change/match.h"

#include "network/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What identifies an object: its name, or its content as bytes. */
struct key {
	const void *bytes;
	size_t len;
	uint32_t index;
};

/*
 * What identifies a tunnel besides its name. An interconnect has no outer addresses: its own
 * address and the peer's are its ends, and its VLAN is its key.
 */
struct ends {
	struct addr6 local, remote; /* IPv4: mapped */
	uint32_t key, has_key;
	uint32_t site, pad; /* index in the old configuration; 0 when sites are compared */
};

enum { INTERCONNECT = 2 }; /* in has_key */

/* Memory for the join of one side: keys, and the bytes to which they point. */
struct work {
	struct key *keys;
	size_t n;
	struct ends *ends; /* [tunnels], by number */
	struct addr6 *addresses; /* of all pools */
};

static int compare_keys(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int order;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	order = memcmp(x->bytes, y->bytes, x->len);
	if (order != 0)
		return order;
	return x->index < y->index ? -1 : x->index > y->index;
}

static bool is_same(const struct key *x, const struct key *y)
{
	return x->len == y->len && memcmp(x->bytes, y->bytes, x->len) == 0;
}

/*
 * Matches the beginning that both lists share, and returns its length. Most changes leave most of
 * a file as it is.
 */
static size_t join_beginning(const struct work *a, uint32_t *of_a, const struct work *b,
			     uint32_t *of_b)
{
	size_t n = 0;

	for (; n < a->n && n < b->n && is_same(&a->keys[n], &b->keys[n]); n++) {
		of_a[a->keys[n].index] = b->keys[n].index;
		of_b[b->keys[n].index] = a->keys[n].index;
	}
	return n;
}

/* Sorts both lists, and writes the pairs with equal keys. */
static void join(struct work *a, uint32_t *of_a, struct work *b, uint32_t *of_b)
{
	size_t same = join_beginning(a, of_a, b, of_b);

	qsort(a->keys + same, a->n - same, sizeof(a->keys[0]), compare_keys);
	qsort(b->keys + same, b->n - same, sizeof(b->keys[0]), compare_keys);
	for (size_t i = same, k = same; i < a->n && k < b->n;) {
		struct key x = a->keys[i], y = b->keys[k];
		int order;

		y.index = x.index;
		order = compare_keys(&x, &y);
		i += order <= 0;
		k += order >= 0;
		if (order != 0)
			continue;
		of_a[x.index] = b->keys[k - 1].index;
		of_b[b->keys[k - 1].index] = x.index;
	}
	a->n = b->n = 0;
}

static void add_key(struct work *w, const void *bytes, size_t len, uint32_t index)
{
	w->keys[w->n++] = (struct key){bytes, len, index};
}

static struct ends match_ends_of(const struct spec_tunnel *t, uint32_t site)
{
	struct ends ends = {
		.local = t->local,
		.remote = t->remote,
		.key = t->key,
		.has_key = t->has_key,
		.site = site,
	};

	if (spec_is_interconnect(t)) {
		bool four = !addr6_is_zero(&t->address);

		ends.local = four ? t->address : t->address6;
		ends.remote = four ? t->peer : t->peer6;
		ends.key = t->vlan;
		ends.has_key = INTERCONNECT;
	}
	return ends;
}

static int compare_ends(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ends));
}

static int compare_addresses(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct addr6));
}

static void name_sites(struct work *w, const struct match_side *side)
{
	for (uint32_t i = 0; i < side->spec->n_sites; i++)
		add_key(w, side->spec->sites[i].name, strlen(side->spec->sites[i].name), i);
}

static void name_tunnels(struct work *w, const struct match_side *side)
{
	const struct network_spec *spec = side->spec;

	for (uint32_t i = 0; i < spec->n_sites; i++) {
		for (uint32_t k = 0; k < spec->sites[i].n_tunnels; k++) {
			const char *name = spec->sites[i].tunnels[k].name;

			add_key(w, name, strlen(name), side->first_tunnel[i] + k);
		}
	}
}

static void name_pools(struct work *w, const struct match_side *side)
{
	for (uint32_t i = 0; i < side->spec->n_pools; i++)
		add_key(w, side->spec->pools[i].name, strlen(side->spec->pools[i].name), i);
}

/* Adds the sites without a match, each with all its tunnels as its key. */
static void describe_sites(struct work *w, const struct match_side *side)
{
	const struct network_spec *spec = side->spec;

	for (uint32_t i = 0; i < spec->n_sites; i++) {
		struct ends *ends = w->ends + side->first_tunnel[i];
		size_t n = spec->sites[i].n_tunnels;

		if (side->sites[i] != MATCH_NONE)
			continue;
		for (size_t k = 0; k < n; k++)
			ends[k] = match_ends_of(&spec->sites[i].tunnels[k], 0);
		qsort(ends, n, sizeof(*ends), compare_ends);
		add_key(w, ends, n * sizeof(*ends), i);
	}
}

/*
 * Adds the tunnels without a match of sites with a match, each with its ends and its site as its
 * key.
 */
static void describe_tunnels(struct work *w, const struct match_side *side, bool is_after)
{
	const struct network_spec *spec = side->spec;

	for (uint32_t i = 0; i < spec->n_sites; i++) {
		uint32_t site = is_after ? side->sites[i] : i;

		if (side->sites[i] == MATCH_NONE)
			continue;
		for (uint32_t k = 0; k < spec->sites[i].n_tunnels; k++) {
			uint32_t number = side->first_tunnel[i] + k;
			struct ends *ends = &w->ends[number];

			if (side->tunnels[number] != MATCH_NONE)
				continue;
			*ends = match_ends_of(&spec->sites[i].tunnels[k], site);
			add_key(w, ends, sizeof(*ends), number);
		}
	}
}

/* Adds the pools without a match, each with all its addresses as its key. */
static void describe_pools(struct work *w, const struct match_side *side)
{
	struct addr6 *to = w->addresses;

	for (uint32_t i = 0; i < side->spec->n_pools; i++) {
		const struct spec_pool *pool = &side->spec->pools[i];

		if (side->pools[i] != MATCH_NONE)
			continue;
		for (size_t k = 0; k < pool->n_addresses; k++)
			to[k] = pool->addresses[k].addr;
		qsort(to, pool->n_addresses, sizeof(*to), compare_addresses);
		add_key(w, to, pool->n_addresses * sizeof(*to), i);
		to += pool->n_addresses;
	}
}

static uint32_t *make_numbers(size_t n)
{
	uint32_t *numbers = malloc((n + 1) * sizeof(*numbers));

	if (numbers != NULL)
		memset(numbers, 0xff, (n + 1) * sizeof(*numbers));
	return numbers;
}

static size_t count_tunnels(const struct network_spec *spec)
{
	size_t n = 0;

	for (size_t i = 0; i < spec->n_sites; i++)
		n += spec->sites[i].n_tunnels;
	return n;
}

static bool make_side(struct match_side *side, const struct network_spec *spec)
{
	size_t n = count_tunnels(spec);
	uint32_t number = 0;

	*side = (struct match_side){
		.spec = spec,
		.first_tunnel = make_numbers(spec->n_sites),
		.site_of = make_numbers(n),
		.sites = make_numbers(spec->n_sites),
		.tunnels = make_numbers(n),
		.pools = make_numbers(spec->n_pools),
	};
	if (side->first_tunnel == NULL || side->site_of == NULL || side->sites == NULL ||
	    side->tunnels == NULL || side->pools == NULL)
		return false;
	for (uint32_t i = 0; i < spec->n_sites; i++) {
		side->first_tunnel[i] = number;
		for (size_t k = 0; k < spec->sites[i].n_tunnels; k++)
			side->site_of[number++] = i;
	}
	side->first_tunnel[spec->n_sites] = number;
	return true;
}

static void free_side(struct match_side *side)
{
	free(side->first_tunnel);
	free(side->site_of);
	free(side->sites);
	free(side->tunnels);
	free(side->pools);
}

static bool make_work(struct work *w, const struct network_spec *spec)
{
	size_t tunnels = count_tunnels(spec), addresses = 0;

	for (size_t i = 0; i < spec->n_pools; i++)
		addresses += spec->pools[i].n_addresses;
	*w = (struct work){
		.keys = calloc(tunnels + spec->n_sites + spec->n_pools + 1, sizeof(w->keys[0])),
		.ends = calloc(tunnels + 1, sizeof(w->ends[0])),
		.addresses = calloc(addresses + 1, sizeof(w->addresses[0])),
	};
	return w->keys != NULL && w->ends != NULL && w->addresses != NULL;
}

static void free_work(struct work *w)
{
	free(w->keys);
	free(w->ends);
	free(w->addresses);
}

static void join_all(struct match_side *before, struct work *old, struct match_side *after,
		     struct work *new)
{
	name_sites(old, before);
	name_sites(new, after);
	join(old, before->sites, new, after->sites);
	describe_sites(old, before);
	describe_sites(new, after);
	join(old, before->sites, new, after->sites);

	name_tunnels(old, before);
	name_tunnels(new, after);
	join(old, before->tunnels, new, after->tunnels);
	describe_tunnels(old, before, false);
	describe_tunnels(new, after, true);
	join(old, before->tunnels, new, after->tunnels);

	name_pools(old, before);
	name_pools(new, after);
	join(old, before->pools, new, after->pools);
	describe_pools(old, before);
	describe_pools(new, after);
	join(old, before->pools, new, after->pools);
}

int match_make(struct match *out, const struct network_spec *before,
	       const struct network_spec *after)
{
	struct work old = {0}, new = {0};
	bool made = make_side(&out->before, before);

	made = make_side(&out->after, after) && made;
	made = make_work(&old, before) && made;
	made = make_work(&new, after) && made;
	if (made)
		join_all(&out->before, &old, &out->after, &new);
	else
		match_fini(out);
	free_work(&old);
	free_work(&new);
	return made ? 0 : -ENOMEM;
}

void match_fini(struct match *match)
{
	free_side(&match->before);
	free_side(&match->after);
}
