/*
 * Parse of IPv6 (RFC 8200): is the inner packet sound, and by what key is it looked up?
 *
 * Extension headers are walked over (tunnel/ipv6.h). There is no header checksum. A UDP checksum of
 * zero means none, as tunnels use it (RFC 6935).
 *
 * A flow that is not translated needs no ports: for an unknown protocol the pair of addresses is
 * its key. Where there are private destinations, setup decides whether it is such a flow. ICMPv6 is
 * an exception: messages other than echo and errors stay on their link.
 */
#include "in/stages.h"

#include "answer/errors.h"
#include "answer/keepalive.h"
#include "base/wire.h"
#include "in/parse.h"
#include "in/partial.h"
#include "in/transport.h"
#include "path/owner.h"
#include "tunnel/ipv6.h"

static enum drop key_icmpv6(struct packet *p, const uint8_t *l4, size_t len)
{
	if (len < ICMP_LEN)
		return DROP_INNER_MALFORMED;
	if (l4[ICMP_TYPE] == ICMPV6_ECHO_REQUEST)
		p->probe.key.sport = wire_be16(l4 + ICMP_ID);
	else if (l4[ICMP_TYPE] == ICMPV6_ECHO_REPLY)
		p->probe.key.dport = wire_be16(l4 + ICMP_ID);
	else
		return DROP_PROTOCOL;
	return DROP_NONE;
}

/*
 * From a site with a source in its global prefix, or perhaps to a private destination; or from the
 * Internet to any global prefix. A source that is a tunnel end of ours marks a keepalive.
 */
static bool is_untranslated(const struct context *ctx, const struct packet *p,
			    const struct flow6_key *key)
{
	if (p->onramp == TUNNEL_NONE)
		return network_find_global(ctx->net, &key->dst) != SITE_INTERNET;
	if (ctx->nexthops->routes.n_vnets > 0 && !network_is_local_end6(ctx->net, &key->src))
		return true;
	return network_find_global(ctx->net, &key->src) == p->probe.key.realm;
}

static enum drop key_other(const struct context *ctx, struct packet *p, const struct flow6_key *key,
			   const uint8_t *l4, size_t len)
{
	if (p->probe.key.proto == PROTO_ICMP || !is_untranslated(ctx, p, key))
		return DROP_PROTOCOL;
	if (p->probe.key.proto != PROTO_SCTP)
		return DROP_NONE;
	if (len < SCTP_LEN)
		return DROP_INNER_MALFORMED;
	p->probe.key.sport = wire_be16(l4 + SCTP_SPORT);
	p->probe.key.dport = wire_be16(l4 + SCTP_DPORT);
	return DROP_NONE;
}

static enum drop check_ipv6(struct packet *p, struct ipv6_chain *chain)
{
	const uint8_t *ip = p->data;
	size_t total;

	if (p->len < IPV6_LEN || ip[IPV6_VERSION] >> 4 != 6)
		return DROP_INNER_MALFORMED;
	total = IPV6_LEN + (size_t)wire_16(ip + IPV6_LENGTH);
	if (total > p->len)
		return truncated(p);
	p->len = (uint16_t)total; /* what follows is padding */
	return ipv6_walk(ip, total, false, chain);
}

static enum drop parse(const struct context *ctx, struct packet *p, struct flow6_key *key)
{
	struct ipv6_chain chain;
	const uint8_t *l4;
	enum drop drop;
	size_t len;

	if (ctx->flows6 == NULL)
		return DROP_NO_IPV6;
	p->fragment_limit = 0;
	drop = check_ipv6(p, &chain);
	if (drop != DROP_NONE)
		return drop;
	p->l4 = chain.l4;
	p->probe.key = (struct flow_key){
		.realm = ctx->net->tunnel_sites[p->onramp], /* tunnel 0: the Internet */
		.proto = chain.proto,
	};
	p->tcp_flags = 0;
	key->src = addr6_read(p->data + IPV6_SRC);
	key->dst = addr6_read(p->data + IPV6_DST);
	l4 = p->data + p->l4;
	len = (size_t)p->len - p->l4;

