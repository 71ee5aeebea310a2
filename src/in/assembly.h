/*
 * Assembly: where fragments wait until their packet is whole. Private to in/,
 * but for where they wait, which the worker makes.
 */
#pragma once

#include "in/fragment.h"
#include "path/context.h"

/* key.domain of a fragment: what was cut. No flow has such a key. */
enum assembly_kind {
	ASSEMBLY_INNER = 2, /* a site's packet, or one from the Internet */
	ASSEMBLY_OUTER, /* a tunnel's */
	ASSEMBLY_INNER6, /* the same of IPv6 */
	ASSEMBLY_OUTER6,
};

static inline bool assembly_is_outer(uint8_t kind)
{
	return kind == ASSEMBLY_OUTER || kind == ASSEMBLY_OUTER6;
}

/*
 * Puts @p, which is @fragment, into its packet. DROP_NONE: it is there, and @whole says whether @p
 * has become the whole packet, at its IP header; if not, it waits and @p is no more. Else why @p is
 * to be dropped; the rest of its packet may have been dropped with it. A first fragment from the
 * Internet has p->site_of_fragment as admit_first() found it.
 */
enum drop assembly_add(struct context *ctx, struct packet *p, const struct fragment *fragment,
		       bool *whole);

/* Where a worker context's fragments wait. NULL if memory ran out. */
struct reassembly *reassembly_create(void);
void reassembly_destroy(struct reassembly *r); /* NULL is fine */

/*
 * Gives up what has waited too long. What is left of packets whose site is to be told is in the
 * lists of the answer stages of @b, which was empty. How many packets were given up.
 */
unsigned reassembly_expire(struct context *ctx, struct burst *b);
