/*
 * Admission: may a fragment that comes from outside be held? Private to in/.
 *
 * Whoever can send to an egress address can send fragments there. One is held only where its packet
 * may be let in when it is whole: a first fragment where its flow exists, a later one where its two
 * addresses have a flow. So strangers take nothing from whom answers are for.
 */
#pragma once

#include "in/fragment.h"
#include "path/context.h"

enum {
	ADMIT_SITE_ANY = UINT16_MAX, /* of no site as yet: it may open a flow */
};

/*
 * By which key its flow is found: of a first fragment at @p, which is @fragment and comes from the
 * Internet. Written to p->probe.key, and of IPv6 to @six; of an ICMP error it is that of the
 * embedded packet. DROP_NONE, or why it can not be let in.
 */
enum drop admit_key(const struct context *ctx, struct packet *p, const struct fragment *fragment,
		    struct flow6_key *six);

/*
 * The same fragment, at the worker that owns its flow. DROP_NONE: @site is whose flow it is, or
 * ADMIT_SITE_ANY. DROP_NO_FLOW: nobody's.
 */
enum drop admit_first(struct context *ctx, const struct packet *p, const struct flow6_key *six,
		      uint16_t *site);

/* A later fragment from the Internet: may its two addresses have a flow? Any worker. */
bool admit_later(const struct context *ctx, const struct fragment *fragment);
