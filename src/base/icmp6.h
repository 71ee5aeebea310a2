/*
 * The checksum of ICMPv6: over a pseudo header, too (RFC 4443 section 2.3, RFC 8200 section 8.1).
 */
#pragma once

#include "base/addr6.h"
#include "base/checksum.h"
#include "base/wire.h"

static inline uint64_t icmp6_sum(const struct addr6 *src, const struct addr6 *dst,
				 const uint8_t *icmp, size_t len)
{
	uint64_t sum = checksum_add(0, src, sizeof(*src));

	sum = checksum_add(sum, dst, sizeof(*dst));
	sum += htonl((uint32_t)len) + (uint64_t)htonl(PROTO_ICMPV6);
	return checksum_add(sum, icmp, len);
}

static inline bool icmp6_checksum_ok(const struct addr6 *src, const struct addr6 *dst,
				     const uint8_t *icmp, size_t len)
{
	return checksum_fold(icmp6_sum(src, dst, icmp, len)) == UINT16_MAX;
}

/* Writes it; @icmp has @len bytes. */
static inline void icmp6_put_checksum(const struct addr6 *src, const struct addr6 *dst,
				      uint8_t *icmp, size_t len)
{
	wire_put_be16(icmp + ICMP_CHECKSUM, 0);
	wire_put_be16(icmp + ICMP_CHECKSUM,
		      (uint16_t)~checksum_fold(icmp6_sum(src, dst, icmp, len)));
}
