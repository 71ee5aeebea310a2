/*
 * Flow setup: THE table of steps.
 *
 * Runs for packets that belong to no flow. Each packet goes through the steps in order; the first
 * that refuses ends it, and the steps before it are undone in reverse. These decisions hold for the
 * life of the flow.
 *
 * All packets of a burst pass the first steps before any goes on: choosing an egress port
 * prefetches what taking it will read, so the cache misses of a burst overlap. From FIRST_ALONE on,
 * each packet is finished before the next one, which must see the port and record that it took. A
 * packet that may belong to a flow made by this burst is not in the first round; it passes all
 * steps alone, if it still has no flow. So do all packets if the Internet may open flows
 * (inbound.c): one flow could begin from both sides in one burst.
 */
#include "setup/setup.h"

#include "answer/errors.h"
#include "base/wire.h"
#include "flow/remotes.h"
#include "path/deliver.h"
#include "path/family.h"
#include "path/prefetch.h"
#include "path/resolve.h"
#include "setup/room.h"

#include <string.h>

/* clang-format off */
static const struct step {
	const char *name;
	enum drop (*run)(struct setup *s);
	enum drop (*run6)(struct setup *s); /* for IPv6 */
	void (*undo)(struct setup *s); /* NULL: nothing to undo */
} steps[] = {
	{"start",  start_check,   start_check,   NULL},
	{"limits", limits_take,   limits_take,   limits_undo},
	{"source", source_check,  source6_check, NULL},
	{"route",  route_choose,  route6_choose, NULL},
	{"choose", choice_propose, global_propose, NULL},
	{"take",   choice_take,   global_take,   release_undo},
	{"insert", insert_flow,   insert_flow6,  NULL},
};
/* clang-format on */

enum { STEPS = ARRAY_SIZE(steps), FIRST_ALONE = 5 };

enum { SPILLS_PER_BURST = 8 };

/*
 * Refusals that the sender gets an answer for. All others are silent: their entry is 0, ANSWER_ARP,
 * which is no refusal.
 */
static const uint8_t answers[DROP_COUNT] = {
	[DROP_NO_ROUTE] = ANSWER_UNREACHABLE,
	[DROP_OWN_SITE] = ANSWER_UNREACHABLE,
	[DROP_RETURN_ROUTE] = ANSWER_UNREACHABLE,
	[DROP_PORT_DOWN] = ANSWER_UNREACHABLE,
	[DROP_ROUTE_UNREACHABLE] = ANSWER_ROUTE_UNREACHABLE,
	[DROP_ROUTE_PROHIBITED] = ANSWER_ROUTE_PROHIBITED,
	/* RFC 6888 REQ-11: host unreachable; RFC 5508 REQ-8: prohibited */
	[DROP_EGRESS_EXHAUSTED] = ANSWER_EXHAUSTED,
	[DROP_TABLE_FULL] = ANSWER_EXHAUSTED,
	[DROP_SITE_FLOWS] = ANSWER_LIMITED,
	[DROP_HALF_OPEN] = ANSWER_LIMITED,
	[DROP_SITE_RATE] = ANSWER_LIMITED,
	[DROP_SOURCE_FLOWS] = ANSWER_LIMITED,
	[DROP_SOURCE] = ANSWER_PROHIBITED,
	[DROP_COLLISION] = ANSWER_EXHAUSTED,
	[DROP_PROTOCOL] = ANSWER_PROTOCOL,
	[DROP_PROTOCOL_BUSY] = ANSWER_PROTOCOL,
};

static void undo_steps(struct setup *s, size_t n)
{
	while (n-- > 0) {
		if (steps[n].undo != NULL)
			steps[n].undo(s);
	}
}

/*
 * Runs the steps from @first up to, not including, @end. A refusal undoes all steps that were run,
 * also those before @first.
 */
static ALWAYS_INLINE enum drop setup_run_steps(struct setup *s, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		enum drop drop = (s->six == NULL ? steps[i].run : steps[i].run6)(s);

		if (drop != DROP_NONE) {
			undo_steps(s, i);
			return drop;
		}
	}
	return DROP_NONE;
}

/* Place in the remotes of the flow's two outer addresses. */
static ALWAYS_INLINE uint32_t remotes_of(const struct remotes *r, const struct flow *flow,
					 const struct flow6 *six)
{
	if (six == NULL)
		return remotes_place(r, flow->nat_src, flow->dst);
	return remotes_place6(r, &six->nat_src, &six->dst);
}

