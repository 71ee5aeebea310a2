/*
 * Encryption and authentication of bursts of ESP packets, by libipsec-mb.
 */
#pragma once

#include "esp/row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a thread needs: schedulers of libipsec-mb, and a source of IVs. */
struct esp_cipher;

/* NULL if memory ran out or the machine has no random numbers. */
struct esp_cipher *esp_cipher_create(void);
void esp_cipher_destroy(struct esp_cipher *c); /* wipes it; NULL is fine */

/*
 * Makes the schedules of @keys. @auth_key: suite->auth_key_len bytes, may be NULL without any. Not
 * on the packet path.
 */
void esp_cipher_expand(struct esp_cipher *c, const struct esp_suite *suite, const uint8_t *key,
		       const uint8_t *auth_key, union esp_keys *keys);

/* One packet, from the ESP header to the end of the ICV. */
struct esp_job {
	_Alignas(CACHE_LINE) struct esp_sa *sa;
	uint8_t *esp;
	uint64_t number; /* extended */
	uint16_t len; /* the text between IV and ICV is whole blocks, and not empty */
	bool good; /* opened: the ICV held. Sealed: true */
	uint8_t nonce[12], aad[12];
	_Alignas(CACHE_LINE) uint8_t icv[ESP_ICV_MAX], got[ESP_ICV_MAX]; /* not of GCM */
};

/*
 * Writes IVs and ICVs, and encrypts what is between, in place. SPI and number are written by the
 * caller. All packets of one call at once; SAs and suites may be mixed.
 */
void esp_cipher_seal(struct esp_cipher *c, struct esp_job *jobs, unsigned n);

/* Checks ICVs and decrypts in place. The text and the ICV of a packet that is not good are lost. */
void esp_cipher_open(struct esp_cipher *c, struct esp_job *jobs, unsigned n);
