/*
 * Flow setup to an alias: another site opens a flow to a host of this one.
 *
 * Where several sites have the same prefix, no route can lead to a host of one of them. An alias is
 * a prefix that stands for that of one site, address by address, in the eyes of the other sites of
 * its virtual network, and of those that have a private link to it.
 *
 *     dc's host 10.8.0.5 > 100.64.17.10    the alias of site 17's 10.0.1.10
 *
 * The flow belongs to site 17, as a flow that the Internet opens to a site does (inbound.c): it
 * counts for the site's limits, half of them, and the first packet is a return.
 *
 *     site 17, 10.0.1.10 > 10.8.0.5, seen as 100.64.17.10, far site dc
 *
 * So both directions, and errors about them, are translated as in any flow. Its return key is in no
 * other flow, since the alias belongs to one site. As in private.c a worker inserts it, and then
 * asks the others whether one of them has inserted one of its keys in the same moment.
 */
#include "base/wire.h"
#include "path/family.h"
#include "path/owner.h"
#include "setup/room.h"

static struct addr6 address_of(const struct setup *s, be32_t four, const struct addr6 *six)
{
	return s->six != NULL ? *six : addr6_from_ipv4(four);
}

/* The alias in the virtual network @vnet, or in one that private links lead to. */
static const struct alias *find(const struct context *ctx, uint16_t vnet, const struct addr6 *dst,
				struct addr6 *real, unsigned links)
{
	const struct routes *routes = &ctx->nexthops->routes;
	const struct alias *alias = network_find_alias(ctx->net, vnet, dst, real);
	const struct route_choice *c;

	if (alias != NULL || links == SPEC_LINKS_MAX)
		return alias;
	c = addr6_is_mapped(dst) ? routes_choice(routes, vnet, addr6_to_ipv4(dst))
				 : routes_choice6(routes, vnet, dst);
	for (unsigned i = 0; c != NULL && alias == NULL && i < c->n; i++)
		if (c->targets[i].kind == TARGET_LINK)
			alias = find(ctx, c->targets[i].vnet, dst, real, links + 1);
	return alias;
}

/* The first state of the flow, by the transport; FLOW_FREE: the packet cannot open a flow. */
static uint8_t first_state(const struct packet *p)
{
	const uint8_t *l4 = p->data + p->l4;

	switch (p->probe.key.proto) {
	case PROTO_UDP:
		return FLOW_UDP;
	case PROTO_TCP:
		return start_check_tcp(p->tcp_flags) == DROP_NONE ? FLOW_TCP_SYN_RECEIVED
								  : FLOW_FREE;
	case PROTO_ICMP:
		return icmp_is_request(l4[ICMP_TYPE]) ? FLOW_ICMP : FLOW_FREE;
	case PROTO_ICMPV6:
		return l4[ICMP_TYPE] == ICMPV6_ECHO_REQUEST ? FLOW_ICMP : FLOW_FREE;
	default:
		return FLOW_OTHER;
	}
}

/* May the site that opens the flow use its source? */
static bool opener_is_allowed(const struct setup *s)
{
	if (s->six == NULL)
		return network_source_allowed(s->ctx->net, s->flow.far, s->flow.dst);
	return network_source6_allowed(s->ctx->net, s->flow.far, &s->six->dst) ||
	       network_find_global(s->ctx->net, &s->six->dst) == s->flow.far;
}

/* Completes the flow: its addresses are known. */
static enum drop start(struct setup *s, const struct alias *alias)
{
	const struct packet *p = s->p;
	const struct flow_key *key = &p->probe.key;

	s->flow.state = first_state(p);
	if (s->flow.state == FLOW_FREE)
		return DROP_NO_FLOW;
	s->flow.site = alias->site;
	s->flow.far = key->realm;
	s->flow.proto = key->proto;
	s->flow.sport = s->flow.nat_port = key->dport;
	s->flow.dport = key->sport;
	s->flow.onramp = network_onramp(s->ctx->net, alias->site, TUNNEL_NONE);
	s->flow.offramp = p->onramp;
	s->flow.way = FLOW_WAY_INWARD;
	if (s->flow.state == FLOW_TCP_SYN_RECEIVED)
		s->flow.tcp_ack = htonl(ntohl(wire_be32(p->data + p->l4 + TCP_SEQ)) + 1);
	if (alias->site == key->realm)
		return DROP_OWN_SITE;
	if (s->flow.onramp == TUNNEL_NONE)
		return DROP_TUNNEL_GONE;
	return opener_is_allowed(s) ? DROP_NONE : DROP_SOURCE;
}

/* --- insertion -------------------------------------------------------------------------------- */

struct keys {
	struct flow_key forward, back;
	struct flow6_key forward6, back6;
	uint64_t forward_hash;
};

static void make_keys(const struct setup *s, struct keys *k)
{
	if (s->six == NULL) {
		flow_forward_key(&s->flow, &k->forward);
		flow_return_key(&s->flow, &k->back);
		k->forward_hash = flow_table_prefetch(s->ctx->flows, &k->forward);
		return;
	}
	flow6_forward_key(&s->flow, s->six, &k->forward6);
	flow6_return_key(&s->flow, s->six, &k->back6);
	k->forward_hash = flow6_table_prefetch(s->ctx->flows6, &k->forward6);
}

