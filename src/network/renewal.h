/*
 * Renewal: an address stays, and its slices get another size or another mapping.
 *
 * A flow knows its address and port, not of which slice they are: the old ones and the new ones
 * can not be told apart. So there is a network in between without the address. When it is
 * published and the flows of the address are swept, the wanted one can come.
 */
#pragma once

#include "network/network.h"

struct renewal {
	struct network_spec spec; /* the wanted one, but for some addresses; the rest is borrowed */
	struct spec_pool *pools;
	struct spec_address *addresses;
};

/* Does @wanted, after @current, need one in between? */
bool renewal_is_needed(const struct network *current, const struct network_spec *wanted);

/* Makes its spec; names and all else are @wanted's. 0 or -ENOMEM. Control thread. */
int renewal_create(struct renewal *r, const struct network *current,
		   const struct network_spec *wanted);
void renewal_destroy(struct renewal *r); /* one that was made; what was made of it is gone */
