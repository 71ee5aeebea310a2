/*
 * Step: check that this packet may start a flow.
 *
 * A TCP SYN, UDP, an ICMP echo or timestamp request, and any other protocol if the flow is not
 * translated. The packet must come from a tunnel; inbound.c handles flows from the Internet. A TCP
 * segment without SYN never starts a flow. An echo reply may be the answer to a probe of ours.
 */
#include "setup/setup.h"

#include "answer/probe.h"
#include "base/wire.h"

static ALWAYS_INLINE enum drop check_tcp(uint8_t flags)
{
	flags &= TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN;
	if (flags == TCP_SYN)
		return DROP_NONE;
	if (flags & TCP_SYN && flags & (TCP_FIN | TCP_RST))
		return DROP_TCP_FLAGS;
	return flags & (TCP_SYN | TCP_ACK | TCP_RST) ? DROP_NO_FLOW : DROP_TCP_FLAGS;
}

enum drop start_check_tcp(uint8_t flags)
{
	return check_tcp(flags);
}

/* An ICMP or ICMPv6 message that opens no flow. */
static __attribute__((noinline)) enum drop refuse_icmp(struct setup *s)
{
	struct packet *p = s->p;
	uint8_t reply = s->six == NULL ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY;

	if (p->data[p->l4 + ICMP_TYPE] != reply ||
	    !probe_heard(s->ctx, p, s->six == NULL ? NULL : &s->six->dst))
		return DROP_NO_FLOW;
	p->onramp = TUNNEL_NONE; /* the drop is not counted for the tunnel */
	return DROP_PROBE;
}

enum drop start_check(struct setup *s)
{
	const struct packet *p = s->p;
	const struct flow_key *key = &p->probe.key;
	enum drop drop;
	uint8_t state;

	if (p->onramp == TUNNEL_NONE)
		return DROP_NO_FLOW;

	switch (key->proto) {
	case PROTO_TCP:
		drop = check_tcp(p->tcp_flags);
		if (drop != DROP_NONE)
			return drop;
		state = FLOW_TCP_SYN_SENT;
		break;
	case PROTO_UDP:
		state = FLOW_UDP;
		break;
	case PROTO_ICMP:
		if (!icmp_is_request(p->data[p->l4 + ICMP_TYPE]))
			return refuse_icmp(s);
		state = FLOW_ICMP;
		break;
	case PROTO_ICMPV6: /* only over IPv6: parse refuses it over IPv4 */
		if (p->data[p->l4 + ICMP_TYPE] != ICMPV6_ECHO_REQUEST)
			return refuse_icmp(s);
		state = FLOW_ICMP;
		break;
	default: /* parse accepts it only if the flow may be an untranslated one */
		if (s->six == NULL && s->ctx->nexthops->routes.n_vnets == 0)
			return DROP_PROTOCOL;
		state = FLOW_OTHER;
	}

	s->flow.src = key->src;
	s->flow.dst = key->dst;
	s->flow.sport = key->sport;
	s->flow.dport = key->dport;
	s->flow.site = key->realm;
	s->flow.proto = key->proto;
	s->flow.state = state;
	s->flow.onramp = p->onramp;
	return DROP_NONE;
}
