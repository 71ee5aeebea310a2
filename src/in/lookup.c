/*
 * Lookup: the stage in which a packet meets its flow. A hit goes on to forward, a miss to setup;
 * with several workers it asks the others first (ask.c).
 */
#include "in/stages.h"

#include "path/family.h"

static ALWAYS_INLINE void lookup_all(struct context *ctx, struct burst *b, const struct family *y)
{
	struct packet *const *list = b->list[y->lookup];
	const struct flow6_key *keys[BURST_MAX];
	struct flow_probe *probes[BURST_MAX];
	enum stage miss = ctx->count > 1 ? y->ask : y->setup;
	unsigned n = b->n[y->lookup];

	for (unsigned i = 0; i < n; i++) {
		if (y->six)
			keys[i] = burst_key6(b, list[i]);
		probes[i] = &list[i]->probe;
	}
	if (y->six)
		flow6_table_lookup(ctx->flows6, keys, probes, n);
	else
		flow_table_lookup(ctx->flows, probes, n);
	for (unsigned i = 0; i < n; i++)
		burst_pass(b, list[i]->probe.record == FLOW_NO_RECORD ? miss : y->forward, list[i]);
}

void stage_lookup(struct context *ctx, struct burst *b)
{
	lookup_all(ctx, b, &family4);
}

void stage_lookup6(struct context *ctx, struct burst *b)
{
	lookup_all(ctx, b, &family6);
}
