/*
 * Transport headers, the same over IPv4 and IPv6. Of a packet: is the header there and as long as
 * it says? Writes ports, and TCP flags. @l4 has @len bytes. Of an embedded packet: which are its
 * answers?
 */
#pragma once

#include "base/wire.h"
#include "path/packet.h"

/* Why the packet @p, which is shorter than its IP header says, is dropped. */
static inline enum drop truncated(const struct packet *p)
{
	return p->onramp == TUNNEL_NONE ? DROP_TRUNCATED : DROP_INNER_MALFORMED;
}

static inline enum drop transport_tcp(struct packet *p, const uint8_t *l4, size_t len)
{
	size_t header;

	if (len < TCP_LEN)
		return DROP_INNER_MALFORMED;
	header = (size_t)(l4[TCP_OFFSET] >> 4) * 4;
	if (header < TCP_LEN || header > len)
		return DROP_INNER_MALFORMED;
	p->probe.key.sport = wire_be16(l4 + TCP_SPORT);
	p->probe.key.dport = wire_be16(l4 + TCP_DPORT);
	p->tcp_flags = l4[TCP_FLAGS];
	return DROP_NONE;
}

static inline enum drop transport_udp(struct packet *p, const uint8_t *l4, size_t len)
{
	if (len < UDP_LEN || wire_16(l4 + UDP_LENGTH) < UDP_LEN || wire_16(l4 + UDP_LENGTH) > len)
		return DROP_INNER_MALFORMED;
	p->probe.key.sport = wire_be16(l4 + UDP_SPORT);
	p->probe.key.dport = wire_be16(l4 + UDP_DPORT);
	return DROP_NONE;
}

enum { TRANSPORT_EMBEDDED_MIN = 8 }; /* bytes of an embedded header that say enough (RFC 792) */

/*
 * The ports of the answers to what is embedded at @l4, at least TRANSPORT_EMBEDDED_MIN bytes: it
 * has @ports, or is a @request or @reply of ICMP, or has nothing to tell flows apart by.
 */
static inline void transport_embedded(const uint8_t *l4, bool ports, bool request, bool reply,
				      be16_t *sport, be16_t *dport)
{
	*sport = ports ? wire_be16(l4 + TCP_DPORT) : reply ? wire_be16(l4 + ICMP_ID) : 0;
	*dport = ports ? wire_be16(l4 + TCP_SPORT) : request ? wire_be16(l4 + ICMP_ID) : 0;
}
