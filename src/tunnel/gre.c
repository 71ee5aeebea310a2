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

enum {
	GRE_C = 0x8000,
	GRE_K = 0x2000,
	GRE_S = 0x1000,
	GRE_MUST_BE_ZERO =
		0x4c00, /* routing (RFC 1701), strict source route, first recursion bit */
	GRE_VERSION = 0x0007,
	GRE_WORD = 4,
};

/* Protocol types of what is not a packet in plain GRE. */
enum {
	GRE_TRANSPARENT_ETHERNET = 0x6558, /* RFC 7637 and gretap */
	GRE_ERSPAN_2 = 0x88be, /* types I and II */
	GRE_ERSPAN_3 = 0x22eb,
	GRE_PPP = 0x880b, /* of version 1: RFC 2637 */
	GRE_EOIP = 0x6400, /* of version 1 */
};

/* What is it that we do not take? Off the fast path. */
static __attribute__((noinline, cold)) enum drop name_stranger(uint16_t flags, uint16_t protocol)
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

enum drop gre_parse(const uint8_t *p, size_t len, struct gre *out)
{
	uint16_t flags;
	size_t need = GRE_WORD;

	if (len < GRE_WORD)
		return DROP_GRE_MALFORMED;
	flags = wire_16(p);
	if (flags & (GRE_MUST_BE_ZERO | GRE_VERSION))
		return name_stranger(flags, wire_16(p + 2));
	need += (flags & GRE_C ? GRE_WORD : 0) + (flags & GRE_K ? GRE_WORD : 0) +
		(flags & GRE_S ? GRE_WORD : 0);
	if (len < need)
		return DROP_GRE_MALFORMED;
	if (flags & GRE_C && !checksum_ok(p, len))
		return DROP_GRE_CHECKSUM;
	out->protocol = wire_16(p + 2);
	out->has_key = flags & GRE_K;
	out->key = 0;
	if (out->has_key)
		out->key = ntohl(wire_be32(p + GRE_WORD + (flags & GRE_C ? GRE_WORD : 0)));
	out->len = (uint8_t)need;
	if (__builtin_expect(out->protocol != ETHER_IPV4, 0) && out->protocol != ETHER_IPV6)
		return name_stranger(flags, out->protocol);
	return DROP_NONE;
}

uint8_t gre_overhead(bool over_ipv6, bool has_key)
{
	return (uint8_t)((over_ipv6 ? IPV6_LEN : IPV4_LEN) + (has_key ? 2 : 1) * GRE_WORD);
}

/* The GRE header itself. */
static void make_gre(uint8_t *gre, const struct gre_ends *ends)
{
	wire_put_be16(gre, htons(ends->has_key ? GRE_K : 0));
	wire_put_be16(gre + 2, htons(ETHER_IPV4));
	if (ends->has_key)
		wire_put_be32(gre + GRE_WORD, htonl(ends->key));
}

uint8_t gre_make_header(uint8_t *out, const struct gre_ends *ends)
{
	memset(out, 0, IPV4_LEN);
	out[IPV4_VERSION_IHL] = 4 << 4 | IPV4_LEN / 4;
	wire_put_be16(out + IPV4_FRAGMENT, htons(ends->df ? IPV4_DF : 0));
	out[IPV4_TTL] = ends->ttl;
	out[IPV4_PROTO] = PROTO_GRE;
	wire_put_be32(out + IPV4_SRC, ends->local);
	wire_put_be32(out + IPV4_DST, ends->remote);
	wire_put_be16(out + IPV4_CHECKSUM, checksum_make(out, IPV4_LEN));
	make_gre(out + IPV4_LEN, ends);
	return gre_overhead(false, ends->has_key);
}

uint8_t gre_make_header6(uint8_t *out, const struct gre_ends *ends)
{
	memset(out, 0, IPV6_LEN);
	out[IPV6_VERSION] = 6 << 4;
	out[IPV6_NEXT] = PROTO_GRE;
	out[IPV6_HOPS] = ends->ttl;
	memcpy(out + IPV6_SRC, &ends->local6, sizeof(ends->local6));
	memcpy(out + IPV6_DST, &ends->remote6, sizeof(ends->remote6));
	make_gre(out + IPV6_LEN, ends);
	return gre_overhead(true, ends->has_key);
}
