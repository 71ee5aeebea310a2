/*
 * Answer by ICMPv6 (RFC 4443): as icmp.c.
 *
 * An error embeds as much as fits the smallest MTU that IPv6 knows, 1,280 bytes (section 2.4 c). It
 * comes from the tunnel's IPv6 address, and where there is none nobody is told; or, towards the
 * Internet, from the egress address that the packet was sent to. If that was a host's own address,
 * which is not translated, the error comes from the first egress address, or, where there is none,
 * from the host's. It is rate limited (section 2.4 f) together with those of IPv4.
 *
 * Of a protocol that is not translated a site is told as RFC 7915 section 4.2 has it: what is
 * "protocol unreachable" over IPv4 is "parameter problem: unrecognized next header" here.
 */
#include "answer/stages.h"

#include "answer/errors.h"
#include "answer/reset.h"
#include "base/icmp6.h"
#include "base/wire.h"

enum {
	ERROR_MAX = IPV6_LEAST_MTU,
	ERROR_HOPS = IP_HOPS_DEFAULT,
	ERROR_HEADERS = IPV6_LEN + ICMP_LEN,
	ROOMY = 2048, /* a packet of so many bytes has room for an error in itself */
};

static uint16_t fitting_mtu(const struct context *ctx, const struct packet *p)
{
	const struct flow *f = flow_table_at(ctx->flows6, p->probe.record);

	if (p->probe.dir == FLOW_RETURN)
		return ctx->nexthops->at[f->onramp].mtu;
	return ctx->nexthops->at[f->offramp].mtu;
}

/* Ours on the side that the packet came from; zero: none. */
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
 * Section 2.4 e: only a host, and not about what was sent to a crowd, but for "packet too big",
 * which we have no occasion to say there.
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

/* Where the packet names its protocol: in its header, or in the last one of those that follow. */
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
		return fitting_mtu(ctx, p);
	return p->answer == ANSWER_PROTOCOL ? protocol_place(p) : 0;
}

/*
 * New headers stand in front of the embedded packet: out of a tunnel its own headers were there,
 * and from the Internet the headroom suffices (path/packet.h). A packet that may fill its buffer
 * (in/assembly.c) has its embedded moved first, as in icmp.c.
 */
static void make_error(const struct context *ctx, struct packet *p, const struct addr6 *from,
		       const struct addr6 *to)
{
	size_t embedded = p->len < ERROR_MAX - ERROR_HEADERS ? p->len : ERROR_MAX - ERROR_HEADERS;
	uint32_t word = word_of(ctx, p);
	uint8_t *ip, *icmp;

	if (p->len >= ROOMY) {
		memmove(p->data + ROOMY - ERROR_MAX, p->data, embedded);
		p->data += ROOMY - ERROR_MAX;
	}
	ip = p->data - ERROR_HEADERS;
	icmp = ip + IPV6_LEN;
	memset(icmp, 0, ICMP_LEN);
	icmp[ICMP_TYPE] = answer_infos[p->answer].icmpv6.type;
	icmp[ICMP_CODE] = answer_infos[p->answer].icmpv6.code;
	wire_put_be32(icmp + ICMP_ID, htonl(word));
	write_header(ip, PROTO_ICMPV6, from, to, ICMP_LEN + embedded);
	icmp6_put_checksum(from, to, icmp, ICMP_LEN + embedded);
	p->data = ip;
	p->len = (uint16_t)(ERROR_HEADERS + embedded);
}

/* The request turned round, without its extension headers: they were meant for its own way. */
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

/* As if from whom it was sent to. */
static void make_reset(struct packet *p, const struct flow6_key *key)
{
	write_header(reset_make6(p, key), PROTO_TCP, &key->dst, &key->src, TCP_LEN);
}

/* As it should: a damaged request would come back with a checksum that says all is well. */
static bool is_sound(const struct packet *p, const struct flow6_key *key)
{
	return icmp6_checksum_ok(&key->src, &key->dst, p->data + p->l4, (size_t)p->len - p->l4);
}

/* DROP_NONE if the answer was made. */
static enum drop answer(struct context *ctx, struct packet *p, const struct flow6_key *key)
{
	bool is_reset = p->answer == ANSWER_RESET;
	struct addr6 from = is_reset ? key->dst : our_address(ctx, p, key);
	bool is_error = p->answer != ANSWER_ECHO;
	bool is_refusal = answer_infos[p->answer].drop == DROP_NONE; /* setup took its token */

	if (addr6_is_zero(&from) || !can_be_told(p, key) || !route_back(ctx, p, key) ||
	    (is_error && !is_refusal && !errors_may_send(ctx, p->probe.key.realm)))
		return is_refusal || p->answer == ANSWER_UNREACHABLE ? p->refusal
								     : answer_infos[p->answer].drop;
	if (!is_error && !is_sound(p, key))
		return DROP_ICMP_CHECKSUM;
	ctx->counters.answers[p->answer]++;
	p->probe.hash = flow6_table_prefetch(ctx->flows6, key);
	if (is_reset)
		make_reset(p, key);
	else if (is_error)
		make_error(ctx, p, &from, &key->src);
	else
		make_echo_reply(p, &from, &key->src);
	return DROP_NONE;
}

/* Only an echo reply can be: it is as long as its request. It is ours to cut. */
static bool is_too_big(const struct context *ctx, const struct packet *p)
{
	return p->onramp != TUNNEL_NONE && (p->len > ctx->nexthops->at[p->nexthop].mtu ||
					    (p->fragment_limit != 0 && p->len > p->fragment_limit));
}

void stage_answer6(struct context *ctx, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_ANSWER6]; i++) {
		struct packet *p = b->list[STAGE_ANSWER6][i];
		enum drop drop = answer(ctx, p, burst_key6(b, p));

		if (drop != DROP_NONE)
			burst_drop(b, p, drop);
		else if (is_too_big(ctx, p))
			burst_fragment(b, p, FRAGMENT_AS_IS);
		else
			burst_pass(b, STAGE_ENCAPSULATE6, p);
	}
}
