/*
 * THE table of suites.
 *
 * The length of the key says which AES it is. HMAC keys have the length of the hash (RFC 4868
 * section 2.1.1): another length is refused, and so is encryption without integrity.
 */
#include "esp/suite.h"

#include "base/types.h"
#include "esp/sa.h"

#define GCM(n)                                                                                     \
	{                                                                                          \
		.name = "aes" #n "gcm16", .encryption = ESP_AES_GCM_16, .key_len = (n) / 8,        \
		.salt_len = 4, .iv_len = 8, .icv_len = 16, .align = 4, .method = ESP_METHOD_GCM##n \
	}

#define CBC(n, hash, half)                                                                         \
	{                                                                                          \
		.name = "aes" #n "-sha" #hash, .encryption = ESP_AES_CBC,                          \
		.integrity = ESP_HMAC_SHA2_##hash##_##half, .key_len = (n) / 8,                    \
		.auth_key_len = (hash) / 8, .iv_len = 16, .icv_len = (half) / 8, .align = 16,      \
		.method = ESP_METHOD_CBC                                                           \
	}

static const struct esp_suite suites[] = {
	GCM(128),
	GCM(256),
	{
		.name = "chacha20poly1305",
		.encryption = ESP_CHACHA20_POLY1305,
		.key_len = 32,
		.salt_len = 4,
		.iv_len = 8,
		.icv_len = 16,
		.align = 4,
		.method = ESP_METHOD_CHACHA,
	},
	CBC(128, 256, 128),
	CBC(192, 256, 128),
	CBC(256, 256, 128),
	CBC(128, 384, 192),
	CBC(192, 384, 192),
	CBC(256, 384, 192),
	CBC(128, 512, 256),
	CBC(192, 512, 256),
	CBC(256, 512, 256),
};

const struct esp_suite *esp_suite_find(unsigned encryption, unsigned integrity, size_t key_len,
				       size_t auth_key_len)
{
	for (size_t i = 0; i < ARRAY_SIZE(suites); i++) {
		const struct esp_suite *s = &suites[i];

		if (s->encryption == encryption && s->integrity == integrity &&
		    (size_t)s->key_len + s->salt_len == key_len && s->auth_key_len == auth_key_len)
			return s;
	}
	return NULL;
}

uint16_t esp_inner_mtu(const struct esp_suite *s, uint16_t outer, unsigned header)
{
	unsigned taken = header + ESP_HEADER_LEN + s->iv_len + s->icv_len;
	unsigned room = outer > taken ? (outer - taken) & ~(s->align - 1u) : 0;

	return room > ESP_TRAILER_LEN ? (uint16_t)(room - ESP_TRAILER_LEN) : 0;
}

uint16_t esp_inner_mtu_least(uint16_t outer, unsigned header)
{
	uint16_t least = UINT16_MAX;

	for (size_t i = 0; i < ARRAY_SIZE(suites); i++) {
		uint16_t mtu = esp_inner_mtu(&suites[i], outer, header);

		least = mtu < least ? mtu : least;
	}
	return least;
}
