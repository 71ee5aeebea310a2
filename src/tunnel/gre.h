/*
 * GRE (RFC 2784, key and sequence number by RFC 2890) over IPv4 and IPv6 (RFC 7676), both
 * directions.
 */
#pragma once

#include "base/addr6.h"
#include "base/drop.h"
#include "base/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GRE_PROTOCOL_KEEPALIVE = 0 }; /* of what comes back: answer/keepalive.c */

struct gre {
	uint32_t key; /* host order */
	uint16_t protocol; /* of the payload: ETHER_IPV4 or ETHER_IPV6 */
	bool has_key;
	uint8_t len; /* header bytes: 4 to 16 */
};

/*
 * Reads the GRE header at @p, @len bytes up to the end of the outer packet. Checks version,
 * reserved bits, checksum if there is one, and that the payload is IPv4 or IPv6; a sequence number
 * is accepted and not looked at. DROP_NONE or why not; with DROP_GRE_PROTOCOL @out is written, too.
 */
enum drop gre_parse(const uint8_t *p, size_t len, struct gre *out);

struct gre_ends {
	be32_t local, remote;
	struct addr6 local6, remote6;
	uint32_t key; /* host order */
	bool has_key;
	bool df; /* IPv4 only */
	uint8_t ttl; /* or hop limit */
};

/*
 * What encapsulation adds to a packet, in bytes: outer IP header, GRE and key. The only place that
 * knows; the two functions below write as much.
 */
uint8_t gre_overhead(bool over_ipv6, bool has_key);

/*
 * Writes the outer headers of a tunnel over IPv4, 24 or 28 bytes, and returns how many. Total
 * length is zero and the IPv4 checksum is that of a zero length: encapsulation adds both, and the
 * inner packet's TOS. With df no router may fragment them (RFC 2784 leaves it to us).
 */
uint8_t gre_make_header(uint8_t *out, const struct gre_ends *ends);

/*
 * The same over IPv6, 44 or 48 bytes. Traffic class, flow label and payload length are zero:
 * encapsulation adds them.
 */
uint8_t gre_make_header6(uint8_t *out, const struct gre_ends *ends);
