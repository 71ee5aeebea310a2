/*
 * Suites: an encryption with its integrity, and the sizes that follow from it. GCM is of RFC 4106,
 * CBC of RFC 3602, HMAC of RFC 4868, ChaCha20-Poly1305 of RFC 7634.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ESP_SPI = 0, /* RFC 4303 section 2 */
	ESP_NUMBER = 4,
	ESP_HEADER_LEN = 8, /* the IV follows */
	ESP_TRAILER_LEN = 2, /* length of the padding, next header */
	ESP_IV_MAX = 16,
	ESP_ICV_MAX = 32,
	ESP_ALIGN_MAX = 16,
	/* bytes behind an inner packet that sealing may write */
	ESP_TAIL_MAX = ESP_ALIGN_MAX - 1 + ESP_TRAILER_LEN + ESP_ICV_MAX,
	ESP_NEXT_IPV4 = 4,
	ESP_NEXT_IPV6 = 41,
	ESP_NEXT_NONE = 59, /* a dummy packet, RFC 4303 section 2.6 */
};

enum esp_method { ESP_METHOD_GCM128, ESP_METHOD_GCM256, ESP_METHOD_CHACHA, ESP_METHOD_CBC };

struct esp_suite {
	const char *name;
	uint8_t encryption, integrity; /* sa.h */
	uint8_t key_len, salt_len, auth_key_len;
	uint8_t iv_len, icv_len;
	uint8_t align; /* of what is encrypted, trailer included */
	uint8_t method; /* enum esp_method */
};

/* NULL: no such suite. @key_len: with the salt. */
const struct esp_suite *esp_suite_find(unsigned encryption, unsigned integrity, size_t key_len,
				       size_t auth_key_len);

/* The bytes of padding behind an inner packet of @len bytes. */
static inline unsigned esp_padding(const struct esp_suite *s, unsigned len)
{
	return -(len + ESP_TRAILER_LEN) & (s->align - 1u);
}

/*
 * The largest inner packet if outer packets may have @outer bytes; 0: none fits. @header: bytes in
 * front of that of ESP.
 */
uint16_t esp_inner_mtu(const struct esp_suite *s, uint16_t outer, unsigned header);

/* The same for a suite that is not known yet: whichever comes, the packet fits. */
uint16_t esp_inner_mtu_least(uint16_t outer, unsigned header);
