/*
 * Room: see room.h.
 *
 * A packet that met its flow at lookup knows it by its record's number until the end of the burst.
 * Such a record must not be given to another flow meanwhile, or the packet would follow that one:
 * so before the first flow of a burst is ended, the numbers that its packets carry are noted, by
 * ten bits each. Two numbers that look alike only mean that a flow ends a burst later.
 */
#include "setup/room.h"

#include <string.h>

/* Bit of @record: word and bit in it. */
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

/* The lists in which packets wait that know their flow's record. */
static void note_met(struct room *r, bool six)
{
	memset(r->met[six], 0, sizeof(r->met[six]));
	note_list(r, six, six ? STAGE_FOLLOW6 : STAGE_FOLLOW);
	note_list(r, six, six ? STAGE_REQUOTE6 : STAGE_REQUOTE);
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

void room_begin(struct lane *lane, const struct burst *b, unsigned n)
{
	lane->room.burst = b;
	lane->room.first_packets = (uint16_t)n;
	lane->room.sweeps = 0;
	lane->room.knows_met[0] = lane->room.knows_met[1] = false;
}

unsigned room_share(const struct lane *lane)
{
	unsigned n = lane->room.first_packets;

	return n <= 1 ? LOOKS_PER_BURST : LOOKS_PER_BURST >> (32 - __builtin_clz(n - 1));
}

bool room_may_end(struct lane *lane, bool six, uint32_t record)
{
	return !is_met(&lane->room, six, record);
}

static enum flow_end end_flow(struct lane *lane, const struct flow *flow, const struct flow6 *six,
			      uint32_t record)
{
	if (is_met(&lane->room, six != NULL, record))
		return FLOW_END_KEEP;
	return setup_flow_ended(lane, flow, six) ? FLOW_END_REST : FLOW_END_REMOVE;
}

static enum flow_end end_flow4(void *arg, struct flow *flow, uint32_t record)
{
	return end_flow(arg, flow, NULL, record);
}

static enum flow_end end_flow6(void *arg, struct flow *flow, uint32_t record)
{
	struct lane *lane = arg;

	return end_flow(lane, flow, flow6_at(lane->flows6, record), record);
}

static struct flow_table *table_of(const struct lane *lane, bool six)
{
	return six ? lane->flows6 : lane->flows;
}

bool room_end_flow(struct lane *lane, bool six, uint32_t record)
{
	struct flow_table *t = table_of(lane, six);
	struct flow *flow = flow_table_at(t, record);

	if (flow->state == FLOW_RESTING) {
		flow_table_wake(t, record);
		return true;
	}
	if ((six ? end_flow6 : end_flow4)(lane, flow, record) == FLOW_END_KEEP)
		return false;
	flow_table_remove(t, record);
	return true;
}

static void wake(struct lane *lane, bool six, uint32_t record)
{
	struct flow_table *t = table_of(lane, six);

	egress_rested(lane, flow_table_at(t, record), six ? flow6_at(t, record) : NULL);
	flow_table_wake(t, record);
}

bool room_wake_oldest(struct lane *lane, bool six)
{
	uint32_t record = flow_table_resting(table_of(lane, six));

	if (record == FLOW_NO_RECORD)
		return false;
	wake(lane, six, record);
	lane->counters.rests_cut++;
	return true;
}

static void wake_rested(struct lane *lane, bool six, unsigned n)
{
	const struct flow_table *t = table_of(lane, six);

	for (unsigned i = 0; i < n; i++) {
		uint32_t record = flow_table_resting(t);

		if (record == FLOW_NO_RECORD ||
		    lane->now_s - flow_table_at(t, record)->seen_s <= lane->rest_s)
			return;
		wake(lane, six, record);
	}
}

unsigned room_sweep(struct lane *lane, bool six, unsigned n)
{
	if (six && lane->flows6 == NULL)
		return 0;
	wake_rested(lane, six, n);
	return flow_table_sweep(table_of(lane, six), lane->now_s, n, &lane->timers,
				six ? end_flow6 : end_flow4, lane);
}

bool room_make(struct setup *s)
{
	struct room *r = &s->lane->room;

	if (r->sweeps >= SWEEPS_PER_BURST)
		return false;
	r->sweeps += SWEEPS_PER_PACKET;
	return room_sweep(s->lane, s->six != NULL, SWEEPS_PER_PACKET) > 0;
}