	switch (chain.proto) {
	case PROTO_TCP:
		return transport_tcp(p, l4, len);
	case PROTO_UDP:
		return transport_udp(p, l4, len);
	case PROTO_ICMPV6:
		return key_icmpv6(p, l4, len);
	default:
		return key_other(ctx, p, key, l4, len);
	}
}

/*
 * All but the addresses is in the packet's own probe, too: code for both families reads it there.
 */
static void complete_key(const struct packet *p, struct flow6_key *key)
{
	key->sport = p->probe.key.sport;
	key->dport = p->probe.key.dport;
	key->realm = p->probe.key.realm;
	key->proto = p->probe.key.proto;
	key->domain = FLOW_DOMAIN_KEY;
}

static bool hops_expired(const struct context *ctx, const struct packet *p,
			 const struct flow6_key *key)
{
	return p->data[IPV6_HOPS] <= 1 && p->onramp != TUNNEL_NONE &&
	       !addr6_equal(&key->dst, &ctx->net->tunnel_addresses6[p->onramp]);
}

/* RFC 4443 section 2.1: errors are the types below 128; we know four of them. */
static bool is_error(const struct packet *p)
{
	const uint8_t *icmp = p->data + p->l4;

	return p->probe.key.proto == PROTO_ICMPV6 && p->len >= p->l4 + ICMP_LEN &&
	       icmp[ICMP_TYPE] >= ICMPV6_UNREACHABLE && icmp[ICMP_TYPE] <= ICMPV6_PARAMETER;
}

/* As in parse.c. With a global prefix every protocol is forwarded. */
static void refuse_protocol(struct context *ctx, struct burst *b, struct packet *p)
{
	uint16_t site = p->probe.key.realm;

	if (p->onramp == TUNNEL_NONE || p->probe.key.proto == PROTO_ICMPV6 ||
	    !network_source6_allowed(ctx->net, site, &burst_key6(b, p)->src) ||
	    !errors_may_refuse(ctx, site)) {
		burst_drop(b, p, DROP_PROTOCOL);
		return;
	}
	p->refusal = DROP_PROTOCOL;
	burst_answer(b, p, ANSWER_PROTOCOL);
}

/* Off the fast path: fragments, ICMPv6 errors and packets that are refused. */
static void parse6_leave(struct context *ctx, struct burst *b, struct packet *p, enum drop drop)
{
	if (drop == DROP_FRAGMENT)
		burst_reassemble(b, p, SITE_INTERNET);
	else if (drop != DROP_PROTOCOL && drop != DROP_NO_IPV6)
		burst_drop(b, p, drop);
	else if (drop == DROP_PROTOCOL && is_error(p))
		burst_pass(b, STAGE_EMBEDDED, p);
	else if (keepalive_answer6(ctx, b, p))
		return;
	else if (drop == DROP_NO_IPV6)
		burst_drop(b, p, drop);
	else
		refuse_protocol(ctx, b, p);
}

enum drop parse6_header(struct packet *p)
{
	struct ipv6_chain chain;

	return check_ipv6(p, &chain);
}

void parse6_packet(struct context *ctx, struct burst *b, struct packet *p)
{
	struct flow6_key *key = burst_key6(b, p);
	enum drop drop = parse(ctx, p, key);

	complete_key(p, key);
	if (drop != DROP_NONE)
		parse6_leave(ctx, b, p, drop);
	else if (hops_expired(ctx, p, key))
		burst_answer(b, p, ANSWER_TTL_EXPIRED);
	else if (ctx->count > 1 && owner_by_port6(ctx, p, key))
		burst_handover(b, p, HANDOVER_TO_PARSE);
	else
		burst_pass(b, STAGE_LOOKUP6, p);
}

void stage_parse6(struct context *ctx, struct burst *b)
{
	partial_look(ctx, b, STAGE_PARSE6);
	for (unsigned i = 0; i < b->n[STAGE_PARSE6]; i++)
		parse6_packet(ctx, b, b->list[STAGE_PARSE6][i]);
}
