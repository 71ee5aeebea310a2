/*
 * Assembly: fragments wait here until their packet is complete. Private to in/, except that the
 * worker creates and destroys struct reassembly.
 */
#pragma once

#include "in/fragment.h"
#include "path/context.h"

/* key.domain of a fragment: which packet was fragmented. No flow has such a key. */
enum assembly_kind {
	ASSEMBLY_INNER = 2, /* an IPv4 packet of a site or from the Internet */
	ASSEMBLY_OUTER, /* an outer packet of a tunnel */
	ASSEMBLY_INNER6, /* an IPv6 packet of a site or from the Internet */
	ASSEMBLY_OUTER6,
};

static inline bool assembly_is_outer(uint8_t kind)
{
	return kind == ASSEMBLY_OUTER || kind == ASSEMBLY_OUTER6;
}

/*
 * Adds @p, parsed as @fragment, to its packet. DROP_NONE: it was added. Then @whole says whether @p
 * is now the reassembled packet, with @p->data at its IP header; if not, @p was consumed. Any other
 * value: the reason to drop @p; the other fragments of the packet may have been dropped, too. For a
 * first fragment from the Internet, p->site_of_fragment is what admit_first() found.
 */
enum drop assembly_add(struct context *ctx, struct packet *p, const struct fragment *fragment,
		       bool *whole);

/* The reassembly of one worker context. NULL if memory ran out. */
struct reassembly *reassembly_create(void);
void reassembly_destroy(struct reassembly *r); /* NULL is fine */

/*
 * Gives up packets that have waited too long. @b must be empty; first fragments whose site gets an
 * ICMP error are put into its lists of the answer stages. Returns the number of packets given up.
 */
unsigned reassembly_expire(struct context *ctx, struct burst *b);
