/* Packets that others made are opened, and what is sealed is what they would make. */
#include "esp/cipher.h"

#include "base/memory.h"
#include "base/types.h"
#include "hex.h"
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = ARRAY_SIZE(vectors), ROOM = 256 };

static struct esp_sa *sas;
static struct esp_cipher *cipher;
static struct esp_job jobs[N];
static uint8_t packets[N][ROOM], texts[N][ROOM];
static size_t lens[N];

static int set_up(void **state)
{
	sas = memory_lines(N * sizeof(*sas));
	cipher = esp_cipher_create();
	for (unsigned i = 0; i < N; i++) {
		uint8_t key[64], auth_key[64];
		size_t key_len = hex_read(vectors[i].key, key);
		size_t auth_len = hex_read(vectors[i].auth_key, auth_key);

		sas[i].suite = esp_suite_find(vectors[i].encryption, vectors[i].integrity, key_len,
					      auth_len);
		assert_non_null(sas[i].suite);
		sas[i].esn = vectors[i].esn;
		memcpy(sas[i].salt, key + sas[i].suite->key_len, sas[i].suite->salt_len);
		esp_cipher_expand(cipher, sas[i].suite, key, auth_key, &sas[i].keys);
	}
	return 0;
}

static int tear_down(void **state)
{
	esp_cipher_destroy(cipher);
	free(sas);
	return 0;
}

static void read_vector(unsigned i)
{
	lens[i] = hex_read(vectors[i].packet, packets[i]);
	jobs[i] = (struct esp_job){
		.sa = &sas[i],
		.esp = packets[i],
		.len = (uint16_t)lens[i],
		.number = vectors[i].number,
	};
}

static uint8_t *text_of(unsigned i)
{
	return packets[i] + ESP_HEADER_LEN + sas[i].suite->iv_len;
}

/* All suites in one burst. */
static void test_open(void **state)
{
	for (unsigned i = 0; i < N; i++)
		read_vector(i);
	esp_cipher_open(cipher, jobs, N);
	for (unsigned i = 0; i < N; i++) {
		size_t len = hex_read(vectors[i].text, texts[i]);

		if (!jobs[i].good || memcmp(text_of(i), texts[i], len) != 0)
			fail_msg("%s", vectors[i].why);
	}
}

/* Every bit but those of the SPI and the number, which the caller has read from the packet. */
static void test_flipped_bits(void **state)
{
	for (unsigned i = 0; i < N; i++) {
		read_vector(i);
		for (unsigned bit = 0; bit < lens[i] * 8; bit++) {
			read_vector(i);
			packets[i][bit / 8] ^= (uint8_t)(1 << bit % 8);
			esp_cipher_open(cipher, &jobs[i], 1);
			if (jobs[i].good)
				fail_msg("%s: bit %u", vectors[i].why, bit);
		}
	}
}

/* The high half is not sent, and yet protected. */
static void test_wrong_high_half(void **state)
{
	for (unsigned i = 0; i < N; i++) {
		read_vector(i);
		jobs[i].number += UINT64_C(1) << 32;
		esp_cipher_open(cipher, &jobs[i], 1);
		assert_int_equal(jobs[i].good, !vectors[i].esn);
	}
}

/* Where the IV is the number, others' bytes come out; else what they would open. */
static void test_seal(void **state)
{
	uint8_t want[N][ROOM];

	for (unsigned i = 0; i < N; i++) {
		read_vector(i);
		memcpy(want[i], packets[i], lens[i]);
		hex_read(vectors[i].text, text_of(i));
	}
	esp_cipher_seal(cipher, jobs, N);
	for (unsigned i = 0; i < N; i++) {
		bool scapy = strstr(vectors[i].why, "scapy") != NULL;
		bool iv = sas[i].suite->iv_len == 8;
		size_t len = hex_read(vectors[i].text, texts[i]);

		assert_true(jobs[i].good);
		if (scapy && iv && memcmp(packets[i], want[i], lens[i]) != 0)
			fail_msg("%s", vectors[i].why);
		assert_memory_not_equal(text_of(i), texts[i], len);
	}
	esp_cipher_open(cipher, jobs, N);
	for (unsigned i = 0; i < N; i++) {
		size_t len = hex_read(vectors[i].text, texts[i]);

		assert_true(jobs[i].good);
		assert_memory_equal(text_of(i), texts[i], len);
	}
}

/* No two of CBC are equal, in one packet and from packet to packet. */
static void test_unpredictable_ivs(void **state)
{
	uint8_t ivs[64][16];
	unsigned cbc = 0;

	while (sas[cbc].suite->iv_len != 16)
		cbc++;
	for (unsigned n = 0; n < ARRAY_SIZE(ivs); n++) {
		read_vector(cbc);
		esp_cipher_seal(cipher, &jobs[cbc], 1);
		memcpy(ivs[n], packets[cbc] + ESP_HEADER_LEN, 16);
		for (unsigned m = 0; m < n; m++) {
			unsigned bits = 0;

			for (unsigned i = 0; i < 16; i++)
				bits += (unsigned)__builtin_popcount(ivs[m][i] ^ ivs[n][i]);
			assert_in_range(bits, 20, 108); /* a counter differs in few */
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_wrong_high_half),
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_unpredictable_ivs),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
