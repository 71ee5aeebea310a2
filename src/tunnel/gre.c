/*
 * GRE: see gre.h.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |C| |K|S| Reserved0       | Ver |         Protocol Type         |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |      Checksum (C)             |       Reserved1 (C)           |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                         Key (K)                               |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   |                   Sequence Number (S)                         |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * RFC 2784 section 2.1: reserved bits 1 to 5 set means discard, 6 to 12 are ignored.
 */
#include "tunnel/gre.h"

#include "base/checksum.h"
#include "base/wire.h"

/* Protocol types of payloads that are not plain IP packets. */
enum {
	GRE_TRANSPARENT_ETHERNET = 0x6558, /* RFC 7637 and gretap */
	GRE_ERSPAN_2 = 0x88be, /* types I and II */
	GRE_ERSPAN_3 = 0x22eb,
	GRE_PPP = 0x880b, /* GRE version 1: RFC 2637 */
	GRE_EOIP = 0x6400, /* GRE version 1 */
};

enum drop gre_name_stranger(uint16_t flags, uint16_t protocol)
{
	if ((flags & GRE_VERSION) == 1 && protocol == GRE_PPP)
		return DROP_GRE_PPTP;
	if ((flags & GRE_VERSION) == 1 && protocol == GRE_EOIP)
		return DROP_GRE_EOIP;
	if (flags & (GRE_MUST_BE_ZERO | GRE_VERSION))
		return DROP_GRE_MALFORMED;
	if (protocol == GRE_TRANSPARENT_ETHERNET)
		return DROP_GRE_ETHERNET;
	if (protocol == GRE_ERSPAN_2 || protocol == GRE_ERSPAN_3)
		return DROP_GRE_ERSPAN;
	return DROP_GRE_PROTOCOL;
}

bool gre_match_embedded(const uint8_t *p, size_t len, struct tunnel_opened *out)
{
	if (len < 2 * GRE_WORD)
		return false;
	*out = (struct tunnel_opened){
		.has_key = wire_16(p) == GRE_K,
		.type = wire_16(p + GRE_TYPE_AT),
		.len = GRE_WORD,
	};
	if (out->has_key) {
		out->key = ntohl(wire_be32(p + GRE_WORD));
		out->len = 2 * GRE_WORD;
	}
	return (out->has_key || wire_16(p) == 0) &&
	       (out->type == ETHER_IPV4 || out->type == ETHER_IPV6);
}

bool gre_is_stranger(enum drop drop)
{
	return drop == DROP_GRE_UNKNOWN || drop == DROP_GRE_ETHERNET || drop == DROP_GRE_ERSPAN ||
	       drop == DROP_GRE_EOIP || drop == DROP_GRE_PPTP;
}

uint8_t gre_overhead(bool over_ipv6, bool has_key)
{
	return (uint8_t)((over_ipv6 ? IPV6_LEN : IPV4_LEN) + (has_key ? 2 : 1) * GRE_WORD);
}

static void make_ipv4(uint8_t *out, const struct tunnel_outside *ends)
{
	memset(out, 0, IPV4_LEN);
	out[IPV4_VERSION_IHL] = 4 << 4 | IPV4_LEN / 4;
	wire_put_be16(out + IPV4_FRAGMENT, htons(ends->df ? IPV4_DF : 0));
	out[IPV4_TTL] = ends->ttl;
	out[IPV4_PROTO] = PROTO_GRE;
	wire_put_be32(out + IPV4_SRC, addr6_to_ipv4(&ends->local));
	wire_put_be32(out + IPV4_DST, addr6_to_ipv4(&ends->remote));
	wire_put_be16(out + IPV4_CHECKSUM, checksum_make(out, IPV4_LEN));
}

static void make_ipv6(uint8_t *out, const struct tunnel_outside *ends)
{
	memset(out, 0, IPV6_LEN);
	out[IPV6_VERSION] = 6 << 4;
	out[IPV6_NEXT] = PROTO_GRE;
	out[IPV6_HOPS] = ends->ttl;
	memcpy(out + IPV6_SRC, &ends->local, sizeof(ends->local));
	memcpy(out + IPV6_DST, &ends->remote, sizeof(ends->remote));
}

uint8_t gre_make_header(uint8_t *out, const struct tunnel_outside *ends)
{
	bool over_ipv6 = !addr6_is_mapped(&ends->local);
	uint8_t *gre = out + (over_ipv6 ? IPV6_LEN : IPV4_LEN);

	if (over_ipv6)
		make_ipv6(out, ends);
	else
		make_ipv4(out, ends);
	wire_put_be16(gre, htons(ends->has_key ? GRE_K : 0));
	wire_put_be16(gre + GRE_TYPE_AT, htons(ETHER_IPV4));
	if (ends->has_key)
		wire_put_be32(gre + GRE_WORD, htonl(ends->key));
	return gre_overhead(over_ipv6, ends->has_key);
}
