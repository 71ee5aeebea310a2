/*
 * A fragment: one fragment, as its headers say, and the header of the packet that the fragments
 * make. Private to in/. Pure functions on bytes: fragment.c for IPv4, fragment6.c for IPv6.
 */
#pragma once

#include "base/drop.h"
#include "flow/flow6.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAGMENT_HEADER_MAX = 256 };

struct fragment {
	/*
	 * Of which packet: addresses (of IPv4: mapped) and protocol; ports: the identification's
	 * two halves. The realm and what else tells packets apart is the caller's to write.
	 */
	struct flow6_key key;
	const uint8_t *header; /* all that is in front of the payload, */
	size_t header_len; /* at most FRAGMENT_HEADER_MAX; of IPv6 the fragment header is its end */
	const uint8_t *payload;
	size_t at, len; /* where in the packet's payload it belongs; sound as extent.h has it */
	bool last; /* no more fragments follow it */
	bool congested; /* marked on the way (RFC 3168 section 5.3) */
	bool mute; /* a first fragment of what is never answered: an ICMP error */
};

/*
 * Reads the fragment at @ip, whose header parse_header() found sound, or parse6_header(). The
 * fragment points into it. DROP_FRAGMENT: it can't be a part of any packet, or hides what decisions
 * are made on; of IPv6 also other reasons for which ipv6_walk() refuses a packet.
 */
enum drop fragment_read(const uint8_t *ip, struct fragment *fragment);
enum drop fragment6_read(const uint8_t *ip, struct fragment *fragment);

/* How much of a first fragment's header of @header_len bytes is the whole packet's. */
size_t fragment_packet_header(size_t header_len);
size_t fragment6_packet_header(size_t header_len);

/*
 * Writes the whole packet's header to @ip: fragment_packet_header() bytes made of the first
 * fragment's @header. @payload bytes are behind it; both together are at most 65,535.
 */
void fragment_write_header(uint8_t *ip, const uint8_t *header, size_t header_len, size_t payload,
			   bool congested);
void fragment6_write_header(uint8_t *ip, const uint8_t *header, size_t header_len, size_t payload,
			    bool congested);
