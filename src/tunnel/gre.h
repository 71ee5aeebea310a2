/*
 * GRE (RFC 2784, key and sequence number by RFC 2890) over IPv4 and IPv6 (RFC 7676), both
 * directions: a kind of tunnel. The contracts of its functions are in tunnel/kind.h.
 */
#pragma once

#include "tunnel/kind.h"

enum {
	GRE_PROTOCOL_KEEPALIVE = 0, /* of answers to keepalives: answer/keepalive.c */
	GRE_TYPE_AT = 2, /* offset in the GRE header */
};

/*
 * Checks version, reserved bits, checksum if there is one, and that the payload is IPv4 or IPv6; a
 * sequence number is accepted and ignored. The header has 4 to 16 bytes.
 */
enum drop gre_open(const uint8_t *p, size_t len, struct tunnel_opened *out);

/* Accepts only headers as we make them: no option but a key. */
bool gre_match_embedded(const uint8_t *p, size_t len, struct tunnel_opened *out);

/* 24 or 28 bytes; over IPv6 44 or 48. */
uint8_t gre_overhead(bool over_ipv6, bool has_key);
uint8_t gre_make_header(uint8_t *out, const struct tunnel_outside *ends);

bool gre_is_stranger(enum drop drop);
