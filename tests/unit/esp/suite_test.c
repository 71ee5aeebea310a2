/* Suites and their sizes. */
#include "esp/suite.h"

#include "base/types.h"
#include "esp/sa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
	const char *why;
	unsigned encryption, integrity;
	size_t key_len, auth_key_len;
	const char *name; /* NULL: there is none */
} rows[] = {
	{"GCM, 128 bits",                ESP_AES_GCM_16, 0, 20, 0, "aes128gcm16"},
	{"GCM, 256 bits",                ESP_AES_GCM_16, 0, 36, 0, "aes256gcm16"},
	{"GCM without salt",             ESP_AES_GCM_16, 0, 32, 0, NULL},
	{"GCM with HMAC",                ESP_AES_GCM_16, ESP_HMAC_SHA2_256_128, 36, 32, NULL},
	{"ChaCha20",                     ESP_CHACHA20_POLY1305, 0, 36, 0, "chacha20poly1305"},
	{"CBC with SHA-256",             ESP_AES_CBC, ESP_HMAC_SHA2_256_128, 16, 32, "aes128-sha256"},
	{"CBC with SHA-384",             ESP_AES_CBC, ESP_HMAC_SHA2_384_192, 24, 48, "aes192-sha384"},
	{"CBC with SHA-512",             ESP_AES_CBC, ESP_HMAC_SHA2_512_256, 32, 64, "aes256-sha512"},
	{"CBC without integrity",        ESP_AES_CBC, 0, 16, 0, NULL},
	{"an HMAC key of another hash",  ESP_AES_CBC, ESP_HMAC_SHA2_384_192, 16, 32, NULL},
	{"3DES",                         3, ESP_HMAC_SHA2_256_128, 24, 32, NULL},
	{"SHA-1",                        ESP_AES_CBC, 2, 16, 20, NULL},
};

static const struct {
	const char *why;
	unsigned encryption, integrity;
	size_t key_len, auth_key_len;
	unsigned outer, header, inner;
} sizes[] = {
	{"GCM, protocol 50",             ESP_AES_GCM_16, 0, 36, 0, 1500, 20, 1446},
	{"GCM in UDP",                   ESP_AES_GCM_16, 0, 36, 0, 1500, 28, 1438},
	{"GCM in UDP over IPv6",         ESP_AES_GCM_16, 0, 36, 0, 1500, 48, 1418},
	{"CBC, protocol 50",             ESP_AES_CBC, 12, 16, 32, 1500, 20, 1438},
	{"CBC in UDP",                   ESP_AES_CBC, 12, 16, 32, 1500, 28, 1422},
	{"no room",                      ESP_AES_CBC, 12, 16, 32, 83, 28, 0},
	{"one block",                    ESP_AES_CBC, 12, 16, 32, 84, 28, 14},
	{"less than the headers",        ESP_AES_GCM_16, 0, 36, 0, 20, 28, 0},
};
/* clang-format on */

static void test_find(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct esp_suite *s = esp_suite_find(rows[i].encryption, rows[i].integrity,
							   rows[i].key_len, rows[i].auth_key_len);

		if ((s == NULL) != (rows[i].name == NULL))
			fail_msg("%s", rows[i].why);
		if (s != NULL)
			assert_string_equal(s->name, rows[i].name);
	}
}

static void test_sizes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct esp_suite *s = esp_suite_find(sizes[i].encryption, sizes[i].integrity,
							   sizes[i].key_len, sizes[i].auth_key_len);
		uint16_t inner = esp_inner_mtu(s, (uint16_t)sizes[i].outer, sizes[i].header);

		if (inner != sizes[i].inner)
			fail_msg("%s: %u", sizes[i].why, inner);
		assert_true(esp_inner_mtu_least((uint16_t)sizes[i].outer, sizes[i].header) <=
			    inner);
	}
}

/* The largest inner packet fits, and one byte more does not. */
static void test_inner_mtu_is_exact(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct esp_suite *s = esp_suite_find(rows[i].encryption, rows[i].integrity,
							   rows[i].key_len, rows[i].auth_key_len);

		for (uint16_t outer = 1400; s != NULL && outer <= 1500; outer++) {
			unsigned around =
				28 + ESP_HEADER_LEN + s->iv_len + ESP_TRAILER_LEN + s->icv_len;
			unsigned inner = esp_inner_mtu(s, outer, 28);

			assert_true(inner + esp_padding(s, inner) + around <= outer);
			inner++;
			assert_true(inner + esp_padding(s, inner) + around > outer);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_inner_mtu_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
