/*
 * Steps "choose", "take" and "insert" of a flow that keeps its source: to a private destination, or
 * to the Internet by a route that lets it out as it is.
 *
 * The source keeps its address and port, so the key of returns is
 *
 *   (the far site or the Internet, destination and its port, source and its port, protocol)
 *
 * If a second site opens the very same five-tuple to the same destination, that key is in use. Only
 * then the source port, or the identifier of a ping, becomes another one, for which the key is
 * free. Returns are then those of two flows, and each goes home. A protocol without ports has one
 * flow for each site and pair of addresses.
 *
 * The key may be in use in either direction: a host of the far site may have opened the same
 * conversation from its side.
 *
 * Several workers. A flow stays where its first packet arrived, and its returns are found by asking
 * (path/owner.h). So a key must be in no other worker's table. Two workers may insert the same key
 * in one moment. Each first inserts, then, behind a fence, asks the others: one of the two sees the
 * other's, or both do. Who sees one removes its own and takes another port. The key of the other
 * direction is asked for as well: what is a return of one flow may begin another one. The counts of
 * flows from and to a site are raised before that: a worker whose count is 0 is not asked.
 *
 * A site with an alias for its source is seen under that by other sites (alias.c), which no other
 * site has. The Internet sees the source itself.
 *
 * Such a port belongs to a conversation, not to the gateway, so it does not rest.
 */
#include "base/wire.h"
#include "path/owner.h"
#include "setup/room.h"
#include "setup/search.h"

enum {
	PORT_FIRST = 1024,
	TRIES_MAX = 4, /* insertions, if other workers insert the same keys meanwhile */
};

static struct flow_table *table_of(const struct setup *s)
{
	return s->six != NULL ? s->ctx->flows6 : s->ctx->flows;
}

/* --- is the return key in use? ---------------------------------------------------------------- */

static bool is_here(const struct setup *s)
{
	struct flow6_key key6;
	struct flow_key key;

	if (s->six != NULL) {
		flow6_return_key(&s->flow, s->six, &key6);
		return flow6_table_has_hashed(s->ctx->flows6, &key6, s->return_hash);
	}
	flow_return_key(&s->flow, &key);
	return flow_table_has_hashed(s->ctx->flows, &key, s->return_hash);
}

static bool others_have_it(const struct setup *s)
{
	struct flow6_key key6;
	struct flow_key key;

	if (s->ctx->count <= 1)
		return false;
	if (s->six != NULL) {
		flow6_return_key(&s->flow, s->six, &key6);
		return owner_others_have6(s->ctx, &key6, s->return_hash);
	}
	flow_return_key(&s->flow, &key);
	return owner_others_have(s->ctx, &key, s->return_hash);
}

/* A flow here that has the key, and whose timeout is over, ends now. */
static void end_expired(const struct setup *s)
{
	struct context *ctx = s->ctx;
	bool six = s->six != NULL;
	uint32_t holder = search_holder(s, s->return_hash);
	const struct flow *f;

	if (holder == FLOW_NO_RECORD)
		return;
	f = flow_table_at(table_of(s), holder);
	if (f->state > FLOW_RESTING && flow_is_over(&ctx->timers, f, ctx->now_s))
		room_end_flow(ctx, six, holder);
}

static bool is_taken(const struct setup *s)
{
	if (is_here(s)) {
		end_expired(s);
		if (is_here(s))
			return true;
	}
	return others_have_it(s);
}

/* --- collisions ------------------------------------------------------------------------------- */

/*
 * Has another worker the flow of this very packet by now? Both ends may have begun in one moment,
 * each at its own worker.
 */
static bool is_elsewhere(struct setup *s)
{
	const struct context *ctx = s->ctx;
	struct flow6_key key6;

	if (ctx->count <= 1 || burst_was_handed(ctx->room.burst, s->p))
		return false;
	if (s->six == NULL)
		return owner_ask(ctx, s->flow.site, s->p);
	flow6_forward_key(&s->flow, s->six, &key6);
	return owner_ask6(ctx, s->flow.site, s->p, &key6);
}

