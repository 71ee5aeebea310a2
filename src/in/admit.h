/*
 * Admission: may a fragment that comes from outside be held? Private to in/.
 *
 * Anybody can send fragments to an egress address. A fragment is held only if its packet may be
 * accepted: a first fragment if its flow exists, a later fragment if some flow has its two
 * addresses. So fragments of strangers do not use up the room of fragments that belong to flows.
 */
#pragma once

#include "in/fragment.h"
#include "path/context.h"

enum {
	ADMIT_SITE_ANY = UINT16_MAX, /* no site yet: the packet may open a flow */
};

/*
 * Makes the key of the flow that @p belongs to. @p is a first fragment from the Internet, parsed as
 * @fragment. Writes p->probe.key, and @six for IPv6. For an ICMP error, it is the key of the
 * embedded packet. Returns DROP_NONE or the reason to drop @p.
 */
enum drop admit_key(const struct context *ctx, struct packet *p, const struct fragment *fragment,
		    struct flow6_key *six);

/*
 * Looks up the flow of a first fragment in this worker's table; writes p->probe. DROP_NONE: @site
 * is the site of the flow, or ADMIT_SITE_ANY. DROP_NO_FLOW: there is no flow.
 */
enum drop admit_first(struct context *ctx, struct packet *p, const struct flow6_key *six,
		      uint16_t *site);

/* May a flow have the two addresses of this later fragment from the Internet? Any worker. */
bool admit_later(const struct context *ctx, const struct fragment *fragment);
