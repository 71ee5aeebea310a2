/*
 * Parse: is the inner packet sound, and by what key is it looked up?
 *
 * The checks are those of RFC 1812 section 5.2.2 for IPv4, and for TCP, UDP and ICMP that the
 * header is there and as long as it says. Transport checksums are left to the end hosts: rewriting
 * updates them by difference, so a wrong checksum stays wrong. A partial checksum is completed
 * first (in/partial.c).
 */
#include "in/stages.h"

#include "answer/errors.h"
#include "answer/keepalive.h"
#include "base/checksum.h"
#include "base/wire.h"
#include "in/embedded.h"
#include "in/parse.h"
#include "in/partial.h"
#include "in/transport.h"
#include "path/owner.h"

/*
 * An IPv4 header with options. They are ignored, except for the two source routes (RFC 791 section
 * 3.1): a source route would send the packet past its flow, so it is refused (RFC 7126 sections 4.3
 * and 4.4).
 */
static __attribute__((noinline)) enum drop check_options(const uint8_t *ip, size_t len,
							 size_t *header)
{
	size_t at = IPV4_LEN;

	*header = (size_t)(ip[IPV4_VERSION_IHL] & 0xf) * 4;
	if (ip[IPV4_VERSION_IHL] >> 4 != 4 || *header < IPV4_LEN || *header > len)
		return DROP_INNER_MALFORMED;
	if (!checksum_ok(ip, *header))
		return DROP_INNER_CHECKSUM;
	while (at < *header && ip[at] != IPV4_OPTION_END) {
		size_t n = 1;

		if (ip[at] == IPV4_OPTION_LSRR || ip[at] == IPV4_OPTION_SSRR)
			return DROP_SOURCE_ROUTE;
		if (ip[at] != IPV4_OPTION_NOP)
			n = at + 1 < *header ? ip[at + 1] : 0;
		if ((n < 2 && ip[at] != IPV4_OPTION_NOP) || n > *header - at)
			return DROP_INNER_MALFORMED;
		at += n;
	}
	return DROP_NONE;
}

static ALWAYS_INLINE enum drop check_ipv4(struct packet *p)
{
	const uint8_t *ip = p->data;
	size_t header = IPV4_LEN, total;
	enum drop drop;

	if (p->len < IPV4_LEN)
		return DROP_INNER_MALFORMED;
	total = wire_16(ip + IPV4_LENGTH);
	if (__builtin_expect(ip[IPV4_VERSION_IHL] != IPV4_PLAIN, 0)) {
		drop = check_options(ip, p->len, &header);
		if (drop != DROP_NONE)
			return drop;
	} else if (!checksum_ok_plain(ip)) {
		return total < IPV4_LEN || total > p->len ? DROP_INNER_MALFORMED
							  : DROP_INNER_CHECKSUM;
	}
	if (total < header || total > p->len)
		return total > p->len ? truncated(p) : DROP_INNER_MALFORMED;
	if (wire_16(ip + IPV4_FRAGMENT) & IPV4_MF_OR_OFFSET)
		return DROP_FRAGMENT;

	p->len = (uint16_t)total; /* what follows is padding */
	p->l4 = (uint8_t)header;
	return DROP_NONE;
}

static enum drop key_icmp(struct packet *p, const uint8_t *l4, size_t len)
{
	be16_t id;

	if (len < ICMP_LEN)
		return DROP_INNER_MALFORMED;
	id = wire_be16(l4 + ICMP_ID);
	if (icmp_is_request(l4[ICMP_TYPE])) {
		p->probe.key.sport = id;
		p->probe.key.dport = 0;
	} else if (icmp_is_reply(l4[ICMP_TYPE])) {
		p->probe.key.sport = 0;
		p->probe.key.dport = id;
	} else {
		return DROP_PROTOCOL;
	}
	return DROP_NONE;
}

/*
 * Another protocol may be in a flow that keeps its source: the pair of addresses is its key. A
 * source that is a tunnel end of ours marks a keepalive (answer/keepalive.c).
 */