/*
 * A random port of the same kind: a port below 1,024 stays below, as some servers ask for it (RFC
 * 4787 section 4.2.2).
 */
static be16_t random_port(const struct setup *s)
{
	uint32_t random = (uint32_t)(flow_table_random(s->ctx->flows) >> 32);
	bool is_low = s->flow.proto != PROTO_ICMP && s->flow.proto != PROTO_ICMPV6 &&
		      ntohs(s->flow.sport) < PORT_FIRST;
	uint32_t first = is_low ? 1 : PORT_FIRST, end = is_low ? PORT_FIRST : TRANSPORT_PORTS;

	return htons((uint16_t)(first + ((uint64_t)random * (end - first) >> 32)));
}

static enum drop find_port(struct setup *s)
{
	for (unsigned looks = room_share(s->ctx); looks > 0; looks--) {
		s->flow.nat_port = random_port(s);
		s->return_hash = search_hash(s);
		if (!is_taken(s))
			return DROP_NONE;
	}
	return DROP_COLLISION;
}

static bool has_ports(const struct setup *s)
{
	return s->flow.state != FLOW_OTHER;
}

static enum drop collide(struct setup *s)
{
	s->is_elsewhere = is_elsewhere(s);
	if (s->is_elsewhere || s->refuses_collision)
		return DROP_COLLISION;
	return has_ports(s) ? find_port(s) : DROP_PROTOCOL_BUSY;
}

/* --- steps ------------------------------------------------------------------------------------ */

enum drop private_propose(struct setup *s)
{
	const struct network *net = s->ctx->net;
	struct addr6 src = s->six != NULL ? s->six->src : addr6_from_ipv4(s->flow.src);

	if (net->n_aliases > 0 && s->flow.far != SITE_INTERNET)
		src = network_alias_of(net, s->flow.site, &src);
	s->flow.nat_port = s->flow.sport;
	if (s->six != NULL)
		s->six->nat_src = src;
	else
		s->flow.nat_src = addr6_to_ipv4(&src);
	s->return_hash = search_hash(s);
	return DROP_NONE;
}

enum drop private_take(struct setup *s)
{
	return is_taken(s) ? collide(s) : DROP_NONE;
}

void private_count(struct context *ctx, const struct flow *flow, int change)
{
	counters_add(&ctx->sites[flow->far].far_flows, change);
}

/* Another worker's flow has the forward key: its returns, or this very flow. */
static bool others_have_forward(const struct setup *s)
{
	struct flow6_key key6;

	if (s->six == NULL)
		return owner_others_have(s->ctx, &s->p->probe.key, s->p->probe.hash);
	flow6_forward_key(&s->flow, s->six, &key6);
	return owner_others_have6(s->ctx, &key6, s->p->probe.hash);
}

static enum drop withdraw(struct setup *s)
{
	flow_table_remove(table_of(s), s->record);
	s->is_elsewhere = is_elsewhere(s);
	return DROP_COLLISION;
}

static enum drop insert_alone(struct setup *s)
{
	for (unsigned i = 0; i < TRIES_MAX; i++) {
		enum drop drop = setup_insert(s);

		if (drop != DROP_NONE || s->ctx->count <= 1)
			return drop;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (others_have_forward(s))
			return withdraw(s);
		if (!others_have_it(s))
			return DROP_NONE;
		flow_table_remove(table_of(s), s->record);
		drop = collide(s);
		if (drop != DROP_NONE)
			return drop;
	}
	return DROP_COLLISION;
}

enum drop private_insert(struct setup *s)
{
	enum drop drop;

	private_count(s->ctx, &s->flow, 1);
	drop = insert_alone(s);
	if (drop != DROP_NONE)
		private_count(s->ctx, &s->flow, -1);
	return drop;
}
