/*
 * Room: see room.h.
 *
 * After lookup, a packet refers to its flow by record number until the end of the burst. Such a
 * record must not be given to another flow meanwhile, or the packet would be forwarded by that
 * flow. So before the first flow is ended in a burst, the record numbers of the burst's packets are
 * marked in a bitmap, by ten bits of the number. If two numbers share a bit, a flow only ends one
 * burst later.
 */
#include "setup/room.h"

#include <string.h>

/* The word of the bitmap that holds the bit of @record. */
static uint64_t *met_word(struct room *r, bool six, uint32_t record)
{
	return &r->met[six][record >> 6 & 15];
}

static void note_list(struct room *r, bool six, enum stage stage)
{
	const struct burst *b = r->burst;

	for (unsigned i = 0; i < b->n[stage]; i++) {
		uint32_t record = b->list[stage][i]->probe.record;

		*met_word(r, six, record) |= UINT64_C(1) << (record & 63);
	}
}

/*
 * Marks the packets of the lists whose packets refer to a flow's record. The list of ICMP errors is
 * for both families; a mark too many only lets a flow end one burst later.
 */
static void note_met(struct room *r, bool six)
{
	memset(r->met[six], 0, sizeof(r->met[six]));
	note_list(r, six, six ? STAGE_FORWARD6 : STAGE_FORWARD);
	note_list(r, six, STAGE_REWRITE_EMBEDDED);
	r->knows_met[six] = true;
}

static bool is_met(struct room *r, bool six, uint32_t record)
{
	if (r->burst == NULL)
		return false;
	if (!r->knows_met[six])
		note_met(r, six);
	return *met_word(r, six, record) >> (record & 63) & 1;
}

void room_begin(struct context *ctx, const struct burst *b, unsigned n)
{
	ctx->room.burst = b;
	ctx->room.first_packets = (uint16_t)n;
	ctx->room.sweeps = 0;
	ctx->room.spills = 0;
	ctx->room.knows_met[0] = ctx->room.knows_met[1] = false;
}

unsigned room_share(const struct context *ctx)
{
	unsigned n = ctx->room.first_packets;

	return n <= 1 ? LOOKS_PER_BURST : LOOKS_PER_BURST >> (32 - __builtin_clz(n - 1));
}

bool room_may_end(struct context *ctx, bool six, uint32_t record)
{
	return !is_met(&ctx->room, six, record);
}

static enum flow_end end_flow(struct context *ctx, const struct flow *flow, const struct flow6 *six,
			      uint32_t record)
{
	if (is_met(&ctx->room, six != NULL, record))
		return FLOW_END_KEEP;
	return setup_flow_ended(ctx, flow, six) ? FLOW_END_REST : FLOW_END_REMOVE;
}

static enum flow_end end_flow4(void *arg, struct flow *flow, uint32_t record)
{
	return end_flow(arg, flow, NULL, record);
}

static enum flow_end end_flow6(void *arg, struct flow *flow, uint32_t record)
{
	struct context *ctx = arg;

	return end_flow(ctx, flow, flow6_at(ctx->flows6, record), record);
}

static struct flow_table *table_of(const struct context *ctx, bool six)
{
	return six ? ctx->flows6 : ctx->flows;
}

bool room_end_flow(struct context *ctx, bool six, uint32_t record)
{
	struct flow_table *t = table_of(ctx, six);
	struct flow *flow = flow_table_at(t, record);

	if (flow->state == FLOW_RESTING) {
		flow_table_wake(t, record);
		return true;
	}
	if ((six ? end_flow6 : end_flow4)(ctx, flow, record) == FLOW_END_KEEP)
		return false;
	flow_table_remove(t, record);
	return true;
}

void room_end_for_change(struct context *ctx, bool six, uint32_t record)
{
	struct flow_table *t = table_of(ctx, six);
	struct flow *flow = flow_table_at(t, record);
	enum flow_end how = (six ? end_flow6 : end_flow4)(ctx, flow, record);

	assert(how != FLOW_END_KEEP);
	if (how == FLOW_END_REMOVE) {
		flow_table_remove(t, record);
		return;
	}
	flow_table_rest(t, record, ctx->now_s);
	if (!network_has_site(ctx->net, flow->site))
		flow_disown(flow);
}

static void room_wake(struct context *ctx, bool six, uint32_t record)
{
	struct flow_table *t = table_of(ctx, six);

	release_rested(ctx, flow_table_at(t, record), six ? flow6_at(t, record) : NULL);
	flow_table_wake(t, record);
}

bool room_wake_oldest(struct context *ctx, bool six)
{
	uint32_t record = flow_table_resting(table_of(ctx, six));

	if (record == FLOW_NO_RECORD)
		return false;
	room_wake(ctx, six, record);
	ctx->counters.rests_cut++;
	return true;
}

static void wake_rested(struct context *ctx, bool six, unsigned n)
{
	const struct flow_table *t = table_of(ctx, six);

	for (unsigned i = 0; i < n; i++) {
		uint32_t record = flow_table_resting(t);

		if (record == FLOW_NO_RECORD ||
		    ctx->now_s - flow_table_at(t, record)->seen_s <= ctx->rest_s)
			return;
		room_wake(ctx, six, record);
	}
}

unsigned room_sweep(struct context *ctx, bool six, unsigned n)
{
	if (six && ctx->flows6 == NULL)
		return 0;
	wake_rested(ctx, six, n);
	return flow_table_sweep(table_of(ctx, six), ctx->now_s, n, &ctx->timers,
				six ? end_flow6 : end_flow4, ctx);
}

bool room_make(struct setup *s)
{
	struct room *r = &s->ctx->room;

	if (r->sweeps >= SWEEPS_PER_BURST)
		return false;
	r->sweeps += SWEEPS_PER_PACKET;
	return room_sweep(s->ctx, s->six != NULL, SWEEPS_PER_PACKET) > 0;
}
