/*
 * Errors: may one more ICMP error of our own be sent (RFC 1812 section 4.3.2.8, RFC 4443 section
 * 2.4 f)?
 *
 * Token buckets of one number, as in setup/limits.c: one for each site and one for all sites
 * together. Each worker has its own. Refusals (RFC 5508 REQ-8) may only be sent while the buckets
 * are more than half full: a flood of refused packets must not use up the errors that live
 * connections need.
 *
 * TCP resets of our own have a separate, larger bucket for each site: after a restart of the
 * gateway every connection of a site needs one. A reset is shorter than the segment that it
 * answers.
 */
#pragma once

#include "path/context.h"

enum {
	ERRORS_SITE_INTERVAL_NS = 10 * 1000 * 1000, /* 100 errors a second towards a site */
	ERRORS_SITE_BURST = 50, /* at most this many at once */
	ERRORS_ALL_INTERVAL_NS = 200 * 1000, /* 5,000 errors a second of one worker */
	ERRORS_ALL_BURST = 500,
	RESETS_SITE_INTERVAL_NS = 1000 * 1000, /* 1,000 resets a second towards a site */
	RESETS_SITE_BURST = 1000, /* at most this many at once */
};

static inline bool errors_have(uint64_t until_ns, uint64_t now_ns, uint64_t interval_ns,
			       uint64_t burst)
{
	return until_ns <= now_ns + (burst - 1) * interval_ns;
}

static inline void errors_take(uint64_t *until_ns, uint64_t now_ns, uint64_t interval_ns)
{
	*until_ns = (*until_ns > now_ns ? *until_ns : now_ns) + interval_ns;
}

/*
 * Takes a token of @realm's bucket and one of the common bucket. @part 1: if there is a token in
 * each; 2: only if each is more than half full.
 */
static inline bool errors_take_part(struct context *ctx, uint16_t realm, uint64_t part)
{
	uint64_t *site = &context_answers(ctx, realm)->errors_until_ns;

	if (!errors_have(*site, ctx->now_ns, ERRORS_SITE_INTERVAL_NS, ERRORS_SITE_BURST / part) ||
	    !errors_have(ctx->errors_until_ns, ctx->now_ns, ERRORS_ALL_INTERVAL_NS,
			 ERRORS_ALL_BURST / part))
		return false;
	errors_take(site, ctx->now_ns, ERRORS_SITE_INTERVAL_NS);
	errors_take(&ctx->errors_until_ns, ctx->now_ns, ERRORS_ALL_INTERVAL_NS);
	return true;
}

static inline bool errors_may_send(struct context *ctx, uint16_t realm)
{
	return errors_take_part(ctx, realm, 1);
}

/* Takes a token if there is one. False: there is none. */
static inline bool errors_may_reset(struct context *ctx, uint16_t realm)
{
	uint64_t *site = &context_answers(ctx, realm)->resets_until_ns;

	if (!errors_have(*site, ctx->now_ns, RESETS_SITE_INTERVAL_NS, RESETS_SITE_BURST))
		return false;
	errors_take(site, ctx->now_ns, RESETS_SITE_INTERVAL_NS);
	return true;
}

static inline bool errors_may_refuse(struct context *ctx, uint16_t realm)
{
	return errors_take_part(ctx, realm, 2);
}