static ALWAYS_INLINE void begun(struct context *ctx, const struct flow *flow,
				const struct flow6 *six)
{
	remotes_add(ctx->remotes, remotes_of(ctx->remotes, flow, six));
	ctx->counters.flows_created++;
}

void setup_flow_adopted(struct context *ctx, const struct flow *flow, const struct flow6 *six)
{
	remotes_add(ctx->remotes, remotes_of(ctx->remotes, flow, six));
	ctx->counters.flows_kept++;
}

void setup_flow_begun(struct context *ctx, const struct flow *flow, const struct flow6 *six)
{
	begun(ctx, flow, six);
}

/* @six is that of the setup, or NULL. */
static ALWAYS_INLINE void insert_once(struct setup *s, const struct flow6 *six)
{
	struct context *ctx = s->ctx;

	s->record = six == NULL ? flow_table_insert_hashed(ctx->flows, &s->flow, s->p->probe.hash,
							   s->return_hash)
				: flow6_table_insert_hashed(ctx->flows6, &s->flow, six,
							    s->p->probe.hash, s->return_hash);
}

/* If no record is free, takes the one that has rested longest. */
static ALWAYS_INLINE enum drop insert(struct setup *s, const struct flow6 *six)
{
	s->flow.seen_s = s->ctx->now_s;
	insert_once(s, six);
	if (__builtin_expect(s->record != FLOW_NO_RECORD, 1))
		return DROP_NONE;
	if (!room_wake_oldest(s->ctx, six != NULL))
		return DROP_TABLE_FULL;
	insert_once(s, six);
	return s->record != FLOW_NO_RECORD ? DROP_NONE : DROP_TABLE_FULL;
}

enum drop setup_insert(struct setup *s)
{
	return insert(s, s->six);
}

static ALWAYS_INLINE enum drop insert_any(struct setup *s, const struct flow6 *six)
{
	enum drop drop = __builtin_expect(s->keeps_source, 0) ? private_insert(s) : insert(s, six);

	if (drop == DROP_NONE)
		begun(s->ctx, &s->flow, six);
	return drop;
}

enum drop insert_flow(struct setup *s)
{
	return insert_any(s, NULL);
}

enum drop insert_flow6(struct setup *s)
{
	return insert_any(s, s->six);
}

/*
 * Where packets to an egress address are hairpinned, a ping has no port that leads to a host: the
 * gateway answers.
 */
static bool is_hairpin_ping(const struct network *net, const struct pool *pool, be32_t dst)
{
	return pool != NULL && pool->mapping == MAPPING_ENDPOINT_INDEPENDENT &&
	       network_find_address(net, dst) >= 0;
}

/*
 * What the gateway itself gets by a tunnel: a ping to its own address there, or an egress one, is
 * answered; BGP goes to the routing daemon.
 */
static bool is_for_gateway(struct context *ctx, struct burst *b, struct packet *p)
{
	bool ours = p->probe.key.dst == ctx->net->tunnels[p->onramp].address;

	if (p->probe.key.proto != PROTO_ICMP)
		return __builtin_expect(ours, 0) && deliver_packet(ctx, b, p, NULL);
	if (p->data[p->l4 + ICMP_TYPE] != ICMP_ECHO_REQUEST ||
	    (!ours && !is_hairpin_ping(ctx->net, ctx->net->sites[p->probe.key.realm].egress,
				       p->probe.key.dst)))
		return false;
	burst_answer(b, p, ANSWER_ECHO);
	return true;
}

static bool is_for_gateway6(struct context *ctx, struct burst *b, struct packet *p,
			    const struct flow6_key *key)
{
	const struct addr6 *ours = &ctx->net->tunnel_addresses6[p->onramp];

	if (!addr6_equal(&key->dst, ours) || addr6_is_zero(ours))
		return false;
	if (key->proto != PROTO_ICMPV6)
		return deliver_packet(ctx, b, p, key);
	if (p->data[p->l4 + ICMP_TYPE] != ICMPV6_ECHO_REQUEST)
		return false;
	burst_answer(b, p, ANSWER_ECHO);
	return true;
}

