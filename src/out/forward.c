/*
 * Forward: apply what setup decided for the flow. The stage finds the nexthop (for a return the
 * flow's on-ramp, without a route lookup), updates the flow (TCP state, counters, last-seen, the
 * site's current tunnel), and checks TTL and size of the packet.
 */
#include "out/stages.h"

#include "base/wire.h"
#include "flow/window.h"
#include "path/family.h"
#include "path/prefetch.h"
#include "path/resolve.h"
#include "path/totals.h"

#define unlikely(x) __builtin_expect(!!(x), 0)

/* The same five-tuple begins a new connection: resets the flow's counters. */
static void restart(struct flow *f, const struct packet *p)
{
	memset(f->packets, 0, sizeof(f->packets));
	memset(f->bytes, 0, sizeof(f->bytes));
	f->packets[p->probe.dir] = 1;
	f->bytes[p->probe.dir] = p->len;
}

/*
 * May the far side begin the connection again? Yes, if the Internet may open flows to the port and
 * the site's limit allows one more half-open connection.
 */
static bool may_open_again(const struct context *ctx, const struct flow *f,
			   const struct flow_segment *s)
{
	const struct site_limits limits =
		site_limits_from_outside(network_limits(ctx->net, f->site));

	return (s->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN &&
	       network_lets_in(ctx->net, f->nat_src, ntohs(f->nat_port)) &&
	       totals_half_open(ctx, f->site) < limits.half_open;
}

static bool fits(const struct context *ctx, const struct packet *p, const struct flow *f,
		 const struct flow_segment *s)
{
	if (f->state == FLOW_TCP_CLOSED && p->probe.dir == FLOW_RETURN && may_open_again(ctx, f, s))
		return true;
	return flow_tcp_fits(f, p->probe.dir, s);
}

/* Counts one half-open connection more or less. */
static void count_half_open(struct context *ctx, const struct flow *f, const struct packet *p,
			    int change)
{
	bool is_six = p->data[IPV6_VERSION] >> 4 == 6;
	const struct flow6 *six = is_six ? flow6_at(ctx->flows6, p->probe.record) : NULL;
	const struct source source = source_find(ctx->sources, f, six);

	counters_add(&ctx->sites[f->site].counters.half_open, change);
	source_add(&source, 0, change);
}

/*
 * Rare: the only place where packets change a flow's state, and its site's count of half-open
 * connections.
 */
static void move_state(struct context *ctx, struct flow *f, const struct packet *p)
{
	const struct flow_segment segment = flow_tcp_read(p->data + p->l4, (size_t)p->len - p->l4);
	uint8_t before = f->state;

	if (!fits(ctx, p, f, &segment))
		return;
	f->state = flow_tcp_next(before, p->probe.dir, p->tcp_flags);
	if (f->state != before)
		f->seen_s = ctx->now_s; /* the timeout of the new state starts now */
	flow_tcp_learn(f, before, p->probe.dir, &segment);
	if (before == FLOW_TCP_CLOSED && flow_is_half_open(f->state))
		restart(f, p);
	if (flow_is_half_open(f->state) != flow_is_half_open(before))
		count_half_open(ctx, f, p, flow_is_half_open(f->state) ? 1 : -1);
}

static void forward_tcp(struct context *ctx, struct flow *f, const struct packet *p)
{
	uint8_t flags = p->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK);

	if (unlikely(flags != TCP_ACK || f->state < FLOW_TCP_ESTABLISHED))
		move_state(ctx, f, p);
	else if (p->probe.dir == FLOW_FORWARD)
		flow_tcp_note(f, p->data + p->l4);
}

/*
 * Does the packet keep its flow alive (RFC 4787 REQ-6)? A reset does not (RFC 7857 section 7.1): it
 * may be a host's answer to packets that somebody outside keeps sending.
 */
static bool refreshes(const struct context *ctx, const struct packet *p)
{
	return !(p->tcp_flags & TCP_RST) &&
	       (p->probe.dir == FLOW_FORWARD || !ctx->outbound_refresh);
}

static void forward_count(struct context *ctx, struct flow *f, const struct packet *p)
{
	enum flow_dir dir = p->probe.dir;

	f->packets[dir]++;
	f->bytes[dir] += p->len + ((uint64_t)(f->packets[dir] == 0) << FLOW_BYTES_BITS);
	if (f->seen_s != ctx->now_s && refreshes(ctx, p))
		f->seen_s = ctx->now_s;
	if (p->tcp_flags != 0) /* parse sets it for TCP only */
		forward_tcp(ctx, f, p);
}

/*
 * Is the packet larger than the MTU? A reassembled IPv6 packet is also too big if it is larger than
 * the fragments that its source made, since the source knows a smaller path MTU.
 */
static inline bool is_too_big(const struct packet *p, uint16_t mtu, const struct family *y)
{
	return p->len > mtu || (y->six && p->fragment_limit != 0 && p->len > p->fragment_limit);
}

/*
 * A packet that is too big gets ICMP "fragmentation needed" if DF is set (RFC 1191 section 4);
 * otherwise it leaves in fragments. An IPv6 packet is fragmented only if it arrived in fragments
 * (RFC 8200 section 5); otherwise it gets "packet too big".
 */
