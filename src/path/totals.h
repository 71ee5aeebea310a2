/*
 * Totals: what a site and its hosts use of all workers together. Limits hold for these.
 *
 * Each worker counts its own flows, and a first packet adds the others' counts. They may be some
 * packets old, so a site can exceed a limit by what other workers open in the same moment: a burst
 * of each. With one worker nothing is added.
 */
#pragma once

#include "path/context.h"
#include "path/sources.h"

struct totals {
	uint64_t flows, half_open; /* of the site */
	uint32_t source_flows, source_half_open; /* at least those of the host */
	uint64_t spent_until_ns; /* the latest of all workers, by this worker's clock */
};

/* Adds what the other workers count to @t. @source: the host; NULL: it is left out. */
void totals_add_others(const struct context *ctx, uint16_t site, const struct source *source,
		       struct totals *t);

/* What @site and its host @source use. */
static ALWAYS_INLINE struct totals totals_of(const struct context *ctx, uint16_t site,
					     const struct source *source)
{
	const struct site_use *use = &ctx->sites[site];
	struct totals t = {
		.flows = use->counters.flows,
		.half_open = use->counters.half_open,
		.source_flows = source_flows(source),
		.source_half_open = source_half_open(source),
		.spent_until_ns = use->spent_until_ns,
	};

	if (__builtin_expect(ctx->count > 1, 0))
		totals_add_others(ctx, site, source, &t);
	return t;
}

/* The half-open connections of @site alone. */
static inline uint64_t totals_half_open(const struct context *ctx, uint16_t site)
{
	struct totals t = {.half_open = ctx->sites[site].counters.half_open};

	if (ctx->count > 1)
		totals_add_others(ctx, site, NULL, &t);
	return t.half_open;
}
