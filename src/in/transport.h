/*
 * Transport headers, the same over IPv4 and IPv6: is the header there and as long as it says? Writes
 * ports, and TCP flags. @l4 has @len bytes.
 */
#pragma once

#include "base/wire.h"
#include "packet.h"

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
