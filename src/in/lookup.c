/*
 * Lookup: the stage in which a packet meets its flow. A hit goes on to forward, a miss to setup;
 * with several workers it asks the others first (ask.c).
 */
#include "in/stages.h"

void stage_lookup(struct context *ctx, struct burst *b)
{
	struct packet *const *list = b->list[STAGE_LOOKUP];
	enum stage miss = ctx->count > 1 ? STAGE_ASK : STAGE_SETUP;
	struct flow_probe *probes[BURST_MAX];
	unsigned n = b->n[STAGE_LOOKUP];

	for (unsigned i = 0; i < n; i++)
		probes[i] = &list[i]->probe;
	flow_table_lookup(ctx->flows, probes, n);
	for (unsigned i = 0; i < n; i++)
		burst_pass(b, list[i]->probe.record == FLOW_NO_RECORD ? miss : STAGE_FORWARD,
			   list[i]);
}

void stage_lookup6(struct context *ctx, struct burst *b)
{
	struct packet *const *list = b->list[STAGE_LOOKUP6];
	enum stage miss = ctx->count > 1 ? STAGE_ASK6 : STAGE_SETUP6;
	const struct flow6_key *keys[BURST_MAX];
	struct flow_probe *probes[BURST_MAX];
	unsigned n = b->n[STAGE_LOOKUP6];

	for (unsigned i = 0; i < n; i++) {
		keys[i] = burst_key6(b, list[i]);
		probes[i] = &list[i]->probe;
	}
	flow6_table_lookup(ctx->flows6, keys, probes, n);
	for (unsigned i = 0; i < n; i++)
		burst_pass(b, list[i]->probe.record == FLOW_NO_RECORD ? miss : STAGE_FORWARD6,
			   list[i]);
}
