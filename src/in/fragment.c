/*
 * Fragments of IPv4 packets (RFC 791 section 3.2): see fragment.h.
 *
 * The protocol is part of the key of fragments. A TCP header that is split over two fragments is
 * refused: both the first fragment and the one with the rest (RFC 1858).
 */
#include "in/fragment.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "in/extent.h"

/* RFC 1858 sections 3.2.1 and 4.2: ports and flags must be in one fragment. */
static bool is_tiny(uint8_t proto, const struct fragment *f)
{
	return proto == PROTO_TCP &&
	       ((f->at == 0 && f->len < TCP_LEN) || (f->at > 0 && f->at < TCP_LEN));
}

/* RFC 1122 section 3.2.2: no error about an error, or about a packet that may be an error. */
static bool is_mute(uint8_t proto, const struct fragment *f)
{
	uint8_t type = f->payload[ICMP_TYPE];

	return proto == PROTO_ICMP && !icmp_is_request(type) && !icmp_is_reply(type);
}

enum drop fragment_read(const uint8_t *ip, struct fragment *f)
{
	uint16_t word = wire_16(ip + IPV4_FRAGMENT);
	size_t header = (size_t)(ip[IPV4_VERSION_IHL] & 0xf) * 4;
	uint8_t proto = ip[IPV4_PROTO];

	*f = (struct fragment){
		.key =
			{
				.src = addr6_from_ipv4(wire_be32(ip + IPV4_SRC)),
				.dst = addr6_from_ipv4(wire_be32(ip + IPV4_DST)),
				.sport = wire_be16(ip + IPV4_ID),
				.proto = proto,
			},
		.header = ip,
		.header_len = header,
		.payload = ip + header,
		.at = (size_t)(word & IPV4_OFFSET) * 8,
		.len = wire_16(ip + IPV4_LENGTH) - header,
		.last = !(word & IPV4_MF),
		.congested = (ip[IPV4_TOS] & IPV4_ECN) == IPV4_ECN_CE,
	};
	if (!extent_is_sound(f->at, f->len, f->last) || is_tiny(proto, f))
		return DROP_FRAGMENT;
	f->mute = f->at == 0 && is_mute(proto, f);
	return DROP_NONE;
}

size_t fragment_packet_header(size_t header_len)
{
	return header_len;
}

void fragment_write_header(uint8_t *ip, const uint8_t *header, size_t header_len, size_t payload,
			   bool congested)
{
	memcpy(ip, header, header_len);
	wire_put_be16(ip + IPV4_LENGTH, htons((uint16_t)(header_len + payload)));
	wire_put_be16(ip + IPV4_FRAGMENT, 0);
	if (congested && ip[IPV4_TOS] & IPV4_ECN)
		ip[IPV4_TOS] |= IPV4_ECN_CE;
	wire_put_be16(ip + IPV4_CHECKSUM, 0);
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, header_len));
}
