/*
 * Fragments of IPv6 packets (RFC 8200 section 4.5): see fragment.h.
 *
 *   | IPv6, per-hop headers | fragment header | a part of the rest |
 *
 * The headers in front of the fragment header belong to the reassembled packet. The fragment header
 * says which part follows, and which kind of header the fragmented part begins with. The key of
 * fragments is addresses and identification alone. The first one has to hold all headers up to and
 * including the transport's (RFC 7112), so that none can be hidden. A second fragment header is
 * refused.
 */
#include "in/fragment.h"

#include "base/wire.h"
#include "in/extent.h"
#include "tunnel/ipv6.h"

/* Is the transport header at @l4 complete within @len bytes? */
static bool has_transport(uint8_t proto, const uint8_t *l4, size_t len)
{
	switch (proto) {
	case PROTO_TCP:
		return len >= TCP_LEN && len >= (size_t)(l4[TCP_OFFSET] >> 4) * 4;
	case PROTO_UDP:
		return len >= UDP_LEN;
	case PROTO_ICMPV6:
		return len >= ICMP_LEN;
	case PROTO_SCTP:
		return len >= SCTP_LEN;
	default:
		return true; /* forwarded by addresses alone, or refused by parse6 */
	}
}

/* Are all headers in the first fragment? @len: bytes of the fragment at @ip. */
static enum drop check_first(const uint8_t *ip, size_t len, struct fragment *f)
{
	struct ipv6_chain c;
	enum drop drop = ipv6_walk(ip, len, true, &c);

	if (drop == DROP_INNER_MALFORMED)
		return DROP_FRAGMENT;
	if (drop != DROP_NONE)
		return drop;
	if (!has_transport(c.proto, ip + c.l4, len - c.l4))
		return DROP_FRAGMENT;
	/* RFC 4443 section 2.1: errors are the types below 128. */
	f->mute = c.proto == PROTO_ICMPV6 && ip[c.l4 + ICMP_TYPE] < ICMPV6_ECHO_REQUEST;
	return DROP_NONE;
}

enum drop fragment6_read(const uint8_t *ip, struct fragment *f)
{
	size_t len = IPV6_LEN + (size_t)wire_16(ip + IPV6_LENGTH), header;
	const uint8_t *fragment;
	struct ipv6_chain c;
	enum drop drop = ipv6_walk(ip, len, false, &c);
	uint16_t word;

	if (drop != DROP_FRAGMENT)
		return drop == DROP_NONE ? DROP_FRAGMENT : drop;
	fragment = ip + c.fragment;
	word = wire_16(fragment + IPV6_FRAGMENT_OFFSET);
	header = (size_t)c.fragment + IPV6_FRAGMENT_LEN;
	*f = (struct fragment){
		.key =
			{
				.src = addr6_read(ip + IPV6_SRC),
				.dst = addr6_read(ip + IPV6_DST),
				.sport = wire_be16(fragment + IPV6_FRAGMENT_ID),
				.dport = wire_be16(fragment + IPV6_FRAGMENT_ID + 2),
			},
		.header = ip,
		.header_len = header,
		.payload = ip + header,
		.at = word & IPV6_OFFSET,
		.len = len - header,
		.last = !(word & IPV6_MORE),
		.congested = (ip[1] >> 4 & IPV4_ECN) == IPV4_ECN_CE,
	};
	if (header > FRAGMENT_HEADER_MAX ||
	    fragment6_packet_header(header) + f->at + f->len > UINT16_MAX ||
	    !extent_is_sound(f->at, f->len, f->last))
		return DROP_FRAGMENT;
	return f->at == 0 ? check_first(ip, len, f) : DROP_NONE;
}

size_t fragment6_packet_header(size_t header_len)
{
	return header_len - IPV6_FRAGMENT_LEN;
}

void fragment6_write_header(uint8_t *ip, const uint8_t *header, size_t header_len, size_t payload,
			    bool congested)
{
	size_t whole = fragment6_packet_header(header_len);
	struct ipv6_chain c;

	ipv6_walk(header, header_len, false, &c); /* checked: up to the fragment header */
	memcpy(ip, header, whole);
	ip[c.names_fragment] = header[c.fragment];
	wire_put_be16(ip + IPV6_LENGTH, htons((uint16_t)(whole - IPV6_LEN + payload)));
	if (congested && ip[1] >> 4 & IPV4_ECN)
		ip[1] |= IPV4_ECN_CE << 4;
}
