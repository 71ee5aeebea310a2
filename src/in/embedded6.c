/*
 * Embedded, ICMPv6: read the error and the packet that it embeds. As embedded.c, by RFC 4443.
 *
 * The extension headers of the embedded packet are walked as those of any packet. No flow can be
 * found if the embedded packet ends before its ports, or is a later fragment. "Packet too big" is
 * the error that matters most, since IPv6 routers never fragment.
 */
#include "in/embedded.h"

#include "base/icmp6.h"
#include "base/wire.h"
#include "in/transport.h"
#include "tunnel/ipv6.h"

/* A flow that is not translated may have a protocol without ports. */
static enum drop read_ports(const uint8_t *l4, struct flow6_key *key)
{
	bool ports = key->proto == PROTO_TCP || key->proto == PROTO_UDP || key->proto == PROTO_SCTP;
	bool icmp = key->proto == PROTO_ICMPV6;
	bool request = icmp && l4[ICMP_TYPE] == ICMPV6_ECHO_REQUEST;
	bool reply = icmp && l4[ICMP_TYPE] == ICMPV6_ECHO_REPLY;

	transport_embedded(l4, ports, request, reply, &key->sport, &key->dport);
	return key->proto == PROTO_ICMP || (icmp && !request && !reply) ? DROP_ICMP_EMBEDDED
									: DROP_NONE;
}

enum drop embedded6_key(const uint8_t *embedded, size_t len, uint16_t realm, struct flow6_key *key)
{
	struct ipv6_chain chain;

	if (len < IPV6_LEN || embedded[IPV6_VERSION] >> 4 != 6 ||
	    ipv6_walk(embedded, len, true, &chain) != DROP_NONE ||
	    len < (size_t)chain.l4 + TRANSPORT_EMBEDDED_MIN)
		return DROP_ICMP_EMBEDDED;
	*key = (struct flow6_key){
		.src = addr6_read(embedded + IPV6_DST),
		.dst = addr6_read(embedded + IPV6_SRC),
		.realm = realm,
		.proto = chain.proto,
	};
	return read_ports(embedded + chain.l4, key);
}

enum drop embedded6_read(const struct context *ctx, struct packet *p, struct flow6_key *key)
{
	const uint8_t *icmp = p->data + p->l4;
	size_t len = (size_t)p->len - p->l4;
	struct addr6 src = addr6_read(p->data + IPV6_SRC), dst = addr6_read(p->data + IPV6_DST);
	enum drop drop;

	if (!icmp6_checksum_ok(&src, &dst, icmp, len))
		return DROP_ICMP_CHECKSUM;
	if (!addr6_is_host(&src))
		return DROP_MARTIAN;
	drop = embedded6_key(icmp + ICMP_LEN, len - ICMP_LEN, p->probe.key.realm, key);
	if (drop != DROP_NONE)
		return drop;
	/* The destination of an error must be the source of the embedded packet. */
	if (!addr6_equal(&key->dst, &dst))
		return DROP_ICMP_EMBEDDED;
	return p->data[IPV6_HOPS] <= 1 ? DROP_TTL_EXPIRED : DROP_NONE;
}
