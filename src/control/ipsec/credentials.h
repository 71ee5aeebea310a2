/*
 * The secrets of an IPsec tunnel, which are files.
 *
 * A file with a secret may be read by its owner alone, who is root or the user that we run as.
 */
#pragma once

#include "network/spec.h"

/* What is read from files for a tunnel. Wiped by credentials_fini(). */
struct credentials {
	uint8_t *psk; /* without the newline at its end; NULL: certificates are used */
	size_t psk_len;
	uint8_t *certificate, *key, *ca; /* PEM or DER */
	size_t certificate_len, key_len, ca_len;
};

enum {
	CREDENTIALS_WHY_SIZE = 256,
	CREDENTIALS_FILE_MAX = 16384, /* bytes */
};

/*
 * Reads the files that @ipsec names. 0, or -1 with a sentence in @why: a file that is missing, too
 * large or empty; a secret that others may read.
 */
int credentials_read(const struct spec_ipsec *ipsec, struct credentials *c,
		     char why[static CREDENTIALS_WHY_SIZE]);
void credentials_fini(struct credentials *c);

/* Another number when one of the files was written, replaced or removed, or has other rights. */
uint64_t credentials_stamp(const struct spec_ipsec *ipsec);
