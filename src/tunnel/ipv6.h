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
	IPV6_FRAGMENT_OFFSET = 2, /* in bytes as it stands there, its low bits apart */
	IPV6_FRAGMENT_ID = 4,
	IPV6_MORE = 1,
	IPV6_OFFSET = 0xfff8,
	IPV6_OFFSET_OR_MORE = 0xfff9,
};

/* Offsets are from the IPv6 header's first byte. */
struct ipv6_chain {
	uint8_t proto; /* behind the last header */
	uint8_t l4; /* where; what is there may be nothing: the packet's length */
	uint8_t fragment; /* the fragment header; 0: there is none */
	uint8_t names_fragment; /* the byte that names it */
	uint8_t per_hop; /* where what may be cut begins: what routers on the way read is before */
};

/*
 * Walks the headers of the packet at @ip, @len bytes in all and at least IPV6_LEN. DROP_NONE, or
 * why such a packet may not go on. DROP_FRAGMENT: it is a fragment, and @c is right up to its
 * fragment header; with @first only a later one is, a first fragment's header being walked over.
 */
enum drop ipv6_walk(const uint8_t *ip, size_t len, bool first, struct ipv6_chain *c);

/*
 * May the one to whom the packet is addressed go on with it? No, if there is an option that it does
 * not know and that says so (section 4.2). @len: the bytes that ipv6_walk() found in front of what
 * is behind the headers.
 */
enum drop ipv6_check_options(const uint8_t *ip, size_t len);
