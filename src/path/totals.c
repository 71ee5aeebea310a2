/*
 * Totals: see totals.h.
 *
 * All workers find a host's counters by the same hash, so counters of one place are added, and the
 * smaller of the two sums counts (sources.h). The token bucket of a site is one number, of which
 * each worker has a copy: the latest one is the site's. Two workers that take a token in the same
 * moment may take the same one.
 */
#include "path/totals.h"

static uint64_t read_counter(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* Adds up the host's counters of one row. */
static uint64_t sum_row(const struct context *ctx, const struct source *source, unsigned row)
{
	ptrdiff_t place = source->count[row] - ctx->sources->rows[row];
	uint64_t sum = 0;

	for (uint16_t i = 0; i < ctx->count; i++)
		sum += read_counter(&ctx->workers[i]->sources->rows[row][place].both);
	return sum;
}

static void add_host(const struct context *ctx, const struct source *source, struct totals *t)
{
	uint64_t a = sum_row(ctx, source, 0), b = sum_row(ctx, source, 1);
	uint32_t flows = (uint32_t)a < (uint32_t)b ? (uint32_t)a : (uint32_t)b;

	t->source_flows = flows;
	t->source_half_open = (uint32_t)((a < b ? a : b) >> 32);
}

void totals_add_others(const struct context *ctx, uint16_t site, const struct source *source,
		       struct totals *t)
{
	for (uint16_t i = 0; i < ctx->count; i++) {
		const struct context *other = ctx->workers[i];
		const struct site_use *use = &other->sites[site];
		uint64_t spent_ns;

		if (i == ctx->index)
			continue;
		t->flows += read_counter(&use->counters.flows);
		t->half_open += read_counter(&use->counters.half_open);
		spent_ns = read_counter(&use->spent_until_ns);
		if (spent_ns == 0)
			continue;
		spent_ns += other->origin_ns - ctx->origin_ns;
		if ((int64_t)(spent_ns - t->spent_until_ns) > 0)
			t->spent_until_ns = spent_ns;
	}
	if (source != NULL)
		add_host(ctx, source, t);
}
