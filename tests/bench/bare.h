/*
 * Bare cryptography: what AES-256-GCM alone costs, by libipsec-mb and by OpenSSL, and a look into
 * ESP packets by the latter, which shares nothing with the data plane.
 *
 * A packet of so many inner bytes has the text that ESP would encrypt, 8 bytes of AAD and a tag of
 * 16. One key, a burst of buffers that stay in the cache: nobody can be faster.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BARE_KEY_LEN = 32, BARE_SALT_LEN = 4 };

struct bare;

/* The key, then the salt. */
extern const uint8_t bare_key[BARE_KEY_LEN + BARE_SALT_LEN];

struct bare *bare_create(void); /* ends the program if something is missing */
void bare_destroy(struct bare *b);

/* TSC cycles of a packet with @inner_len bytes inside, measured as loop_run() does. */
struct bare_result {
	double mb_open, mb_seal; /* libipsec-mb, its direct functions */
	double evp_open, evp_seal; /* OpenSSL, one context, a new IV for each packet */
} bare_run(struct bare *b, unsigned inner_len, uint64_t packets);

bool bare_has_avx512(const struct bare *b); /* does libipsec-mb use it? */

/*
 * Decrypts the ESP packet at @esp, @len bytes, into @out, of as many. Returns the bytes of text, the
 * trailer included; 0: its ICV is wrong.
 */
size_t bare_open_esp(struct bare *b, const uint8_t *esp, size_t len, uint8_t *out);
