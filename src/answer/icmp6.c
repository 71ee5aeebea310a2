/*
 * ICMPv6 (RFC 4443): as icmp.c.
 *
 * An error embeds as much as fits the smallest MTU that IPv6 knows, 1,280 bytes (section 2.4 c).
 * Towards a site it comes from the tunnel's IPv6 address; a tunnel without one sends no error.
 * Towards the Internet it comes from the egress address that the packet was sent to. If the packet
 * was sent to a host's untranslated address, the error comes from the first egress address, or from
 * the host's address if there is none.
 *
 * For a protocol that is not translated, the IPv4 error "protocol unreachable" becomes "parameter
 * problem: unrecognized next header" (RFC 7915 section 4.2).
 */
#include "answer/icmp.h"

#include "answer/reset.h"
#include "base/icmp6.h"
#include "base/wire.h"

enum {
	ERROR_MAX = IPV6_LEAST_MTU,
	ERROR_HOPS = IP_HOPS_DEFAULT,
	ERROR_HEADERS = IPV6_LEN + ICMP_LEN,
};

/* Our address on the side that the packet came from; zero: none. */
static struct addr6 our_address(const struct context *ctx, const struct packet *p,
				const struct flow6_key *key)
{
	const struct network *net = ctx->net;

	if (p->onramp != TUNNEL_NONE)
		return net->tunnel_addresses6[p->onramp];
	if (net->egress6 == NULL || network_find_global(net, &key->dst) == SITE_INTERNET)
		return key->dst;
	return net->addresses[net->egress6->first_address6].addr6;
}

static bool route_back(const struct context *ctx, struct packet *p, const struct flow6_key *key)
{
	p->nexthop = p->onramp != TUNNEL_NONE
			     ? p->onramp
			     : routes_find6(&ctx->nexthops->routes, p->in_port, &key->src);
	return ctx->nexthops->at[p->nexthop].resolved;
}

/*
 * Section 2.4 e: the source must be unicast, and so must the destination. The exception, "packet
 * too big" for multicast, cannot occur here.
 */
static bool can_be_told(const struct packet *p, const struct flow6_key *key)
{
	const uint8_t *ethernet = p->data - ETHER_LEN;

	if (!addr6_is_host(&key->src) || addr6_is_multicast(&key->dst))
		return false;
	return p->onramp != TUNNEL_NONE || !(ethernet[ETHER_DST] & ETHER_GROUP);
}

static void write_header(uint8_t *ip, uint8_t next, const struct addr6 *src,
			 const struct addr6 *dst, size_t len)
{
	memset(ip, 0, IPV6_LEN);
	ip[IPV6_VERSION] = 6 << 4;
	wire_put_be16(ip + IPV6_LENGTH, htons((uint16_t)len));
	ip[IPV6_NEXT] = next;
	ip[IPV6_HOPS] = ERROR_HOPS;
	memcpy(ip + IPV6_SRC, src, sizeof(*src));
	memcpy(ip + IPV6_DST, dst, sizeof(*dst));
}

/*
 * Offset of the byte that names the protocol: in the IPv6 header, or in the last extension header.
 */
static uint32_t protocol_place(const struct packet *p)
{
	uint32_t place = IPV6_NEXT;

	for (size_t at = IPV6_LEN; at < p->l4; at += ((size_t)p->data[at + 1] + 1) * 8)
		place = (uint32_t)at;
	return place;
}

/* The second word of an error. */
static uint32_t word_of(const struct context *ctx, const struct packet *p)
{
	if (p->answer == ANSWER_TOO_BIG)
		return icmp_fitting_mtu(ctx, ctx->flows6, p);
	return p->answer == ANSWER_PROTOCOL ? protocol_place(p) : 0;
}

/*
 * New headers are written in front of the embedded packet. For a packet out of a tunnel, the outer
 * headers were there; for one from the Internet the headroom suffices (path/packet.h).
 */
static void make_error(const struct context *ctx, struct packet *p, const struct addr6 *from,
		       const struct addr6 *to)
{
	const struct icmp_kind *kind = &answer_infos[p->answer].icmpv6;
	uint32_t word = word_of(ctx, p);
	size_t embedded = icmp_embed(p, ERROR_MAX, ERROR_HEADERS);
	uint8_t *icmp = p->data + IPV6_LEN;

	memset(icmp, 0, ICMP_LEN);
	icmp[ICMP_TYPE] = kind->type;
	icmp[ICMP_CODE] = kind->code;
	wire_put_be32(icmp + ICMP_ID, htonl(word));
	write_header(p->data, PROTO_ICMPV6, from, to, ICMP_LEN + embedded);
	icmp6_put_checksum(from, to, icmp, ICMP_LEN + embedded);
}

/*
 * Makes the reply of the request, without its extension headers: they were meant for the request's
 * path.
 */
static void make_echo_reply(struct packet *p, const struct addr6 *from, const struct addr6 *to)
{
	uint8_t *icmp = p->data + p->l4, *ip = icmp - IPV6_LEN;
	size_t len = (size_t)p->len - p->l4;

	icmp[ICMP_TYPE] = ICMPV6_ECHO_REPLY;
	write_header(ip, PROTO_ICMPV6, from, to, len);
	icmp6_put_checksum(from, to, icmp, len);
	p->data = ip;
	p->len = (uint16_t)(IPV6_LEN + len);
}

/* The source is the packet's destination. */
static void make_reset(struct packet *p, const struct flow6_key *key)
{
	write_header(reset_make6(p, key), PROTO_TCP, &key->dst, &key->src, TCP_LEN);
}

/* A damaged request must not be returned with a valid checksum. */
bool icmp6_is_sound(const struct packet *p, const struct flow6_key *key)
{
	return icmp6_checksum_ok(&key->src, &key->dst, p->data + p->l4, (size_t)p->len - p->l4);
}

bool icmp6_may_answer(const struct context *ctx, struct packet *p, const struct flow6_key *key)
{
	struct addr6 from = our_address(ctx, p, key);

	if (p->answer != ANSWER_RESET && addr6_is_zero(&from))
		return false;
	return can_be_told(p, key) && route_back(ctx, p, key);
}

void icmp6_make(const struct context *ctx, struct packet *p, const struct flow6_key *key)
{
	struct addr6 from = our_address(ctx, p, key);

	p->probe.hash = flow6_table_prefetch(ctx->flows6, key);
	if (p->answer == ANSWER_ECHO)
		make_echo_reply(p, &from, &key->src);
	else if (p->answer == ANSWER_RESET)
		make_reset(p, key);
	else
		make_error(ctx, p, &from, &key->src);
}
