/*
 * Identifications of the fragments that we make, and of tunnel packets that a router may fragment.
 *
 * Fragments of two packets with the same addresses, protocol and identification may be reassembled
 * into one packet. So an identification must not be used again while fragments of the earlier
 * packet may live (RFC 6864 section 4.2; RFC 8200 section 4.5). Workers share no state, so each has
 * its own part of the numbers:
 *
 *   IPv4   65,536 / workers numbers, counted separately for each of 1,024 hashes of the
 *          destination, so that packets to one destination do not use up the numbers of others
 *   IPv6   at least 2^32 / 4 / workers numbers
 *
 * A worker uses every number of its part before it uses one again. Counters begin at a random
 * number. IPv6 counters pass through a keyed permutation, so that nobody can predict the numbers
 * (RFC 7739): a Feistel network of four rounds (Luby and Rackoff, 1988).
 */
#include "out/identification.h"

#include "base/checksum.h"
#include "base/wire.h"

enum {
	NUMBERS = 1 << 16, /* of IPv4 */
	BITS_6 = 32,
	ROUNDS = 4,
	HASH_SHIFT = 32 - CONTEXT_IDENTIFICATION_BITS,
};

static const uint32_t hash_multiplier = 2654435761; /* 2^32 / golden ratio (Knuth, 6.4) */

/*
 * Bits for the worker's index. An even number, so that the other bits have two halves of equal
 * size.
 */
static uint8_t index_bits(uint16_t count)
{
	uint8_t bits = 0;

	while (1u << bits < count)
		bits += 2;
	return bits;
}

void identification_init(struct context *ctx)
{
	const uint32_t part = NUMBERS / ctx->count;

	ctx->identification_part = (uint16_t)part; /* 0 stands for all 65,536, with one worker */
	ctx->identification6_half = (uint8_t)((BITS_6 - index_bits(ctx->count)) / 2);
	ctx->identification6 = (uint32_t)flow_table_random(ctx->flows);
	for (size_t i = 0; i < ARRAY_SIZE(ctx->identifications); i++)
		ctx->identifications[i] = (uint16_t)(flow_table_random(ctx->flows) % part);
}

be16_t identification_next(struct context *ctx, be32_t dst)
{
	uint16_t *at = &ctx->identifications[dst * hash_multiplier >> HASH_SHIFT];
	uint16_t number = *at;

	*at = (uint16_t)(number + 1);
	if (*at == ctx->identification_part)
		*at = 0;
	return htons((uint16_t)(ctx->identification_part * ctx->index + number));
}

uint32_t identification6_next(struct context *ctx)
{
	const uint8_t half = ctx->identification6_half;
	const uint32_t mask = (1u << half) - 1;
	uint32_t n = ctx->identification6++;
	uint32_t left = n >> half & mask, right = n & mask;

	for (uint16_t round = 0; round < ROUNDS; round++) {
		const uint16_t half_and_round[] = {(uint16_t)right, round};
		uint64_t hash = flow_table_hash(ctx->flows, FLOW_DOMAIN_IDENTIFICATION,
						half_and_round, sizeof(half_and_round));
		uint32_t mixed = left ^ ((uint32_t)hash & mask);

		left = right;
		right = mixed;
	}
	/* with one worker the index is 0, and the shift would be by 32 */
	return (uint32_t)((uint64_t)ctx->index << 2 * half) | left << half | right;
}

void identification_put(struct context *ctx, uint8_t *ip)
{
	be16_t id = identification_next(ctx, wire_be32(ip + IPV4_DST));

	wire_put_be16(ip + IPV4_ID, id);
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_apply(wire_be16(ip + IPV4_CHECKSUM), id));
}
