/*
 * Finds the same sites, tunnels and pools in two configurations.
 *
 * Objects with the same name are the same. Without a match by name, an object is the same under a
 * new name in these cases: a site, if all its tunnels have the same ends and keys; a tunnel, if its
 * site is the same and it has the same ends and key; a pool, if it has the same addresses. So a
 * rename keeps the flows, and no site gets the flows of another one.
 *
 * Private to control/change and the registry (control/registry.h). Control thread only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct network_spec;

enum { MATCH_NONE = UINT32_MAX };

/* Tunnels are numbered over all sites: tunnel k of site i has number first_tunnel[i] + k. */
struct match_side {
	const struct network_spec *spec;
	uint32_t *first_tunnel; /* [n_sites + 1] */
	uint32_t *site_of; /* [tunnels] */
	uint32_t *sites, *tunnels, *pools; /* index on the other side, or MATCH_NONE */
};

struct match {
	struct match_side before, after;
};

/* Borrows both specs until match_fini(). 0; or -ENOMEM, and nothing needs to be freed. */
int match_make(struct match *out, const struct network_spec *before,
	       const struct network_spec *after);
void match_fini(struct match *match);
