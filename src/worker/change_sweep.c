/*
 * Sweeps: see change_sweep.h.
 *
 * Flows first, then mappings: a mapping that loses its last flow rests, and resting mappings are
 * visited, too.
 */
#include "worker/change_sweep.h"

#include "path/resolve.h"
#include "setup/change.h"
#include "setup/setup.h"

enum {
	PART_FLOWS,
	PART_FLOWS6,
	PART_MAPPINGS, /* last: ended flows leave resting mappings */
	END_COST = 8, /* ending a flow costs as much as visiting this many records */
};

static void end(struct context *ctx, struct change_sweep *s, bool six, enum ended why)
{
	room_end_for_change(ctx, six, s->at);
	s->ended[why]++;
	ctx->counters.flows_ended_by[why]++;
}

static void look_at_resting(struct context *ctx, const struct change_sweep *s, struct flow *f,
			    const struct flow6 *addresses)
{
	if (!change_owns_port(ctx->net, f, addresses))
		flow_table_wake(addresses != NULL ? ctx->flows6 : ctx->flows, s->at);
	else if (!network_has_site(ctx->net, f->site))
		flow_disown(f);
}

static void change_sweep_look(struct context *ctx, struct change_sweep *s, bool six, unsigned *n)
{
	struct flow *f = flow_table_at(six ? ctx->flows6 : ctx->flows, s->at);
	const struct flow6 *addresses = six ? flow6_at(ctx->flows6, s->at) : NULL;
	struct change_verdict v;

	if (f->state == FLOW_FREE)
		return;
	if (f->state == FLOW_RESTING) {
		look_at_resting(ctx, s, f, addresses);
		return;
	}
	v = change_judge(ctx->net, f, addresses);
	if (v.ended != ENDED_NOT) {
		end(ctx, s, six, v.ended);
		*n -= *n < END_COST ? *n : END_COST;
		return;
	}
	if (v.onramp != f->onramp || v.offramp != f->offramp) {
		f->onramp = v.onramp;
		f->offramp = v.offramp;
		s->moved++;
		ctx->counters.flows_moved++;
	}
	resolve_follow_uplink(ctx, f, addresses);
}

static bool step_flows(struct context *ctx, struct change_sweep *s, unsigned *n)
{
	bool six = s->part == PART_FLOWS6;
	struct flow_table *t = six ? ctx->flows6 : ctx->flows;

	for (; *n > 0 && t != NULL && s->at < flow_table_used(t); s->at++) {
		--*n;
		change_sweep_look(ctx, s, six, n);
	}
	return t == NULL || s->at >= flow_table_used(t);
}

bool change_sweep_step(struct context *ctx, struct change_sweep *s, unsigned n)
{
	room_begin(ctx, NULL, 0); /* no packet is in flight */
	for (; s->part < PART_MAPPINGS; s->part++, s->at = 0) {
		if (!step_flows(ctx, s, &n))
			return false;
	}
	return endpoint_follow_change(ctx, &s->at, n);
}
