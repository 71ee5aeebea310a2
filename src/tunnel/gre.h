/*
 * GRE (RFC 2784, key and sequence number by RFC 2890) over IPv4 and IPv6 (RFC 7676), both
 * directions: a kind of tunnel. The contracts of its functions are in tunnel/kind.h.
 */
#pragma once

#include "base/checksum.h"
#include "base/wire.h"
#include "tunnel/kind.h"

enum {
	GRE_PROTOCOL_KEEPALIVE = 0, /* of answers to keepalives: answer/keepalive.c */
	GRE_TYPE_AT = 2, /* offset in the GRE header */
	GRE_C = 0x8000,
	GRE_K = 0x2000,
	GRE_S = 0x1000,
	GRE_MUST_BE_ZERO =
		0x4c00, /* routing (RFC 1701), strict source route, first recursion bit */
	GRE_VERSION = 0x0007,
	GRE_WORD = 4,
};

/* The drop reason of a header that we do not accept. Off the fast path. */
__attribute__((cold)) enum drop gre_name_stranger(uint16_t flags, uint16_t protocol);

/*
 * Checks version, reserved bits, checksum if there is one, and that the payload is IPv4 or IPv6; a
 * sequence number is accepted and ignored. The header has 4 to 16 bytes. It is here because every
 * packet of a tunnel needs it: compiled into its caller, *@out stays in registers.
 */
static ALWAYS_INLINE enum drop gre_open(const uint8_t *p, size_t len, struct tunnel_opened *out)
{
	uint16_t flags;
	size_t need = GRE_WORD;

	if (len < GRE_WORD)
		return DROP_GRE_MALFORMED;
	flags = wire_16(p);
	if (flags & (GRE_MUST_BE_ZERO | GRE_VERSION))
		return gre_name_stranger(flags, wire_16(p + GRE_TYPE_AT));
	need += (flags & GRE_C ? GRE_WORD : 0) + (flags & GRE_K ? GRE_WORD : 0) +
		(flags & GRE_S ? GRE_WORD : 0);
	if (len < need)
		return DROP_GRE_MALFORMED;
	if (__builtin_expect(flags & GRE_C, 0) && !checksum_ok(p, len))
		return DROP_GRE_CHECKSUM;
	out->type = wire_16(p + GRE_TYPE_AT);
	out->has_key = flags & GRE_K;
	out->key = 0;
	if (out->has_key)
		out->key = ntohl(wire_be32(p + GRE_WORD + (flags & GRE_C ? GRE_WORD : 0)));
	out->len = (uint8_t)need;
	if (__builtin_expect(out->type != ETHER_IPV4, 0) && out->type != ETHER_IPV6)
		return gre_name_stranger(flags, out->type);
	return DROP_NONE;
}

/* Accepts only headers as we make them: no option but a key. */
bool gre_match_embedded(const uint8_t *p, size_t len, struct tunnel_opened *out);

/* 24 or 28 bytes; over IPv6 44 or 48. */
uint8_t gre_overhead(bool over_ipv6, bool has_key);
uint8_t gre_make_header(uint8_t *out, const struct tunnel_outside *ends);

bool gre_is_stranger(enum drop drop);