static bool others_have_forward(const struct setup *s, const struct keys *k)
{
	if (s->ctx->count <= 1)
		return false;
	return s->six == NULL ? owner_others_have(s->ctx, &k->forward, k->forward_hash)
			      : owner_others_have6(s->ctx, &k->forward6, k->forward_hash);
}

static bool has_forward(const struct setup *s, const struct keys *k)
{
	bool here = s->six == NULL
			    ? flow_table_has_hashed(s->ctx->flows, &k->forward, k->forward_hash)
			    : flow6_table_has_hashed(s->ctx->flows6, &k->forward6, k->forward_hash);

	return here || others_have_forward(s, k);
}

/* Has another worker the flow of this packet by now? It writes p->owner. */
static bool is_elsewhere(const struct setup *s, const struct keys *k)
{
	if (s->six == NULL)
		return owner_ask(s->ctx, s->flow.far, s->p);
	return owner_ask6(s->ctx, s->flow.far, s->p, &k->back6);
}

static void insert_once(struct setup *s, const struct keys *k)
{
	s->record = s->six == NULL ? flow_table_insert_hashed(s->ctx->flows, &s->flow,
							      k->forward_hash, s->p->probe.hash)
				   : flow6_table_insert_hashed(s->ctx->flows6, &s->flow, s->six,
							       k->forward_hash, s->p->probe.hash);
}

static enum drop insert(struct setup *s, const struct keys *k)
{
	bool six = s->six != NULL, elsewhere;

	s->flow.seen_s = s->ctx->now_s;
	insert_once(s, k);
	if (s->record == FLOW_NO_RECORD && room_wake_oldest(s->ctx, six))
		insert_once(s, k);
	if (s->record == FLOW_NO_RECORD)
		return DROP_TABLE_FULL;
	if (s->ctx->count <= 1)
		return DROP_NONE;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	elsewhere = is_elsewhere(s, k);
	if (!elsewhere && !others_have_forward(s, k))
		return DROP_NONE;
	flow_table_remove(six ? s->ctx->flows6 : s->ctx->flows, s->record);
	s->is_elsewhere = elsewhere && !burst_was_handed(s->ctx->room.burst, s->p);
	return DROP_COLLISION;
}

/* A host may have opened the same conversation before it had an alias. */
static enum drop insert_new(struct setup *s)
{
	struct keys k;
	enum drop drop;

	make_keys(s, &k);
	if (has_forward(s, &k))
		return DROP_COLLISION;
	private_count(s->ctx, &s->flow, 1);
	drop = insert(s, &k);
	if (drop != DROP_NONE)
		private_count(s->ctx, &s->flow, -1);
	else
		setup_flow_begun(s->ctx, &s->flow, s->six);
	return drop;
}

/* --- all -------------------------------------------------------------------------------------- */

static enum drop take(struct setup *s)
{
	enum drop drop = limits_take_from_outside(s);

	if (drop != DROP_NONE)
		return drop;
	drop = s->six == NULL ? source_check(s) : source6_check(s);
	if (drop == DROP_NONE)
		drop = insert_new(s);
	if (drop != DROP_NONE)
		limits_undo(s);
	return drop;
}

/* An earlier packet of the burst may have opened it. */
static bool is_open(struct context *ctx, struct burst *b, struct packet *p, const struct family *y)
{
	struct flow_probe *probe = &p->probe;
	const struct flow6_key *key = burst_key6(b, p);

	if (y->six)
		flow6_table_lookup(ctx->flows6, &key, &probe, 1);
	else
		flow_table_lookup(ctx->flows, &probe, 1);
	return probe->record != FLOW_NO_RECORD;
}

static void refuse(struct burst *b, struct packet *p, const struct setup *s, enum drop drop)
{
	if (s->is_elsewhere)
		burst_handover(b, p, HANDOVER_TO_PARSE);
	else
		burst_drop(b, p, drop);
}

bool alias_open(struct context *ctx, struct burst *b, struct packet *p, const struct family *y)
{
	const struct flow6_key *key = burst_key6(b, p);
	struct setup s = {.ctx = ctx, .p = p};
	const struct alias *alias;
	struct addr6 dst, real;
	struct flow6 six;
	enum drop drop;

	s.six = y->six ? &six : NULL;
	dst = address_of(&s, p->probe.key.dst, &key->dst);
	alias = find(ctx, ctx->net->sites[p->probe.key.realm].vnet, &dst, &real, 0);
	if (alias == NULL)
		return false;
	if (is_open(ctx, b, p, y)) {
		burst_pass(b, y->forward, p);
		return true;
	}
	if (y->six) {
		six = (struct flow6){.src = real, .dst = key->src, .nat_src = dst};
	} else {
		s.flow.src = addr6_to_ipv4(&real);
		s.flow.dst = p->probe.key.src;
		s.flow.nat_src = p->probe.key.dst;
	}
	drop = start(&s, alias);
	if (drop == DROP_NONE)
		drop = take(&s);
	if (drop != DROP_NONE) {
		refuse(b, p, &s, drop);
		return true;
	}
	p->probe.record = s.record;
	p->probe.dir = FLOW_RETURN;
	burst_pass(b, y->forward, p);
	return true;
}
