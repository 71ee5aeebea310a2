/*
 * ICMP: the gateway's replies over IPv4, made in the packet's own buffer.
 *
 *   echo                             RFC 792: a reply made of the request
 *   time exceeded, unreachable,      RFC 792 and 1191: our IP header and eight bytes, then the
 *   fragmentation needed             embedded packet
 *   reset                            RFC 9293 section 3.10.7.1: reset.c
 *
 * An error embeds as much as fits 576 bytes (RFC 1812 section 4.3.2.3) and comes from the tunnel's
 * address, or, towards the Internet, from the egress address that the packet was sent to. No error
 * is sent about an ICMP error, nor where RFC 1812 section 4.3.2.7 forbids it.
 */
#include "answer/icmp.h"

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

uint16_t icmp_fitting_mtu(const struct context *ctx, struct flow_table *flows,
			  const struct packet *p)
{
	const struct flow *f = flow_table_at(flows, p->probe.record);

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
 * the error is shorter than a packet that is moved.
 */
size_t icmp_embed(struct packet *p, size_t max, size_t headers)
{
	size_t embedded = p->len < max - headers ? p->len : max - headers;

	if (p->len >= ROOMY) { /* the packet may fill its buffer: see in/assembly.c */
		memmove(p->data + ROOMY - max, p->data, embedded);
		p->data += ROOMY - max;
	}
	p->data -= headers;
	p->len = (uint16_t)(headers + embedded);
	return embedded;
}

static void make_error(const struct context *ctx, struct packet *p)
{
	const struct icmp_kind *kind = &answer_infos[p->answer].icmp;
	uint16_t mtu = p->answer == ANSWER_TOO_BIG ? icmp_fitting_mtu(ctx, ctx->flows, p) : 0;
	size_t embedded = icmp_embed(p, ERROR_MAX, ERROR_HEADERS);
	uint8_t *icmp = p->data + IPV4_LEN;

	memset(icmp, 0, ICMP_LEN);
	icmp[ICMP_TYPE] = kind->type;
	icmp[ICMP_CODE] = kind->code;
	wire_put_be16(icmp + ICMP_NEXT_MTU, htons(mtu));
	wire_put_be16(icmp + ICMP_CHECKSUM, checksum_make(icmp, ICMP_LEN + embedded));
	write_header(p->data, PROTO_ICMP, our_address(ctx, p), p->probe.key.src, p->len);
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

bool icmp_may_answer(const struct context *ctx, struct packet *p)
{
	return can_be_told(p) && route_back(ctx, p);
}

void icmp_make(const struct context *ctx, struct packet *p)
{
	p->probe.hash = flow_table_prefetch(ctx->flows, &p->probe.key);
	if (p->answer == ANSWER_ECHO)
		make_echo_reply(p);
	else if (p->answer == ANSWER_RESET)
		make_reset(p);
	else
		make_error(ctx, p);
}
