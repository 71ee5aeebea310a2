/*
 * Renewal: the slices of an address get another size or another mapping.
 *
 * A flow stores its address and port, not its slice, so flows of old and of new slices cannot be
 * told apart. Therefore an intermediate network without the address is published first. When the
 * flows of the address are swept, the wanted network follows.
 */
#pragma once

#include "network/network.h"

struct renewal {
	struct network_spec spec; /* the wanted spec without some addresses; the rest is borrowed */
	struct spec_pool *pools;
	struct spec_address *addresses;
};

/* Does the change from @current to @wanted need an intermediate network? */
bool renewal_is_needed(const struct network *current, const struct network_spec *wanted);

/*
 * Makes the spec of the intermediate network; borrows all else from @wanted. 0 or -ENOMEM. Control
 * thread.
 */
int renewal_create(struct renewal *r, const struct network *current,
		   const struct network_spec *wanted);
void renewal_destroy(struct renewal *r); /* @r was made; networks made from it are destroyed */
