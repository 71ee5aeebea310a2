/*
 * Transport headers, the same over IPv4 and IPv6. For a packet: checks that the header is complete
 * and writes ports and TCP flags; @l4 has @len bytes. For an embedded packet: writes the ports of
 * packets in the opposite direction.
 */
#pragma once

#include "base/wire.h"
#include "path/packet.h"

/* The drop reason of packet @p, which is shorter than its IP header says. */
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

enum { TRANSPORT_EMBEDDED_MIN = 8 }; /* bytes of an embedded header that suffice (RFC 792) */

/*
 * Writes the ports of packets in the opposite direction of the one embedded at @l4, at least
 * TRANSPORT_EMBEDDED_MIN bytes. The embedded packet has @ports, or is an ICMP @request or @reply,
 * or has no ports at all.
 */
static inline void transport_embedded(const uint8_t *l4, bool ports, bool request, bool reply,
				      be16_t *sport, be16_t *dport)
{
	*sport = ports ? wire_be16(l4 + TCP_DPORT) : reply ? wire_be16(l4 + ICMP_ID) : 0;
	*dport = ports ? wire_be16(l4 + TCP_SPORT) : request ? wire_be16(l4 + ICMP_ID) : 0;
}