bool setup_flow_ended(struct context *ctx, const struct flow *flow, const struct flow6 *six)
{
	bool rests = release_port(ctx, flow, six);

	limits_release(ctx, flow, six);
	remotes_remove(ctx->remotes, remotes_of(ctx->remotes, flow, six));
	ctx->counters.flows_ended++;
	return rests;
}

/* A segment from a site that belongs to no known connection. A reset is never answered. */
static bool is_mid_stream(const struct setup *s)
{
	const struct packet *p = s->p;

	if (p->onramp == TUNNEL_NONE || p->probe.key.proto != PROTO_TCP ||
	    (p->tcp_flags & (TCP_RST | TCP_ACK)) != TCP_ACK)
		return false;
	if (s->six == NULL)
		return network_source_allowed(s->ctx->net, p->probe.key.realm, p->probe.key.src);
	return network_find_global(s->ctx->net, &s->six->src) == p->probe.key.realm ||
	       network_source6_allowed(s->ctx->net, p->probe.key.realm, &s->six->src);
}

/*
 * ANSWER_ARP: no answer. Errors are rate limited, so refused packets of a flood are dropped
 * quickly.
 */
static enum answer choose_answer(const struct setup *s, enum drop drop)
{
	struct context *ctx = s->ctx;
	uint16_t realm = s->p->probe.key.realm;

	if (drop == DROP_NO_FLOW && ctx->reset_unknown && is_mid_stream(s))
		return errors_may_reset(ctx, realm) ? ANSWER_RESET : ANSWER_ARP;
	if (drop == DROP_NO_ROUTE && ctx->net->spec.in_between)
		return ANSWER_ARP; /* the egress address is back soon: let the sender try again */
	if (resolve_answer(drop) >= 0 || answers[drop] == ANSWER_ARP)
		return (enum answer)answers[drop];
	return errors_may_refuse(ctx, realm) ? (enum answer)answers[drop] : ANSWER_ARP;
}

/*
 * Can another worker have room for the flow that this one refuses? One tunnel, whose packets all
 * come by one queue, may so use the tables and ports of all workers. Each worker is tried once, and
 * few packets of a burst are passed on, so that a flood is not multiplied.
 */
static bool spill(struct burst *b, const struct setup *s, enum drop drop)
{
	struct context *ctx = s->ctx;
	bool lacks_room =
		drop == DROP_TABLE_FULL || drop == DROP_EGRESS_EXHAUSTED || s->lacks_record;

	if (ctx->count <= 1 || !lacks_room || s->p->onramp == TUNNEL_NONE ||
	    burst_tried(b, s->p) + 1 >= ctx->count || ctx->room.spills >= SPILLS_PER_BURST)
		return false;
	if (s->six == NULL && ctx->net->sites[s->p->probe.key.realm].by_source)
		return false; /* all flows of an endpoint are at one worker */
	ctx->room.spills++;
	ctx->counters.spilled++;
	burst_spill(b, s->p, (uint16_t)(ctx->index + 1 < ctx->count ? ctx->index + 1 : 0));
	return true;
}

static void setup_refuse(struct burst *b, const struct setup *s, enum drop drop)
{
	enum answer answer;

	if (s->is_elsewhere) {
		burst_handover(b, s->p, HANDOVER_TO_PARSE);
		return;
	}
	if (__builtin_expect(spill(b, s, drop), 0))
		return;
	s->ctx->sites[s->p->probe.key.realm].counters.refused += s->lacks_record;
	answer = choose_answer(s, drop);
	if (answers[drop] == ANSWER_EXHAUSTED)
		s->ctx->sites[s->p->probe.key.realm].counters.no_room++;
	if (answer == ANSWER_ARP) {
		burst_drop(b, s->p, drop);
		return;
	}
	s->p->refusal = (uint16_t)drop;
	burst_answer(b, s->p, answer);
}

/*
 * The first packets of this burst, by some bits of their hash: finds those whose flow an earlier
 * packet of the burst may open.
 */
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

/* Begins the setup of a flow. False: the packet was for the gateway, and is dealt with. */
static ALWAYS_INLINE bool setup_begin(struct context *ctx, struct burst *b, struct packet *p,
				      struct setup *s, struct flow6 *six)
{
	const struct flow6_key *key;

