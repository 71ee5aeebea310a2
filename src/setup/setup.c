/*
 * Flow setup: THE table of steps.
 *
 * Runs for packets that belong to no flow. Each packet goes through the steps in order; the first
 * that refuses ends it, and the steps before it are undone in reverse. What is decided here is never
 * asked again for the life of the flow.
 */
#include "setup/setup.h"

#include "base/wire.h"

static const struct step {
	const char *name;
	enum drop (*run)(struct setup *s);
	void (*undo)(struct setup *s); /* NULL: nothing to undo */
} steps[] = {
	{"start", start_check, NULL},	      {"limits", limits_take, limits_undo},
	{"source", source_check, NULL},	      {"route", route_choose, NULL},
	{"egress", egress_take, egress_undo}, {"insert", insert_flow, NULL},
};

/* Refusals that the sender is told about; all others are silent. */
static int answer_to(enum drop drop)
{
	return drop == DROP_NO_ROUTE ? (int)ANSWER_UNREACHABLE : -1;
}

static enum drop run_steps(struct setup *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		enum drop drop = steps[i].run(s);

		if (drop == DROP_NONE)
			continue;
		while (i-- > 0) {
			if (steps[i].undo != NULL)
				steps[i].undo(s);
		}
		return drop;
	}
	return DROP_NONE;
}

enum drop insert_flow(struct setup *s)
{
	s->flow.seen_s = s->lane->now_s;
	s->record = flow_table_insert(s->lane->flows, &s->flow);
	if (s->record == FLOW_NO_RECORD)
		return DROP_TABLE_FULL;
	s->lane->counters.flows_created++;
	return DROP_NONE;
}

void setup_flow_ended(struct lane *lane, const struct flow *flow)
{
	egress_release(lane, flow);
	limits_release(lane, flow);
	lane->counters.flows_ended++;
}

/* A ping to our own address inside the tunnel is for the gateway itself. */
static bool is_for_gateway(const struct lane *lane, const struct packet *p)
{
	return p->tunnel != TUNNEL_NONE && p->probe.key.proto == PROTO_ICMP &&
	       p->probe.key.dst == lane->net->tunnels[p->tunnel].address &&
	       p->data[p->l4 + ICMP_TYPE] == ICMP_ECHO_REQUEST;
}

/* An earlier packet of this burst may have opened the flow. */
static bool is_open_now(struct lane *lane, struct packet *p)
{
	struct flow_probe *probe = &p->probe;

	flow_table_lookup(lane->flows, &probe, 1);
	return probe->record != FLOW_NO_RECORD;
}

void stage_setup(struct lane *lane, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_SETUP]; i++) {
		struct packet *p = b->list[STAGE_SETUP][i];
		struct setup s = {.lane = lane, .p = p};
		enum drop drop;

		if (is_for_gateway(lane, p)) {
			burst_answer(b, p, ANSWER_ECHO);
			continue;
		}
		if (is_open_now(lane, p)) {
			burst_pass(b, STAGE_FOLLOW, p);
			continue;
		}
		drop = run_steps(&s);
		if (drop == DROP_NONE) {
			p->probe.record = s.record;
			p->probe.dir = FLOW_FORWARD;
			burst_pass(b, STAGE_FOLLOW, p);
		} else if (answer_to(drop) >= 0) {
			burst_answer(b, p, (enum answer)answer_to(drop));
		} else {
			burst_drop(b, p, drop);
		}
	}
}
