/*
 * Flow setup from outside: the first packet from the Internet to the egress port of a mapping.
 *
 * Only in a pool with "filtering: endpoint-independent" (RFC 4787 section 5). The port has one
 * inner endpoint, which gets the flow: its site, by the tunnel of the endpoint's last flow. The
 * record is the same as if the site had begun the flow, and it counts for the site's limits. Only
 * the TCP state tells which side began.
 *
 * A packet to a port without a mapping is dropped: no_flow. So is every ICMP query: its identifier
 * names no service, and RFC 5508 REQ-1 concerns only queries from inside. Refusals are not reported
 * to the outside.
 */
#include "base/wire.h"
#include "setup/room.h"

/* Only hairpinned packets have one of our own ports as source. */
static bool is_forged(const struct context *ctx, const struct packet *p)
{
	const struct flow_key *key = &p->probe.key;

	return p->in_port != PORT_BACK_IN &&
	       network_find_pool(ctx->net, key->src, ntohs(key->sport)) != NULL;
}

/* The first state of the flow, by the transport; FLOW_FREE: the packet cannot open a flow. */
static uint8_t first_state(const struct packet *p)
{
	if (p->probe.key.proto == PROTO_UDP)
		return FLOW_UDP;
	if (p->probe.key.proto == PROTO_TCP && start_check_tcp(p->tcp_flags) == DROP_NONE)
		return FLOW_TCP_SYN_RECEIVED;
	return FLOW_FREE;
}

static enum drop inbound_start(struct setup *s)
{
	const struct packet *p = s->p;
	const struct flow_key *key = &p->probe.key;

	s->flow.state = first_state(p);
	if (s->flow.state == FLOW_FREE)
		return DROP_NO_FLOW;
	if (!network_lets_in(s->ctx->net, key->dst, ntohs(key->dport)))
		return DROP_NO_FLOW;
	if (is_forged(s->ctx, p))
		return DROP_MARTIAN;
	s->flow.dst = key->src;
	s->flow.dport = key->sport;
	s->flow.nat_src = key->dst;
	s->flow.nat_port = key->dport;
	s->flow.proto = key->proto;
	if (s->flow.state == FLOW_TCP_SYN_RECEIVED)
		s->flow.tcp_ack = htonl(ntohl(wire_be32(p->data + p->l4 + TCP_SEQ)) + 1);
	return endpoint_find_home(s) ? DROP_NONE : DROP_NO_FLOW;
}

/* Its packets leave by the uplink of their pool, whatever the routes of the virtual network. */
static enum drop route_back(struct setup *s)
{
	s->pool = network_find_pool(s->ctx->net, s->flow.nat_src, ntohs(s->flow.nat_port));
	return s->pool == NULL ? DROP_NO_ROUTE : route_outward(s);
}

/* The lookup has hashed the return key; the forward key has no hash yet. */
static enum drop insert(struct setup *s)
{
	struct flow_table *flows = s->ctx->flows;
	struct flow_key forward;
	uint64_t hash;

	flow_forward_key(&s->flow, &forward);
	hash = flow_table_prefetch(flows, &forward);
	if (flow_table_has_hashed(flows, &forward, hash))
		return DROP_NO_FLOW; /* the destination is behind another port of ours */
	s->flow.seen_s = s->ctx->now_s;
	s->record = flow_table_insert_hashed(flows, &s->flow, hash, s->p->probe.hash);
	if (s->record == FLOW_NO_RECORD && room_wake_oldest(s->ctx, false))
		s->record = flow_table_insert_hashed(flows, &s->flow, hash, s->p->probe.hash);
	if (s->record == FLOW_NO_RECORD)
		return DROP_TABLE_FULL;
	setup_flow_begun(s->ctx, &s->flow, NULL);
	return DROP_NONE;
}

/* As in setup.c. */
static const struct {
	enum drop (*run)(struct setup *s);
	void (*undo)(struct setup *s);
} steps[] = {
	{inbound_start, NULL}, {limits_take_from_outside, limits_undo}, {source_check, NULL},
	{route_back, NULL},    {endpoint_take_home, release_undo},	{insert, NULL},
};

static enum drop inbound_run_steps(struct setup *s)
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

bool inbound_is_open(const struct context *ctx)
{
	return ctx->net->lets_in;
}

void inbound_open(struct context *ctx, struct burst *b, struct packet *p)
{
	struct setup s = {.ctx = ctx, .p = p};
	struct flow_probe *probe = &p->probe;
	enum drop drop;

	flow_table_lookup(ctx->flows, &probe, 1); /* may be open by an earlier packet */
	if (probe->record == FLOW_NO_RECORD) {
		drop = inbound_run_steps(&s);
		if (drop != DROP_NONE) {
			burst_drop(b, p, drop);
			return;
		}
		probe->record = s.record;
		probe->dir = FLOW_RETURN;
	}
	burst_pass(b, STAGE_FORWARD, p);
}
