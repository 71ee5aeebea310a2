/*
 * Reads only the sites that differ from those of a text that was read before: see splice.h.
 *
 * edit.c leaves a text with these sites and with all that is not a site. It is parsed and checked
 * like any file. The other sites are taken over: they are valid, and what is computed for a site
 * depends on itself and on what is not a site. Three things need a look at all sites:
 *
 *   names, outer addresses and VLANs   unique: each site that is taken over is compared
 *   limits                             by default half, if there are several sites: two are read
 *   networks, global prefixes,         where a site has to do with others by them, the whole file
 *   aliases, learned routes, IPsec     is read instead
 *
 * So nothing here says what is wrong with a text. Whatever is, config_parse() finds it.
 */
#include "control/config/splice.h"

#include "base/err.h"
#include "control/config/check.h"
#include "control/config/config.h"
#include "control/config/edit.h"
#include "control/config/tree.h"

#include <stdlib.h>
#include <string.h>

/* What must be unique among all sites. */
struct uniques {
	struct seen sites, tunnels, ends, places;
	bool dedicated[UINT8_MAX + 1]; /* ports of untagged interconnects */
	bool used[UINT8_MAX + 1]; /* ports of other tunnels */
};

struct ends_key {
	struct addr6 local, remote;
	uint32_t key, has_key;
};

static const struct tree_node somewhere; /* nobody asks for the place */

static bool is_taken(struct seen *seen, const void *key, size_t len, bool adds)
{
	return adds ? seen_add(seen, key, len, &somewhere) != NULL
		    : seen_find(seen, key, len) != NULL;
}

static bool is_interconnect_taken(struct uniques *u, const struct spec_tunnel *t, bool adds)
{
	const uint32_t place[] = {t->port, t->vlan};
	const unsigned port = t->port & UINT8_MAX;

	if (is_taken(&u->places, place, sizeof(place), adds) || (t->vlan == 0 && u->used[port]))
		return true;
	u->dedicated[port] |= adds && t->vlan == 0;
	return false;
}

/* @adds: puts it among them. */
static bool is_tunnel_taken(struct uniques *u, const struct spec_tunnel *t, bool adds)
{
	const struct ends_key ends = {t->local, t->remote, t->key, t->has_key};

	if (is_taken(&u->tunnels, t->name, strlen(t->name), adds))
		return true;
	if (spec_is_interconnect(t))
		return is_interconnect_taken(u, t, adds);
	if (u->dedicated[t->port & UINT8_MAX])
		return true;
	u->used[t->port & UINT8_MAX] |= adds;
	return t->type == TUNNEL_GRE && is_taken(&u->ends, &ends, sizeof(ends), adds);
}

static bool is_site_taken(struct uniques *u, const struct spec_site *site, bool adds)
{
	if (is_taken(&u->sites, site->name, strlen(site->name), adds))
		return true;
	for (size_t i = 0; i < site->n_tunnels; i++) {
		if (is_tunnel_taken(u, &site->tunnels[i], adds))
			return true;
	}
	return false;
}

static void uniques_fini(struct uniques *u)
{
	seen_fini(&u->sites);
	seen_fini(&u->tunnels);
	seen_fini(&u->ends);
	seen_fini(&u->places);
}

/* Has it nothing to do with other sites but by what must be unique? */
static bool stands_alone(const struct spec_site *site)
{
	if (site->n_global_prefixes > 0 || site->n_aliases > 0 || site->learn.table != 0)
		return false;
	for (size_t i = 0; i < site->n_tunnels; i++) {
		if (site->tunnels[i].type == TUNNEL_IPSEC)
			return false;
	}
	return true;
}

/* The sites that are taken over: those in front, and those behind. */
struct kept {
	struct spec_site *before, *after;
	size_t n_before, n_after;
};

static size_t count_tunnels(const struct spec_site *sites, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += sites[i].n_tunnels;
	return sum;
}

/* A global prefix concerns the tunnels of all sites, and whether IPv6 is forwarded. */
static bool has_global_prefixes(const struct network_spec *spec)
{
	for (size_t i = 0; i < spec->n_sites; i++) {
		if (spec->sites[i].n_global_prefixes > 0)
			return true;
	}
	return false;
}

static bool are_free(struct uniques *u, const struct spec_site *sites, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (is_site_taken(u, &sites[i], false))
			return false;
	}
	return true;
}

static bool fit_together(const struct network_spec *read, const struct kept *kept)
{
	size_t n_sites = kept->n_before + read->n_sites + kept->n_after;
	struct uniques u = {0};
	bool fit = read->n_vnets == 0 && n_sites <= SPEC_SITES_MAX &&
		   count_tunnels(read->sites, read->n_sites) +
				   count_tunnels(kept->before, kept->n_before) +
				   count_tunnels(kept->after, kept->n_after) <=
			   SPEC_TUNNELS_MAX;

	for (size_t i = 0; i < read->n_sites && fit; i++)
		fit = stands_alone(&read->sites[i]) && !is_site_taken(&u, &read->sites[i], true);
	fit = fit && are_free(&u, kept->before, kept->n_before) &&
	      are_free(&u, kept->after, kept->n_after);
	uniques_fini(&u);
	return fit;
}

/* Puts the sites that are taken over around those that were read. */
static bool put_together(struct network_spec *read, const struct kept *kept)
{
	size_t n = kept->n_before + read->n_sites + kept->n_after;
	struct spec_site *sites = calloc(n, sizeof(*sites));

	if (sites == NULL)
		return false;
	if (!spec_sites_share(sites, kept->before, kept->n_before)) {
		free(sites);
		return false;
	}
	if (!spec_sites_share(sites + n - kept->n_after, kept->after, kept->n_after)) {
		spec_sites_release(sites, kept->n_before);
		free(sites);
		return false;
	}
	memcpy(sites + kept->n_before, read->sites, read->n_sites * sizeof(*sites));
	free(read->sites);
	read->sites = sites;
	read->n_sites = n;
	return true;
}

static struct config *splice(const struct config_read_before *before, const char *name,
			     const struct edit *edit)
{
	const struct network_spec *was = &before->config->network;
	struct kept kept = {.before = was->sites, .n_before = edit->n_before};
	struct config *config;

	if (was->n_sites < 2 || edit->n_before + edit->n_old > was->n_sites ||
	    has_global_prefixes(was))
		return NULL;
	kept.after = was->sites + edit->n_before + edit->n_old;
	kept.n_after = was->n_sites - edit->n_before - edit->n_old;
	config = config_parse_simple(name, edit->text, edit->len);
	if (config == NULL)
		return NULL;
	if (fit_together(&config->network, &kept) && put_together(&config->network, &kept))
		return config;
	config_destroy(config);
	return NULL;
}

struct config *config_splice(const struct config_read_before *before, const char *name,
			     const char *text, size_t len)
{
	struct config *config = NULL;
	struct edit edit;

	/* a node has a byte of text at least */
	if (!before->config->is_simple || len > TREE_NODES_MAX || len > CONFIG_FILE_MAX ||
	    !edit_find(&edit, before->text, before->len, text, len))
		return NULL;
	config = splice(before, name, &edit);
	edit_fini(&edit);
	return config;
}
