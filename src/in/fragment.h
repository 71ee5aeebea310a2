/*
 * Fragment: reads the headers of a fragment, and makes the header of the reassembled packet.
 * Private to in/. Pure functions on bytes: fragment.c for IPv4, fragment6.c for IPv6.
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
	 * Key of the packet: addresses (IPv4: mapped) and protocol; the ports hold the two halves
	 * of the identification. The caller writes the other fields, such as the realm.
	 */
	struct flow6_key key;
	const uint8_t *header; /* all headers in front of the payload */
	size_t header_len; /* at most FRAGMENT_HEADER_MAX; IPv6: ends with the fragment header */
	const uint8_t *payload;
	size_t at, len; /* offset and length in the packet's payload; valid by extent.h */
	bool last; /* no more fragments follow it */
	bool congested; /* it carries the CE mark (RFC 3168 section 5.3) */
	bool mute; /* a first fragment of an ICMP error: never answered */
};

/*
 * Reads the fragment at @ip, whose header parse_header() or parse6_header() has checked. @f points
 * into it. DROP_FRAGMENT: it cannot be part of any packet, or it hides headers that decisions are
 * made on. For IPv6 also the reasons of ipv6_walk().
 */
enum drop fragment_read(const uint8_t *ip, struct fragment *fragment);
enum drop fragment6_read(const uint8_t *ip, struct fragment *fragment);

/*
 * Length of the reassembled packet's header, made of a first fragment's header of @header_len
 * bytes.
 */
size_t fragment_packet_header(size_t header_len);
size_t fragment6_packet_header(size_t header_len);

/*
 * Writes the header of the reassembled packet to @ip: fragment_packet_header() bytes, made of the
 * first fragment's @header. @payload bytes follow it; both together are at most 65,535.
 */
void fragment_write_header(uint8_t *ip, const uint8_t *header, size_t header_len, size_t payload,
			   bool congested);
void fragment6_write_header(uint8_t *ip, const uint8_t *header, size_t header_len, size_t payload,
			    bool congested);
