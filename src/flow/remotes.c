/* See remotes.h, which has the packet path's part inline. */
#include "flow/remotes.h"

#include "base/memory.h"

#include <stdlib.h>
#include <sys/random.h>

#define SPREAD UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / golden ratio (Knuth, 6.4) */

struct remotes *remotes_create(uint64_t seed)
{
	struct remotes *r = memory_lines(sizeof(*r));

	if (r == NULL)
		return NULL;
	r->multiplier = seed * SPREAD;
	if (seed == 0 &&
	    getrandom(&r->multiplier, sizeof(r->multiplier), 0) != sizeof(r->multiplier)) {
		remotes_destroy(r);
		return NULL;
	}
	r->multiplier |= 1;
	return r;
}

void remotes_destroy(struct remotes *r)
{
	free(r);
}
