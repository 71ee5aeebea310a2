/*
 * The keyed hash of flow keys, and of other data in other domains (flow.h). Code outside of flow/
 * that has no flow table uses a secret of its own.
 *
 * A key is 16 bytes, one AES block. Four AES rounds under round keys made from a random secret
 * leave no structure by which an attacker could choose collisions. They cost about 20 cycles of
 * latency, which overlap within a burst. An IPv6 key is two and a half blocks, chained: the result
 * of one block is added to the next block before its rounds (CBC-MAC). Machines without AES
 * instructions use SipHash-1-3 (Aumasson and Bernstein, 2012), which promises the same at a few
 * more cycles.
 */
#pragma once

#include "flow/flow.h"
#include "flow/flow6.h"

#include <assert.h>
#include <string.h>

#ifdef __AES__
#include <wmmintrin.h>

struct flow_secret {
	__m128i round[4];
};

static inline void flow_secret_init(struct flow_secret *s, const uint8_t secret[16])
{
	__m128i k = _mm_loadu_si128((const __m128i *)secret);

	for (int i = 0; i < 4; i++) {
		s->round[i] = k;
		k = _mm_aesenc_si128(k, _mm_set_epi32(0x3c6ef372, 0x243f6a88, 0x13198a2e, i + 1));
		k = _mm_aesenc_si128(k, _mm_loadu_si128((const __m128i *)secret));
	}
}

static inline __m128i flow_hash_block(const struct flow_secret *s, __m128i x)
{
	x = _mm_xor_si128(x, s->round[0]);
	x = _mm_aesenc_si128(x, s->round[1]);
	x = _mm_aesenc_si128(x, s->round[2]);
	x = _mm_aesenc_si128(x, s->round[3]);
	return _mm_aesenc_si128(x, s->round[0]);
}

static inline uint64_t flow_hash(const struct flow_secret *s, const struct flow_key *key)
{
	__m128i x = _mm_loadu_si128((const __m128i *)key);

	return (uint64_t)_mm_cvtsi128_si64(flow_hash_block(s, x));
}

static inline uint64_t flow6_hash(const struct flow_secret *s, const struct flow6_key *key)
{
	__m128i x = flow_hash_block(s, _mm_loadu_si128((const __m128i *)&key->src));

	x = _mm_xor_si128(x, _mm_loadu_si128((const __m128i *)&key->dst));
	x = flow_hash_block(s, x);
	x = _mm_xor_si128(x, _mm_loadl_epi64((const __m128i *)&key->sport));
	return (uint64_t)_mm_cvtsi128_si64(flow_hash_block(s, x));
}

#else

struct flow_secret {
	uint64_t k[2];
};

static inline void flow_secret_init(struct flow_secret *s, const uint8_t secret[16])
{
	memcpy(s->k, secret, sizeof(s->k));
}

static inline uint64_t flow_rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static inline void flow_sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = flow_rotl(v[1], 13) ^ v[0];
	v[3] = flow_rotl(v[3], 16) ^ v[2];
	v[0] = flow_rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = flow_rotl(v[1], 17) ^ v[2];
	v[3] = flow_rotl(v[3], 21) ^ v[0];
	v[2] = flow_rotl(v[2], 32);
}

/* @m: @n words. The highest byte of the last word holds the length in bytes. */
static inline uint64_t flow_sip(const struct flow_secret *s, const uint64_t *m, size_t n)
{
	uint64_t v[4] = {
		s->k[0] ^ UINT64_C(0x736f6d6570736575),
		s->k[1] ^ UINT64_C(0x646f72616e646f6d),
		s->k[0] ^ UINT64_C(0x6c7967656e657261),
		s->k[1] ^ UINT64_C(0x7465646279746573),
	};

	for (size_t i = 0; i < n; i++) {
		v[3] ^= m[i];
		flow_sip_round(v);
		v[0] ^= m[i];
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		flow_sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline uint64_t flow_hash(const struct flow_secret *s, const struct flow_key *key)
{
	uint64_t m[3] = {0, 0, UINT64_C(16) << 56};

	memcpy(m, key, sizeof(*key));
	return flow_sip(s, m, 3);
}

static inline uint64_t flow6_hash(const struct flow_secret *s, const struct flow6_key *key)
{
	uint64_t m[6] = {[5] = UINT64_C(40) << 56};

	memcpy(m, key, sizeof(*key));
	return flow_sip(s, m, 6);
}

#endif

/* See flow_table_hash(). */
static inline uint64_t flow_hash_bytes(const struct flow_secret *s, enum flow_domain domain,
				       const void *bytes, size_t n)
{
	struct flow_key key = {0};
	struct flow6_key key6 = {0};

	if (n < sizeof(key)) {
		memcpy(&key, bytes, n);
		key.domain = (uint8_t)domain;
		return flow_hash(s, &key);
	}
	assert(n <= FLOW_HASH_MAX);
	memcpy(&key6, bytes, n);
	key6.domain = (uint8_t)domain;
	return flow6_hash(s, &key6);
}