	*s = (struct setup){.ctx = ctx, .p = p, .six = six};
	if (six == NULL)
		return p->onramp == TUNNEL_NONE || !is_for_gateway(ctx, b, p);
	key = burst_key6(b, p);
	*six = (struct flow6){.src = key->src, .dst = key->dst};
	return p->onramp == TUNNEL_NONE || !is_for_gateway6(ctx, b, p, key);
}

/* Opens a flow from outside, or to an alias. False: the packet begins a flow of its own site. */
static __attribute__((noinline)) bool open_inward(struct context *ctx, struct burst *b,
						  struct packet *p, const struct family *y,
						  bool inbound)
{
	if (p->onramp != TUNNEL_NONE)
		return alias_open(ctx, b, p, y);
	if (inbound)
		inbound_open(ctx, b, p);
	return inbound;
}

/* Runs the first steps for the whole burst. Writes the packets that go on, returns their number. */
static ALWAYS_INLINE unsigned prepare(struct context *ctx, struct burst *b, enum stage stage,
				      struct setup *setups, struct flow6 *sixes)
{
	bool inbound = sixes == NULL && inbound_is_open(ctx);
	bool inward = inbound || ctx->net->n_aliases > 0;
	struct seen seen = {0};
	unsigned n = 0;

	for (unsigned i = 0; i < b->n[stage]; i++) {
		struct packet *p = b->list[stage][i];
		struct setup *s = &setups[n];
		enum drop drop;

		if (__builtin_expect(inward, 0) &&
		    open_inward(ctx, b, p, sixes == NULL ? &family4 : &family6, inbound))
			continue;

		if (!setup_begin(ctx, b, p, s, sixes == NULL ? NULL : &sixes[n]))
			continue;
		s->may_be_open = inward || seen_before(&seen, p->probe.hash);
		s->next_step = s->may_be_open ? 0 : FIRST_ALONE;
		drop = setup_run_steps(s, 0, s->next_step);
		if (drop != DROP_NONE) {
			setup_refuse(b, s, drop);
			continue;
		}
		if (__builtin_expect(s->keeps_source,
				     0)) /* a packet from the far side may follow */
			seen_before(&seen, s->return_hash);
		n++;
	}
	return n;
}

static bool is_open_now(struct context *ctx, struct burst *b, struct setup *s)
{
	struct flow_probe *probe = &s->p->probe;
	const struct flow6_key *key = burst_key6(b, s->p);

	if (s->six == NULL)
		flow_table_lookup(ctx->flows, &probe, 1);
	else
		flow6_table_lookup(ctx->flows6, &key, &probe, 1);
	return probe->record != FLOW_NO_RECORD;
}

static ALWAYS_INLINE void finish(struct context *ctx, struct burst *b, struct setup *s,
				 enum stage follow)
{
	enum drop drop;

	if (s->may_be_open && is_open_now(ctx, b, s)) {
		undo_steps(s, s->next_step);
		burst_pass(b, follow, s->p);
		return;
	}
	drop = setup_run_steps(s, s->next_step, STEPS);
	if (drop != DROP_NONE) {
		setup_refuse(b, s, drop);
		return;
	}
	s->p->probe.record = s->record;
	s->p->probe.dir = FLOW_FORWARD;
	burst_pass(b, follow, s->p);
}

void stage_setup(struct context *ctx, struct burst *b)
{
	struct setup setups[BURST_MAX];
	unsigned n;

	room_begin(ctx, b, b->n[STAGE_SETUP]);
	if (__builtin_expect(ctx->net->is_large || ctx->nexthops->routes.many ||
				     ctx->nexthops->routes.many_in_vnets,
			     0))
		prefetch_first_packets(ctx, b, STAGE_SETUP);
	n = prepare(ctx, b, STAGE_SETUP, setups, NULL);

	for (unsigned i = 0; i < n; i++)
		finish(ctx, b, &setups[i], STAGE_FORWARD);
}

void stage_setup6(struct context *ctx, struct burst *b)
{
	struct setup setups[BURST_MAX];
	struct flow6 sixes[BURST_MAX];
	unsigned n;

	room_begin(ctx, b, b->n[STAGE_SETUP6]);
	n = prepare(ctx, b, STAGE_SETUP6, setups, sixes);

	for (unsigned i = 0; i < n; i++)
		finish(ctx, b, &setups[i], STAGE_FORWARD6);
}
