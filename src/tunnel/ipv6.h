/*
 * The extension headers of IPv6 (RFC 8200 section 4).
 */
#pragma once

#include "base/drop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IPV6_FRAGMENT_LEN = 8, /* of the fragment header, section 4.5 */
	IPV6_FRAGMENT_OFFSET = 2, /* mask: the offset in bytes, without the low bits */
	IPV6_FRAGMENT_ID = 4,
	IPV6_MORE = 1,
	IPV6_OFFSET = 0xfff8,
	IPV6_OFFSET_OR_MORE = 0xfff9,
};

/* Offsets are from the IPv6 header's first byte. */
struct ipv6_chain {
	uint8_t proto; /* of the last header */
	uint8_t l4; /* its offset; the packet's length if nothing follows */
	uint8_t fragment; /* offset of the fragment header; 0: none */
	uint8_t names_fragment; /* offset of the byte that names the fragment header */
	uint8_t per_hop; /* where the part that may be fragmented begins */
};

/*
 * Walks the headers of the packet at @ip, @len bytes in all and at least IPV6_LEN. DROP_NONE, or
 * the reason to drop it. DROP_FRAGMENT: it is a fragment, and @c is valid up to its fragment
 * header. With @first a first fragment is walked like a whole packet, and only a later fragment is
 * DROP_FRAGMENT.
 */
enum drop ipv6_walk(const uint8_t *ip, size_t len, bool first, struct ipv6_chain *c);

/*
 * May the destination process this packet? Not if there is an unknown option that demands a discard
 * (section 4.2). @len: bytes of all headers, as ipv6_walk() found.
 */
enum drop ipv6_check_options(const uint8_t *ip, size_t len);
