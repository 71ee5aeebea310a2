/*
 * Offsets of header fields, and functions that read and write them at any alignment.
 *
 * Offsets, not structs: input has no alignment, and no type until it was checked.
 */
#pragma once

#include "base/types.h"
#include "base/wire_numbers.h"

#include <stdbool.h>
#include <string.h>

enum {
	ETHER_DST = 0, /* IEEE 802.3 */
	ETHER_SRC = 6,
	ETHER_TYPE = 12,
	ETHER_LEN = 14,
	ETHER_ADDR_LEN = 6,
	ETHER_GROUP = 1, /* bit of the first byte: multicast or broadcast */

	IPV4_VERSION_IHL = 0, /* RFC 791 section 3.1 */
	IPV4_TOS = 1,
	IPV4_LENGTH = 2,
	IPV4_ID = 4,
	IPV4_FRAGMENT = 6,
	IPV4_TTL = 8,
	IPV4_PROTO = 9,
	IPV4_CHECKSUM = 10,
	IPV4_SRC = 12,
	IPV4_DST = 16,
	IPV4_LEN = 20,
	IPV4_PLAIN = 0x45, /* version and length of a header without options */

	IPV6_VERSION = 0, /* RFC 8200 section 3; the high half of the byte */
	IPV6_LENGTH = 4, /* of what follows the header */
	IPV6_NEXT = 6,
	IPV6_HOPS = 7,
	IPV6_SRC = 8,
	IPV6_DST = 24,
	IPV6_LEN = 40,

	TCP_SPORT = 0, /* RFC 9293 section 3.1 */
	TCP_DPORT = 2,
	TCP_SEQ = 4,
	TCP_ACK_NUMBER = 8,
	TCP_OFFSET = 12,
	TCP_FLAGS = 13,
	TCP_WINDOW = 14,
	TCP_CHECKSUM = 16,
	TCP_LEN = 20,

	UDP_SPORT = 0, /* RFC 768 */
	UDP_DPORT = 2,
	UDP_LENGTH = 4,
	UDP_CHECKSUM = 6,
	UDP_LEN = 8,

	SCTP_SPORT = 0, /* RFC 9260 section 3.1 */
	SCTP_DPORT = 2,
	SCTP_LEN = 12,

	ICMP_TYPE = 0, /* RFC 792 */
	ICMP_CODE = 1,
	ICMP_CHECKSUM = 2,
	ICMP_ID = 4,
	ICMP_NEXT_MTU = 6, /* RFC 1191 section 4 */
	ICMP_LEN = 8,
};

/* Numbers that standards fix; sizes in bytes. */
enum {
	ETHER_MTU = 1500, /* IEEE 802.3 */
	IPV4_LEAST_MTU = 576, /* every host takes as much, RFC 791 section 3.1 */
	IPV4_LENGTH_MAX = 65535,
	IPV6_LEAST_MTU = 1280, /* every link carries as much, RFC 8200 section 5 */
	TRANSPORT_PORTS = 65536,
	IP_HOPS_DEFAULT = 64, /* of packets that we make: RFC 1700, and what everybody sends */
};

/* Queries that have an identifier where echo has it: those RFC 5508 speaks of. Not over IPv6. */
static inline bool icmp_is_request(uint8_t type)
{
	return type == ICMP_ECHO_REQUEST || type == ICMP_TIMESTAMP_REQUEST;
}

static inline bool icmp_is_reply(uint8_t type)
{
	return type == ICMP_ECHO_REPLY || type == ICMP_TIMESTAMP_REPLY;
}

static inline uint16_t wire_16(const uint8_t *p) /* host order */
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline be16_t wire_be16(const uint8_t *p)
{
	be16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline be32_t wire_be32(const uint8_t *p)
{
	be32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void wire_put_be16(uint8_t *p, be16_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void wire_put_be32(uint8_t *p, be32_t v)
{
	memcpy(p, &v, sizeof(v));
}
