/*
 * Lookup and follow: the two stages in which a packet meets its flow.
 *
 * Follow applies what setup decided: where the packet goes (a return to the flow's on-ramp, no route
 * asked), what it does to the flow (TCP state, counters, last-seen, a site's change of tunnels), and
 * whether it may go at all (hops left, size).
 */
#include "flow/stages.h"

#include "base/wire.h"

#define unlikely(x) __builtin_expect(!!(x), 0)

void stage_lookup(struct lane *lane, struct burst *b)
{
	struct packet *const *list = b->list[STAGE_LOOKUP];
	struct flow_probe *probes[BURST_MAX];
	unsigned n = b->n[STAGE_LOOKUP];

	for (unsigned i = 0; i < n; i++)
		probes[i] = &list[i]->probe;
	flow_table_lookup(lane->flows, probes, n);
	for (unsigned i = 0; i < n; i++)
		burst_pass(b, list[i]->probe.record == FLOW_NO_RECORD ? STAGE_SETUP : STAGE_FOLLOW,
			   list[i]);
}

/* Rare: only here does a flow's state change, and with it what its site has half open. */
static void move_state(struct lane *lane, struct flow *f, const struct packet *p)
{
	uint8_t next = flow_tcp_next(f->state, p->probe.dir, p->tcp_flags);

	if (next == f->state)
		return;
	if (flow_is_half_open(next) != flow_is_half_open(f->state))
		lane->sites[f->site].counters.half_open +=
			(uint64_t)flow_is_half_open(next) - flow_is_half_open(f->state);
	f->state = next;
}

static void count(struct lane *lane, struct flow *f, const struct packet *p)
{
	enum flow_dir dir = p->probe.dir;

	f->packets[dir]++;
	f->bytes[dir] += p->len + ((uint64_t)(f->packets[dir] == 0) << FLOW_BYTES_BITS);
	if (f->seen_s != lane->now_s)
		f->seen_s = lane->now_s;
	if (unlikely((p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST)) != 0 ||
		     f->state == FLOW_TCP_ANSWERED))
		move_state(lane, f, p);
}

/* Too big for the way out: RFC 1191 section 4 if it says DF. */
static void refuse_too_big(struct burst *b, struct packet *p)
{
	if (wire_16(p->data + IPV4_FRAGMENT) & IPV4_DF)
		burst_answer(b, p, ANSWER_TOO_BIG);
	else
		burst_drop(b, p, DROP_TOO_BIG);
}

static void follow_return(struct lane *lane, struct burst *b, struct packet *p, struct flow *f)
{
	const struct tunnel *t = &lane->net->tunnels[f->onramp];

	if (unlikely(p->len > t->mtu)) {
		refuse_too_big(b, p);
		return;
	}
	p->tunnel = f->onramp;
	p->hop = lane->adj->tunnel_hops[f->onramp];
	count(lane, f, p);
	burst_pass(b, STAGE_REWRITE, p);
}

static void follow_forward(struct lane *lane, struct burst *b, struct packet *p, struct flow *f)
{
	if (unlikely(p->len > lane->adj->hops[f->offramp].mtu &&
		     lane->adj->hops[f->offramp].resolved)) {
		refuse_too_big(b, p);
		return;
	}
	/* Another tunnel of the same site (the site is in the key): the return moves there. */
	if (unlikely(f->onramp != p->tunnel))
		f->onramp = p->tunnel;
	p->tunnel = TUNNEL_NONE;
	p->hop = f->offramp;
	count(lane, f, p);
	burst_pass(b, STAGE_REWRITE, p);
}

void stage_follow(struct lane *lane, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_FOLLOW]; i++) {
		struct packet *p = b->list[STAGE_FOLLOW][i];
		struct flow *f = flow_table_at(lane->flows, p->probe.record);

		/* Forward, parse let it through only as one for the gateway itself. */
		if (unlikely(p->data[IPV4_TTL] <= 1))
			burst_answer(b, p, ANSWER_TTL_EXPIRED);
		else if (p->probe.dir == FLOW_RETURN)
			follow_return(lane, b, p, f);
		else
			follow_forward(lane, b, p, f);
	}
}
