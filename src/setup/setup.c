/*
 * Flow setup: THE table of steps.
 *
 * Runs for packets that belong to no flow. Each packet goes through the steps in order; the first
 * that refuses ends it, and the steps before it are undone in reverse. What is decided here is never
 * asked again for the life of the flow.
 *
 * All packets of a burst go through the first steps before one of them goes on: choosing an egress
 * port asks memory for what taking it will look at, and the misses of a burst overlap. From
 * FIRST_ALONE on one packet is finished before the next: it takes a port and a record that the next
 * must see taken. A packet that may belong to a flow which this very burst makes is kept out of the
 * first round and goes through all steps alone, if it still has to.
 */
#include "setup/setup.h"

#include "base/wire.h"

#include <string.h>

/* clang-format off */
static const struct step {
	const char *name;
	enum drop (*run)(struct setup *s);
	void (*undo)(struct setup *s); /* NULL: nothing to undo */
} steps[] = {
	{"start",  start_check,   NULL},
	{"limits", limits_take,   limits_undo},
	{"source", source_check,  NULL},
	{"route",  route_choose,  NULL},
	{"choose", egress_choose, NULL},
	{"take",   egress_take,   egress_undo},
	{"insert", insert_flow,   NULL},
};
/* clang-format on */

enum { STEPS = ARRAY_SIZE(steps), FIRST_ALONE = 5 };

/* Refusals that the sender is told about; all others are silent. */
static int answer_to(enum drop drop)
{
	return drop == DROP_NO_ROUTE ? (int)ANSWER_UNREACHABLE : -1;
}

static void undo_steps(struct setup *s, size_t n)
{
	while (n-- > 0) {
		if (steps[n].undo != NULL)
			steps[n].undo(s);
	}
}

/* Steps from @first up to @end; a refusal undoes all that were run, earlier ones included. */
static enum drop run_steps(struct setup *s, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		enum drop drop = steps[i].run(s);

		if (drop != DROP_NONE) {
			undo_steps(s, i);
			return drop;
		}
	}
	return DROP_NONE;
}

enum drop insert_flow(struct setup *s)
{
	s->flow.seen_s = s->lane->now_s;
	s->record = flow_table_insert_hashed(s->lane->flows, &s->flow, s->p->probe.hash,
					     s->return_hash);
	if (s->record == FLOW_NO_RECORD)
		return DROP_TABLE_FULL;
	s->lane->counters.flows_created++;
	return DROP_NONE;
}

/* A ping to our own address inside the tunnel is for the gateway itself. */
static bool is_for_gateway(const struct lane *lane, const struct packet *p)
{
	return p->tunnel != TUNNEL_NONE && p->probe.key.proto == PROTO_ICMP &&
	       p->probe.key.dst == lane->net->tunnels[p->tunnel].address &&
	       p->data[p->l4 + ICMP_TYPE] == ICMP_ECHO_REQUEST;
}

void setup_flow_ended(struct lane *lane, const struct flow *flow)
{
	egress_release(lane, flow);
	limits_release(lane, flow);
	lane->counters.flows_ended++;
}

static void refuse(struct burst *b, struct packet *p, enum drop drop)
{
	if (answer_to(drop) >= 0)
		burst_answer(b, p, (enum answer)answer_to(drop));
	else
		burst_drop(b, p, drop);
}

/* Flows of this burst, by some bits of their hash: may an earlier packet open the same flow? */
struct seen {
	uint64_t bits[16];
};

static bool seen_before(struct seen *seen, uint64_t hash)
{
	uint64_t *word = &seen->bits[hash >> 60], bit = UINT64_C(1) << (hash >> 54 & 63);
	bool before = *word & bit;

	*word |= bit;
	return before;
}

/* The first steps for the whole burst. Writes who goes on, returns how many. */
static unsigned prepare(struct lane *lane, struct burst *b, struct setup *setups)
{
	struct seen seen = {0};
	unsigned n = 0;

	for (unsigned i = 0; i < b->n[STAGE_SETUP]; i++) {
		struct packet *p = b->list[STAGE_SETUP][i];
		struct setup *s = &setups[n];
		enum drop drop;

		if (is_for_gateway(lane, p)) {
			burst_answer(b, p, ANSWER_ECHO);
			continue;
		}
		*s = (struct setup){.lane = lane, .p = p};
		s->next_step = seen_before(&seen, p->probe.hash) ? 0 : FIRST_ALONE;
		drop = run_steps(s, 0, s->next_step);
		if (drop == DROP_NONE)
			n++;
		else
			refuse(b, p, drop);
	}
	return n;
}

static bool is_open_now(struct lane *lane, struct packet *p)
{
	struct flow_probe *probe = &p->probe;

	flow_table_lookup(lane->flows, &probe, 1);
	return probe->record != FLOW_NO_RECORD;
}

void stage_setup(struct lane *lane, struct burst *b)
{
	struct setup setups[BURST_MAX];
	unsigned n = prepare(lane, b, setups);

	for (unsigned i = 0; i < n; i++) {
		struct setup *s = &setups[i];
		enum drop drop;

		if (s->next_step == 0 && is_open_now(lane, s->p)) {
			burst_pass(b, STAGE_FOLLOW, s->p);
			continue;
		}
		drop = run_steps(s, s->next_step, STEPS);
		if (drop != DROP_NONE) {
			refuse(b, s->p, drop);
			continue;
		}
		s->p->probe.record = s->record;
		s->p->probe.dir = FLOW_FORWARD;
		burst_pass(b, STAGE_FOLLOW, s->p);
	}
}
