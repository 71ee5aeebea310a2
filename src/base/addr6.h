/*
 * IPv6 addresses and prefixes (RFC 4291), in network byte order, as they stand in a packet.
 *
 * Where both families meet in one table, an IPv4 address is an IPv4-mapped one, ::ffff:a.b.c.d
 * (section 2.5.5.2); none of those is ever on the wire.
 */
#pragma once

#include "base/types.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

struct addr6 {
	uint64_t half[2]; /* network byte order */
};

/* Host bits of addr are zero; len is 0 to 128. */
struct prefix6 {
	struct addr6 addr;
	uint8_t len;
};

enum { ADDR6_LEN = 16, MAPPED_BITS = 96 };

static inline struct addr6 addr6_read(const void *p)
{
	struct addr6 a;

	memcpy(&a, p, sizeof(a));
	return a;
}

static inline uint64_t addr6_differs(const struct addr6 *a, const struct addr6 *b)
{
	return (a->half[0] ^ b->half[0]) | (a->half[1] ^ b->half[1]);
}

static inline bool addr6_equal(const struct addr6 *a, const struct addr6 *b)
{
	return addr6_differs(a, b) == 0;
}

static inline bool addr6_is_zero(const struct addr6 *a)
{
	return (a->half[0] | a->half[1]) == 0;
}

/* By value, as numbers: for sorting. */
static inline int addr6_compare(const struct addr6 *a, const struct addr6 *b)
{
	return memcmp(a, b, sizeof(*a));
}

static inline uint64_t addr6_half_mask(unsigned bits)
{
	return bits == 0 ? 0 : htobe64(~UINT64_C(0) << (64 - bits));
}

/* @addr without the bits behind the first @len. */
static inline struct addr6 addr6_masked(const struct addr6 *addr, uint8_t len)
{
	struct addr6 a = *addr;

	a.half[0] &= addr6_half_mask(len < 64 ? len : 64);
	a.half[1] &= addr6_half_mask(len < 64 ? 0 : len - 64u);
	return a;
}

static inline bool prefix6_contains(const struct prefix6 *p, const struct addr6 *addr)
{
	struct addr6 masked = addr6_masked(addr, p->len);

	return addr6_equal(&masked, &p->addr);
}

static inline struct addr6 addr6_from_ipv4(be32_t addr)
{
	struct addr6 a = {{0, htobe64(UINT64_C(0xffff) << 32 | ntohl(addr))}};

	return a;
}

static inline bool addr6_is_mapped(const struct addr6 *a)
{
	return a->half[0] == 0 && be64toh(a->half[1]) >> 32 == 0xffff;
}

/* @a as IPv4 has it; 0 if it is not mapped. */
static inline be32_t addr6_ipv4_or_0(const struct addr6 *a)
{
	return addr6_is_mapped(a) ? htonl((uint32_t)be64toh(a->half[1])) : 0;
}

/* An address of IPv6 and no other: neither mapped nor zero, which is none. */
static inline bool addr6_is_ipv6(const struct addr6 *a)
{
	return !addr6_is_mapped(a) && !addr6_is_zero(a);
}

static inline be32_t addr6_to_ipv4(const struct addr6 *a)
{
	return htonl((uint32_t)be64toh(a->half[1]));
}

/* ff00::/8 */
static inline bool addr6_is_multicast(const struct addr6 *a)
{
	return be64toh(a->half[0]) >> 56 == 0xff;
}

/*
 * May it be the address of one host on the wire? Not the unspecified and the loopback one, nor what
 * has an IPv4 address inside for use within a host (RFC 4291 section 2.5), nor multicast.
 */
static inline bool addr6_is_host(const struct addr6 *a)
{
	bool embedded = a->half[0] == 0 && (be64toh(a->half[1]) >> 32 == 0 || addr6_is_mapped(a));

	return !embedded && !addr6_is_multicast(a);
}

/* fe80::/10: never leaves its link. */
static inline bool addr6_is_link_local(const struct addr6 *a)
{
	return be64toh(a->half[0]) >> 54 == 0xfe80 >> 6;
}
