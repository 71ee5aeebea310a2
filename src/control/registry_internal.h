/* What registry.c and registry_file.c share. */
#pragma once

#include "control/registry.h"

/* A removed tunnel whose id is not free yet. */
struct registry_retired {
	uint16_t id, site; /* SITE_INTERNET: the site is removed, too */
};

/* The known owners: only names and ends, in the order of @spec. */
struct registry_book {
	struct network_spec spec; /* owned */
	uint16_t *sites, *tunnels; /* their ids, as network_ids has them */
	size_t n_tunnels;
};

struct registry {
	struct ids *nexthops, *sites;
	struct registry_book book; /* the last commit */
	bool committed; /* since the start: workers may have seen the book's ids */
	bool saved; /* the file that was written last has all of the book */
	struct registry_retired *retired;
	size_t n_retired;

	/* between a plan and its end */
	bool planned;
	struct registry_book next; /* the spec's sites and tunnels are owned */
	struct registry_retired *next_retired;
	size_t n_next_retired;
	/* like @gone, with successors: lent to the network */
	struct retired_tunnel *retired_tunnels;
	uint16_t *new_sites, *new_tunnels;
	size_t n_new_sites, n_new_tunnels;
	uint16_t *gone_sites, *gone_tunnels;
	size_t n_gone_sites, n_gone_tunnels;
};

void registry_book_fini(struct registry_book *book);
