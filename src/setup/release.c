/*
 * Giving back the egress port of a flow: its setup failed, it has ended, or its rest is over.
 *
 * In a pool that shares ports, the port is free when the return key leaves the flow table. So here
 * the flow is no longer counted on its port, and a shortage that waits for the port hears of it. A
 * port that must rest keeps its record (flow/flow.h). In an endpoint-independent pool the mapping
 * has the port, and rests itself.
 */
#include "setup/mapping.h"
#include "setup/ports.h"
#include "setup/shortage.h"
#include "setup/slices.h"

/* @is_over: the flow has ended; false: its setup failed. True: its record must rest. */
static bool release_give_back(struct setup *s, bool is_over)
{
	struct context *ctx = s->ctx;
	const struct network *net = ctx->net;
	const struct pool *pool = &net->pools[net->slices[s->slice].pool];
	bool rests = is_over && ports_have_to_rest(ctx, &s->flow);

	slices_count_flow(s, -1);
	if (pool->mapping == MAPPING_ENDPOINT_INDEPENDENT) {
		mappings_give(ctx->egress->mappings, ctx->flows, net, s->slice, &s->flow,
			      rests ? ctx->now_s + ctx->rest_s : 0);
		return false;
	}
	if (!rests && shortages_are_known(ctx->egress->shortages, ctx->now_s))
		shortage_port_freed(s);
	return rests;
}

void release_undo(struct setup *s)
{
	if (!s->is_global && !s->keeps_source) /* these have no egress port */
		release_give_back(s, false);
}

/*
 * Completes @s for the flow in it, as setup had it; @addresses is room for a copy of @six. False:
 * the flow is untranslated, or its slice was removed.
 */
static bool release_find(struct setup *s, const struct flow6 *six, struct flow6 *addresses)
{
	int slice = slices_find(s->ctx, &s->flow, six);

	if (slice < 0)
		return false;
	s->slice = (uint32_t)slice;
	if (six != NULL) {
		*addresses = *six;
		s->six = addresses;
	}
	return true;
}

bool release_port(struct context *ctx, const struct flow *flow, const struct flow6 *six)
{
	struct setup s = {.ctx = ctx, .flow = *flow};
	struct flow6 addresses;

	if (flow->far != SITE_INTERNET || flow->way == FLOW_WAY_UNTRANSLATED) {
		private_count(ctx, flow, -1);
		return false;
	}
	if (release_find(&s, six, &addresses))
		return release_give_back(&s, true);
	if (six == NULL)
		mappings_lose(ctx->egress->mappings, ctx->flows, flow);
	return false;
}

void release_rested(struct context *ctx, const struct flow *flow, const struct flow6 *six)
{
	struct setup s = {.ctx = ctx, .flow = *flow};
	struct flow6 addresses;

	if (shortages_are_known(ctx->egress->shortages, ctx->now_s) &&
	    release_find(&s, six, &addresses))
		shortage_port_freed(&s);
}
