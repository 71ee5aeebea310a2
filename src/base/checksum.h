/*
 * The Internet checksum (RFC 1071), whole and by differences (RFC 1624).
 *
 * One's complement sums do not care for byte order, so everything here works on numbers as they
 * stand in the packet.
 */
#pragma once

#include "base/types.h"

#include <stddef.h>
#include <string.h>

/*
 * A sum grows beyond 16 bits: fold it when done. A number plus itself with its halves exchanged has
 * the sum of the halves in its upper one. The carry of the lower half, which is the same sum, is
 * the carry that has to come round.
 */
static inline uint16_t checksum_fold(uint64_t sum)
{
	uint32_t half = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);

	return (uint16_t)((half + (half << 16 | half >> 16)) >> 16);
}

static inline uint64_t checksum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t word;

	for (; len >= 4; p += 4, len -= 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	if (len > 0) {
		word = 0;
		memcpy(&word, p, len);
		sum += word;
	}
	return sum;
}

/* The checksum field's value for @len bytes whose field is zero. */
static inline uint16_t checksum_make(const void *data, size_t len)
{
	return (uint16_t)~checksum_fold(checksum_add(0, data, len));
}

/* Do @len bytes, checksum field included, sum up as they should? */
static inline int checksum_ok(const void *data, size_t len)
{
	return checksum_fold(checksum_add(0, data, len)) == UINT16_MAX;
}

/* The same of an IPv4 header without options: each packet has one or two, so here is no loop. */
static inline int checksum_ok_plain(const void *header)
{
	uint64_t words[2], sum;
	uint32_t last;

	memcpy(words, header, sizeof(words));
	memcpy(&last, (const uint8_t *)header + sizeof(words), sizeof(last));
	sum = words[0] + words[1];
	sum += sum < words[0]; /* the carry comes round */
	sum += last;
	sum += sum < last;
	return checksum_fold(sum) == UINT16_MAX;
}

/* RFC 1624 eqn. 3 for 32 bits at once: what to add to ~checksum when @old becomes @new. */
static inline uint64_t checksum_delta32(uint32_t old, uint32_t new)
{
	return (uint64_t)(uint32_t)~old + new;
}

static inline uint64_t checksum_delta16(uint16_t old, uint16_t new)
{
	return (uint64_t)(uint16_t)~old + new;
}

/* The same for @len bytes, a multiple of four, that become others. */
static inline uint64_t checksum_delta(const void *old, const void *new, size_t len)
{
	uint64_t sum = 0;
	uint32_t word;

	for (size_t i = 0; i < len; i += 4) {
		memcpy(&word, (const uint8_t *)old + i, 4);
		sum += (uint32_t)~word;
	}
	return checksum_add(sum, new, len);
}

/* The new value of the checksum field @checksum after a change of the sum by @delta. */
static inline uint16_t checksum_apply(uint16_t checksum, uint64_t delta)
{
	return (uint16_t)~checksum_fold((uint16_t)~checksum + delta);
}

/*
 * The same where the field must not be zero. In UDP zero means "no checksum" (RFC 768); an ICMP
 * message may be all zeros. Both take 0xffff instead, the other zero of one's complement.
 */
static inline uint16_t checksum_apply_nonzero(uint16_t checksum, uint64_t delta)
{
	uint16_t value = checksum_apply(checksum, delta);

	return value == 0 ? UINT16_MAX : value;
}
