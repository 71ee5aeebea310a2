/*
 * Answer: the gateway replies by ICMP, in the packet's own buffer, towards the packet's sender.
 *
 *   echo                             RFC 792: a reply made of the request
 *   time exceeded, unreachable,      RFC 792 and 1191: our IP header and eight bytes, then the
 *   fragmentation needed             embedded packet
 *   reset                            RFC 9293 section 3.10.7.1: reset.c
 *
 * An error embeds as much as fits 576 bytes (RFC 1812 section 4.3.2.3) and comes from the tunnel's
 * address, or, towards the Internet, from the egress address that the packet was sent to. No error
 * is sent about an ICMP error, nor where RFC 1812 section 4.3.2.7 forbids it.
 *
 * Errors are rate limited (errors.h); setup has taken the token for an error that reports a
 * refusal. A packet that gets no answer is dropped under the reason that the error would have
 * reported.
 */
#include "answer/stages.h"

#include "answer/errors.h"
#include "answer/reset.h"
#include "base/addr4.h"
#include "base/checksum.h"
#include "base/wire.h"

enum {
	ERROR_MAX = IPV4_LEAST_MTU,
	ERROR_TTL = IP_HOPS_DEFAULT,
	ROOMY = 2048, /* a packet of this size has room for an error in its own data */
	ERROR_HEADERS = IPV4_LEN + ICMP_LEN,
};

/* The MTU of the nexthop that the packet was going to (RFC 1191 section 4). */
static uint16_t fitting_mtu(const struct context *ctx, const struct packet *p)
{
	const struct flow *f = flow_table_at(ctx->flows, p->probe.record);

	if (p->probe.dir == FLOW_RETURN)
		return ctx->nexthops->at[f->onramp].mtu;
	return ctx->nexthops->at[f->offramp].mtu;
}

/* Our address on the side that the packet came from. */
static be32_t our_address(const struct context *ctx, const struct packet *p)
{
	return p->onramp != TUNNEL_NONE ? ctx->net->tunnels[p->onramp].address : p->probe.key.dst;
}

/* The nexthop back to the sender. False: unknown. */
static bool route_back(const struct context *ctx, struct packet *p)
{
	if (p->in_port == PORT_BACK_IN) { /* the error is hairpinned as the packet was */
		p->nexthop = NEXTHOP_HAIRPIN;
		return true;
	}
	p->nexthop = p->onramp != TUNNEL_NONE
			     ? p->onramp
			     : routes_find(&ctx->nexthops->routes, p->in_port, p->probe.key.src);
	return ctx->nexthops->at[p->nexthop].resolved;
}

/*
 * RFC 1812 section 4.3.2.7: source and destination must be unicast, and the frame no link
 * broadcast.
 */
static bool can_be_told(const struct packet *p)
{
	const uint8_t *ethernet = p->data - ETHER_LEN;

	if (!addr4_is_host(p->probe.key.src) || !addr4_is_host(p->probe.key.dst))
		return false;
	return p->onramp != TUNNEL_NONE || p->in_port == PORT_BACK_IN ||
	       !(ethernet[ETHER_DST] & ETHER_GROUP);
}

static void write_header(uint8_t *ip, uint8_t proto, be32_t src, be32_t dst, size_t len)
{
	memset(ip, 0, IPV4_LEN);
	ip[IPV4_VERSION_IHL] = 4 << 4 | IPV4_LEN / 4;
	wire_put_be16(ip + IPV4_LENGTH, htons((uint16_t)len));
	ip[IPV4_TTL] = ERROR_TTL;
	ip[IPV4_PROTO] = proto;
	wire_put_be32(ip + IPV4_SRC, src);
	wire_put_be32(ip + IPV4_DST, dst);
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, IPV4_LEN));
}

/*
 * Moves the embedded packet towards the end of the buffer, as far as the new headers need more than
 * receive left in front, since encapsulation needs the headroom. The move stays inside the buffer:
 * an embedded packet has at most 548 bytes.
 */