static inline bool refuse_too_big(struct burst *b, struct packet *p, const struct family *y)
{
	if (y->six ? p->fragment_limit != 0 : !(wire_16(p->data + IPV4_FRAGMENT) & IPV4_DF))
		return false;
	burst_answer(b, p, ANSWER_TOO_BIG);
	return true;
}

/* Not where returns take a route. */
static void move(struct context *ctx, struct flow *f, uint16_t onramp)
{
	if (ctx->net->tunnels[onramp].by_route)
		return;
	f->onramp = onramp;
	if (ctx->moved != NULL)
		ctx->moved(ctx, f);
}

/*
 * A return came by another tunnel of the far site, whose realm is in the key: it has left its
 * failed one before our probes can know. Forward packets use that tunnel now.
 */
static void move_offramp(const struct context *ctx, struct flow *f, uint16_t tunnel)
{
	if (!ctx->net->tunnels[tunnel].by_route)
		f->offramp = tunnel;
}

/* Routes have changed: gives the flow its new nexthop, or answers or drops the packet. */
static bool resolve(struct context *ctx, struct burst *b, struct packet *p, struct flow *f,
		    const struct family *y)
{
	const struct flow6 *addresses = y->six ? flow6_at(ctx->flows6, p->probe.record) : NULL;
	enum drop drop = resolve_again(ctx, f, addresses);
	int told = resolve_answer(drop);

	p->refusal = (uint16_t)drop;
	if (told >= 0)
		burst_answer(b, p, (enum answer)told);
	else if (drop != DROP_NONE)
		burst_drop(b, p, drop);
	return drop == DROP_NONE;
}

enum look { LOOK_DONE, LOOK_FITS, LOOK_TOO_BIG };

/*
 * The packet exceeds the MTU of its flow's nexthop: it is too big, or the nexthop has moved, or its
 * id is not in use. A moved nexthop has an MTU of 0, so packets of other flows need no check of
 * their own. LOOK_DONE: the packet has been answered or dropped.
 */
static __attribute__((noinline)) enum look look_again(struct context *ctx, struct burst *b,
						      struct packet *p, struct flow *f,
						      const struct family *y)
{
	bool home = p->probe.dir == FLOW_RETURN;
	const struct nexthop *n = &ctx->nexthops->at[home ? f->onramp : f->offramp];

	if (n->moved) {
		if (!resolve(ctx, b, p, f, y))
			return LOOK_DONE;
		n = &ctx->nexthops->at[f->offramp];
	}
	if (!is_too_big(p, n->mtu, y) || !n->resolved)
		return LOOK_FITS;
	return refuse_too_big(b, p, y) ? LOOK_DONE : LOOK_TOO_BIG;
}

static inline void go_on(struct context *ctx, struct burst *b, struct packet *p, struct flow *f,
			 uint16_t nexthop, const struct family *y, enum look look)
{
	p->nexthop = nexthop;
	forward_count(ctx, f, p);
	if (unlikely(look == LOOK_TOO_BIG))
		burst_fragment(b, p, FRAGMENT_TRANSLATE);
	else
		burst_pass(b, y->rewrite, p);
}

static inline void forward_home(struct context *ctx, struct burst *b, struct packet *p,
				struct flow *f, const struct family *y)
{
	enum look look = LOOK_FITS;

	if (unlikely(is_too_big(p, ctx->nexthops->at[f->onramp].mtu, y))) {
		look = look_again(ctx, b, p, f, y);
		if (look == LOOK_DONE)
			return;
	}
	if (unlikely(p->onramp != TUNNEL_NONE && f->offramp != p->onramp))
		move_offramp(ctx, f, p->onramp);
	go_on(ctx, b, p, f, f->onramp, y, look);
}

static inline void forward_out(struct context *ctx, struct burst *b, struct packet *p,
			       struct flow *f, const struct family *y)
{
	enum look look = LOOK_FITS;

	if (unlikely(is_too_big(p, ctx->nexthops->at[f->offramp].mtu, y))) {
		look = look_again(ctx, b, p, f, y);
		if (look == LOOK_DONE)
			return;
	}
	/*
	 * The packet came by another tunnel of the same site (the site is in the key): returns use
	 * that one now.
	 */
	if (unlikely(f->onramp != p->onramp))
		move(ctx, f, p->onramp);
	go_on(ctx, b, p, f, f->offramp, y, look);
}

static ALWAYS_INLINE void forward_all(struct context *ctx, struct burst *b,
				      struct flow_table *flows, const struct family *y)
{
	struct flow *records = flow_table_at(flows, 0);

	if (unlikely(ctx->net->is_large))
		prefetch_returns(ctx, b, y->forward, flows);
	for (unsigned i = 0; i < b->n[y->forward]; i++) {
		struct packet *p = b->list[y->forward][i];
		struct flow *f = &records[p->probe.record];

		/*
		 * In the forward direction parse lets a TTL this low pass only for packets to the
		 * gateway itself.
		 */
		if (unlikely(p->data[y->ttl_at] <= 1))
			burst_answer(b, p, ANSWER_TTL_EXPIRED);
		else if (p->probe.dir == FLOW_RETURN)
			forward_home(ctx, b, p, f, y);
		else
			forward_out(ctx, b, p, f, y);
	}
}

void stage_forward(struct context *ctx, struct burst *b)
{
	forward_all(ctx, b, ctx->flows, &family4);
}

void stage_forward6(struct context *ctx, struct burst *b)
{
	forward_all(ctx, b, ctx->flows6, &family6);
}
