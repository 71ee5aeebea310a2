/*
 * Which site, tunnel and pool of one configuration is which of another?
 *
 * By name. What is left over then is the same in spite of its new name: a site if all its tunnels
 * have the same ends and keys, a tunnel of a site with the same ends and key, a pool with the same
 * addresses. So a rename keeps its flows, and no site gets the flows of another one.
 *
 * Private to control/change and the registry (control/registry.h). Control thread only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct network_spec;

enum { MATCH_NONE = UINT32_MAX };

/* Tunnels are numbered through all sites: number k of site i is first_tunnel[i] + k. */
struct match_side {
	const struct network_spec *spec;
	uint32_t *first_tunnel; /* [n_sites + 1] */
	uint32_t *site_of; /* [tunnels] */
	uint32_t *sites, *tunnels, *pools; /* their index on the other side, or MATCH_NONE */
};

struct match {
	struct match_side before, after;
};

/* Both specs are borrowed until match_fini(). 0 or -ENOMEM; then there is nothing to free. */
int match_make(struct match *out, const struct network_spec *before,
	       const struct network_spec *after);
void match_fini(struct match *match);
