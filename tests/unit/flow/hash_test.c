/*
 * The hash is what hash.h says: AES rounds where the machine has them, here once more in the words
 * of FIPS 197; SipHash-1-3 elsewhere, by numbers of another implementation (CPython's).
 *
 * Both are built and run on every machine: flow_plain/hash is this file without AES.
 */
#include "flow/hash.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t secret[16] = "a secret of ours";

static void fill(void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)i;
}

#ifdef __AES__

/* FIPS 197 section 4.2. */
static uint8_t times(uint8_t a, uint8_t b)
{
	uint8_t product = 0;

	for (; b != 0; b >>= 1) {
		product ^= b & 1 ? a : 0;
		a = (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1b : 0));
	}
	return product;
}

/* Section 5.1.1. */
static uint8_t substitute(uint8_t x)
{
	uint8_t inverse = 0, out = 0x63;

	for (unsigned i = 1; i < 256 && inverse == 0; i++)
		inverse = times(x, (uint8_t)i) == 1 ? (uint8_t)i : 0;
	for (int i = 0; i < 5; i++)
		out ^= (uint8_t)(inverse << i | inverse >> (8 - i));
	return out;
}

/* One round of AES, in place: */
static void aes_round(uint8_t s[16], const uint8_t key[16])
{
	uint8_t t[16];

	for (int i = 0; i < 16; i++)
		t[i] = substitute(s[(i + 4 * (i % 4)) % 16]);
	for (int i = 0; i < 16; i++) {
		const uint8_t *column = t + i / 4 * 4;

		s[i] = times(column[i % 4], 2) ^ times(column[(i + 1) % 4], 3) ^
		       column[(i + 2) % 4] ^ column[(i + 3) % 4] ^ key[i];
	}
}

static void expand(uint8_t rounds[4][16])
{
	uint8_t k[16], word[16];

	memcpy(k, secret, 16);
	for (uint32_t i = 0; i < 4; i++) {
		const uint32_t constants[4] = {i + 1, 0x13198a2e, 0x243f6a88, 0x3c6ef372};

		memcpy(rounds[i], k, 16);
		memcpy(word, constants, 16);
		aes_round(k, word);
		aes_round(k, secret);
	}
}

static void mix(uint8_t x[16], uint8_t rounds[4][16])
{
	for (int i = 0; i < 16; i++)
		x[i] ^= rounds[0][i];
	for (int i = 1; i <= 4; i++)
		aes_round(x, rounds[i % 4]);
}

/* Hashes block by block; the last one may be short. */
static uint64_t expected(const void *key, size_t len)
{
	uint8_t rounds[4][16], x[16] = {0};
	uint64_t hash;

	expand(rounds);
	for (size_t at = 0; at < len; at += 16) {
		for (size_t i = 0; i < 16 && at + i < len; i++)
			x[i] ^= ((const uint8_t *)key)[at + i];
		mix(x, rounds);
	}
	memcpy(&hash, x, 8);
	return hash;
}

static void test_value(void **state)
{
	struct flow_secret s;
	struct flow_key key;
	struct flow6_key key6;

	fill(&key, sizeof(key));
	fill(&key6, sizeof(key6));
	flow_secret_init(&s, secret);
	assert_int_equal(flow_hash(&s, &key), expected(&key, sizeof(key)));
	assert_int_equal(flow6_hash(&s, &key6), expected(&key6, sizeof(key6)));
}

#else

/* PYTHONHASHSEED=0: hash(bytes(range(16))), hash(bytes(range(40))). */
static void test_value(void **state)
{
	static const uint8_t zero[16];
	struct flow_secret s;
	struct flow_key key;
	struct flow6_key key6;

	fill(&key, sizeof(key));
	fill(&key6, sizeof(key6));
	flow_secret_init(&s, zero);
	assert_int_equal(flow_hash(&s, &key), UINT64_C(0x8972188433a5c5b7));
	assert_int_equal(flow6_hash(&s, &key6), UINT64_C(0x95bc321ab41d8206));
}

#endif

/* Every bit of the key and of the secret changes about half of the hash. */
static void check_bits(uint64_t one, uint64_t other)
{
	int changed = __builtin_popcountll(one ^ other);

	assert_in_range(changed, 8, 56);
}

static void test_every_bit_counts(void **state)
{
	uint8_t other_secret[16];
	struct flow_secret s, other;
	struct flow_key key;
	struct flow6_key key6;
	uint64_t hash, hash6;

	fill(&key, sizeof(key));
	fill(&key6, sizeof(key6));
	flow_secret_init(&s, secret);
	hash = flow_hash(&s, &key);
	hash6 = flow6_hash(&s, &key6);
	for (unsigned bit = 0; bit < 8 * sizeof(key6); bit++) {
		((uint8_t *)&key6)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		check_bits(hash6, flow6_hash(&s, &key6));
		((uint8_t *)&key6)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (bit >= 8 * sizeof(key))
			continue;
		((uint8_t *)&key)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		check_bits(hash, flow_hash(&s, &key));
		((uint8_t *)&key)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		memcpy(other_secret, secret, 16);
		other_secret[bit / 8] ^= (uint8_t)(1 << bit % 8);
		flow_secret_init(&other, other_secret);
		check_bits(hash, flow_hash(&other, &key));
	}
}

/* Hashes of equal bytes in two domains are unrelated. Every byte counts, at any length. */
static void test_domains(void **state)
{
	struct flow_table *t = flow_table_create(1, (const uint8_t *)"sixteen bytes...");
	uint8_t bytes[FLOW_HASH_MAX] = {0};

	assert_non_null(t);
	for (size_t n = 1; n <= FLOW_HASH_MAX; n++) {
		uint64_t one = flow_table_hash(t, FLOW_DOMAIN_SOURCE, bytes, n);

		assert_int_equal(flow_table_hash(t, FLOW_DOMAIN_SOURCE, bytes, n), one);
		check_bits(one, flow_table_hash(t, FLOW_DOMAIN_OWNER, bytes, n));
		check_bits(one, flow_table_hash(t, FLOW_DOMAIN_KEY, bytes, n));
		for (size_t i = 0; i < n; i++) {
			bytes[i] ^= 1;
			check_bits(one, flow_table_hash(t, FLOW_DOMAIN_SOURCE, bytes, n));
			bytes[i] ^= 1;
		}
	}
	flow_table_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_value),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_every_bit_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
