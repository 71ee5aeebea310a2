/*
 * Owner: which worker does a packet belong to?
 *
 *   return to an egress address   the worker that owns the port: each has a part of every slice
 *   any other packet of a flow    the worker that has the flow in its table. Nearly always this is
 *                                 the one whose queue it came by; if not, the others are asked
 *   first packet of a flow        the worker whose queue it came by
 *   fragment                      by a hash of what all fragments of its packet have in common
 *
 * So a packet that is found in this worker's own table costs nothing more than with one worker. All
 * functions write p->owner if, and only if, they return true: it is another worker.
 */
#pragma once

#include "path/context.h"

#include <stdbool.h>
#include <stdint.h>

/* Is @p, parsed, a return to an egress port of another worker? @key: of an IPv6 packet. */
bool owner_by_port(const struct context *ctx, struct packet *p);
bool owner_by_port6(const struct context *ctx, struct packet *p, const struct flow6_key *key);

/* Is the packet of a fragment with @key reassembled by another worker? */
bool owner_by_fragment(const struct context *ctx, struct packet *p, const struct flow6_key *key);

enum { OWNER_NOBODY = UINT16_MAX }; /* no site has this id */

/*
 * The site whose flow this packet can belong to, if another worker may have it. SITE_INTERNET: an
 * untranslated flow of any site. OWNER_NOBODY: there is nobody to ask, since the port of a return
 * names its worker.
 */
static inline uint16_t owner_site(const struct context *ctx, const struct packet *p)
{
	const struct flow_key *key = &p->probe.key;

	if (key->realm != SITE_INTERNET)
		return key->realm;
	return network_is_untranslated(ctx->net, key->dst) ? SITE_INTERNET : OWNER_NOBODY;
}

static inline uint16_t owner_site6(const struct context *ctx, const struct flow6_key *key)
{
	uint16_t site =
		key->realm != SITE_INTERNET ? key->realm : network_find_global(ctx->net, &key->dst);

	return site != SITE_INTERNET ? site : OWNER_NOBODY;
}

/*
 * Has another worker the flow of @p, a flow of @site? p->probe.hash is known from the look-up in
 * the own table. The two prefetches first, for a whole burst each, so that cache misses overlap.
 */
void owner_prefetch(const struct context *ctx, uint16_t site, const struct packet *p, bool six);
void owner_prefetch_record(const struct context *ctx, uint16_t site, const struct packet *p,
			   bool six);
bool owner_ask(const struct context *ctx, uint16_t site, struct packet *p);
bool owner_ask6(const struct context *ctx, uint16_t site, struct packet *p,
		const struct flow6_key *key);

/* Has another worker a flow with @key, which names no port of ours? For keys of no packet. */
bool owner_others_have(const struct context *ctx, const struct flow_key *key, uint64_t hash);
bool owner_others_have6(const struct context *ctx, const struct flow6_key *key, uint64_t hash);

/*
 * In an endpoint-independent pool all flows of an inner endpoint share one port, which one worker
 * owns: does another worker set up flows of the source of @p, IPv4?
 */
bool owner_by_source(const struct context *ctx, struct packet *p);

/* The worker that sets up flows of the source in @key, IPv4, in such a pool. */
uint16_t owner_of_source(const struct context *ctx, const struct flow_key *key);