static void make_error(const struct context *ctx, struct packet *p, struct icmp_kind kind)
{
	be32_t to = p->probe.key.src, from = our_address(ctx, p);
	size_t embedded = p->len < ERROR_MAX - ERROR_HEADERS ? p->len : ERROR_MAX - ERROR_HEADERS;
	uint16_t mtu = p->answer == ANSWER_TOO_BIG ? fitting_mtu(ctx, p) : 0;
	uint8_t *ip, *icmp;

	if (p->len >= ROOMY) { /* the packet may fill its buffer: see in/assembly.c */
		memmove(p->data + ROOMY - ERROR_MAX, p->data, embedded);
		p->data += ROOMY - ERROR_MAX;
	}
	ip = p->data - ERROR_HEADERS;
	icmp = ip + IPV4_LEN;
	memset(icmp, 0, ICMP_LEN);
	icmp[ICMP_TYPE] = kind.type;
	icmp[ICMP_CODE] = kind.code;
	wire_put_be16(icmp + ICMP_NEXT_MTU, htons(mtu));
	wire_put_be16(icmp + ICMP_CHECKSUM, checksum_make(icmp, ICMP_LEN + embedded));
	write_header(ip, PROTO_ICMP, from, to, ERROR_HEADERS + embedded);
	p->data = ip;
	p->len = (uint16_t)(ERROR_HEADERS + embedded);
}

static void make_echo_reply(struct packet *p)
{
	uint8_t *ip = p->data, *icmp = ip + p->l4;
	be16_t before = wire_be16(icmp + ICMP_TYPE), after;

	icmp[ICMP_TYPE] = ICMP_ECHO_REPLY;
	after = wire_be16(icmp + ICMP_TYPE);
	wire_put_be16(icmp + ICMP_CHECKSUM,
		      checksum_apply_nonzero(wire_be16(icmp + ICMP_CHECKSUM),
					     checksum_delta16(before, after)));

	wire_put_be32(ip + IPV4_SRC, p->probe.key.dst);
	wire_put_be32(ip + IPV4_DST, p->probe.key.src);
	ip[IPV4_TTL] = ERROR_TTL;
	wire_put_be16(ip + IPV4_CHECKSUM, 0);
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, p->l4));
}

/* The source is the packet's destination. */
static void make_reset(struct packet *p)
{
	be32_t from = p->probe.key.dst, to = p->probe.key.src;

	write_header(reset_make(p), PROTO_TCP, from, to, IPV4_LEN + TCP_LEN);
}

/* DROP_NONE if the answer may be sent. */
static enum drop icmp_refuse(struct context *ctx, struct packet *p)
{
	enum drop drop = p->answer == ANSWER_UNREACHABLE ? (enum drop)p->refusal
							 : answer_infos[p->answer].drop;

	if (p->answer == ANSWER_ECHO)
		return can_be_told(p) && route_back(ctx, p) ? DROP_NONE : drop;
	if (can_be_told(p) && route_back(ctx, p) &&
	    (drop == DROP_NONE || errors_may_send(ctx, p->probe.key.realm)))
		return DROP_NONE;
	return drop != DROP_NONE ? drop : p->refusal;
}

/*
 * An echo reply is as long as its request, and an error has up to 576 bytes: the MTU may be less.
 */
static bool icmp_is_too_big(const struct context *ctx, const struct packet *p)
{
	return p->len > ctx->nexthops->at[p->nexthop].mtu;
}

void stage_answer(struct context *ctx, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_ANSWER]; i++) {
		struct packet *p = b->list[STAGE_ANSWER][i];
		enum drop drop = icmp_refuse(ctx, p);

		if (drop != DROP_NONE) {
			burst_drop(b, p, drop);
			continue;
		}
		ctx->counters.answers[p->answer]++;
		p->probe.hash = flow_table_prefetch(ctx->flows, &p->probe.key);
		if (p->answer == ANSWER_ECHO)
			make_echo_reply(p);
		else if (p->answer == ANSWER_RESET)
			make_reset(p);
		else
			make_error(ctx, p, answer_infos[p->answer].icmp);
		if (icmp_is_too_big(ctx, p))
			burst_fragment(b, p, FRAGMENT_AS_IS);
		else
			burst_pass(b, STAGE_ENCAPSULATE, p);
	}
}
