/* What the two halves of the registry share: registry.c and registry_file.c. */
#pragma once

#include "control/registry.h"

/* A tunnel that is gone, and its number is not free yet. */
struct registry_retired {
	uint16_t id, site; /* SITE_INTERNET: the site is gone, too */
};

/* Who is known: names and ends alone, in the order of @spec. */
struct registry_book {
	struct network_spec spec; /* owned */
	uint16_t *sites, *tunnels; /* their numbers, as network_ids has them */
	size_t n_tunnels;
};

struct registry {
	struct ids *nexthops, *sites;
	struct registry_book book; /* as committed */
	bool committed; /* since the start: workers have seen the book's numbers */
	struct registry_retired *retired;
	size_t n_retired;

	/* between a plan and its end */
	bool planned;
	struct registry_book next; /* its spec's sites and tunnels are owned */
	struct registry_retired *next_retired;
	size_t n_next_retired;
	struct retired_tunnel *retired_tunnels; /* the same, with successors: lent to the network */
	uint16_t *new_sites, *new_tunnels;
	size_t n_new_sites, n_new_tunnels;
	uint16_t *gone_sites, *gone_tunnels;
	size_t n_gone_sites, n_gone_tunnels;
};

void registry_book_fini(struct registry_book *book);