static __attribute__((noinline)) enum drop key_other(const struct context *ctx, struct packet *p)
{
	const struct flow_key *key = &p->probe.key;

	if (ctx->nexthops->routes.n_vnets == 0 || key->proto == PROTO_ICMPV6 ||
	    network_is_local_end(ctx->net, key->src))
		return DROP_PROTOCOL;
	return p->onramp != TUNNEL_NONE || network_is_untranslated(ctx->net, key->dst)
		       ? DROP_NONE
		       : DROP_PROTOCOL;
}

static ALWAYS_INLINE enum drop parse(const struct context *ctx, struct packet *p)
{
	const uint8_t *ip = p->data, *l4;
	enum drop drop = check_ipv4(p);
	size_t len;

	if (drop != DROP_NONE)
		return drop;
	p->probe.key = (struct flow_key){
		.src = wire_be32(ip + IPV4_SRC),
		.dst = wire_be32(ip + IPV4_DST),
		.realm = ctx->net->tunnel_sites[p->onramp], /* tunnel 0: the Internet */
		.proto = ip[IPV4_PROTO],
	};
	p->tcp_flags = 0;
	l4 = ip + p->l4;
	len = (size_t)p->len - p->l4;

	switch (ip[IPV4_PROTO]) {
	case PROTO_TCP:
		return transport_tcp(p, l4, len);
	case PROTO_UDP:
		return transport_udp(p, l4, len);
	case PROTO_ICMP:
		return key_icmp(p, l4, len);
	default:
		return key_other(ctx, p);
	}
}

/*
 * RFC 1812 section 5.3.1. A packet to the gateway itself is not forwarded, so its TTL may be used
 * up.
 */
static bool ttl_expired(const struct context *ctx, const struct packet *p)
{
	return p->data[IPV4_TTL] <= 1 && p->onramp != TUNNEL_NONE &&
	       p->probe.key.dst != ctx->net->tunnels[p->onramp].address;
}

/* A protocol that is not translated. ICMP messages other than queries are local to a link. */
static void refuse_protocol(struct context *ctx, struct burst *b, struct packet *p)
{
	if (p->onramp == TUNNEL_NONE || p->probe.key.proto == PROTO_ICMP ||
	    !network_source_allowed(ctx->net, p->probe.key.realm, p->probe.key.src) ||
	    !errors_may_refuse(ctx, p->probe.key.realm)) {
		burst_drop(b, p, DROP_PROTOCOL);
		return;
	}
	p->refusal = DROP_PROTOCOL;
	burst_answer(b, p, ANSWER_PROTOCOL);
}

/* Off the fast path: fragments, ICMP errors and packets that are refused. */
static void parse_leave(struct context *ctx, struct burst *b, struct packet *p, enum drop drop)
{
	if (drop == DROP_FRAGMENT)
		burst_reassemble(b, p, SITE_INTERNET);
	else if (drop != DROP_PROTOCOL)
		burst_drop(b, p, drop);
	else if (embedded_is_error(p))
		burst_pass(b, STAGE_EMBEDDED, p);
	else if (!keepalive_answer(ctx, b, p))
		refuse_protocol(ctx, b, p);
}

static ALWAYS_INLINE void parse_sort(struct context *ctx, struct burst *b, struct packet *p)
{
	enum drop drop = parse(ctx, p);

	if (drop != DROP_NONE)
		parse_leave(ctx, b, p, drop);
	else if (ttl_expired(ctx, p))
		burst_answer(b, p, ANSWER_TTL_EXPIRED);
	else if (ctx->count > 1 && owner_by_port(ctx, p))
		burst_handover(b, p, HANDOVER_TO_PARSE);
	else
		burst_pass(b, STAGE_LOOKUP, p);
}

enum drop parse_header(struct packet *p)
{
	return check_ipv4(p);
}

void parse_packet(struct context *ctx, struct burst *b, struct packet *p)
{
	parse_sort(ctx, b, p);
}

void stage_parse(struct context *ctx, struct burst *b)
{
	partial_look(ctx, b, STAGE_PARSE);
	for (unsigned i = 0; i < b->n[STAGE_PARSE]; i++)
		parse_sort(ctx, b, b->list[STAGE_PARSE][i]);
}
