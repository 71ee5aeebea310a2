/*
 * Proposals of IKE and ESP in strongSwan's words, taken apart so that other makers' words can be
 * found: aes256gcm16-prfsha384-ecp384.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	/* what a maker can do; a proposal needs some of it */
	PEER_IKE_GCM = 1, /* AES-GCM in IKE */
	PEER_CHACHA = 2,
	PEER_CURVE25519 = 4, /* group 31 */
	PEER_ANYTHING = 7,
};

struct peer_proposal {
	unsigned bits; /* of AES; 0: ChaCha20-Poly1305 */
	bool gcm;
	unsigned hash; /* 256, 384, 512: of HMAC-SHA-2, or of the PRF; 0: not said */
	unsigned group; /* of the exchange, IANA's number; 0: none */
};

/* Reads one proposal of @len characters. False: it has a word that is not known here. */
bool peer_proposal_read(const char *text, size_t len, struct peer_proposal *out);

/*
 * The first of @list, with commas between, that needs no more than @can. @ike: it is for IKE.
 * False: there is none.
 */
bool peer_proposal_choose(const char *list, unsigned can, bool ike, struct peer_proposal *out);

/* The group's name in strongSwan and MikroTik, such as ecp384; "" for 0. */
const char *peer_group_name(unsigned group);
