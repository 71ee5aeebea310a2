/*
 * The type of an IKE identity, as strongSwan takes it from the text: other makers want it said.
 */
#pragma once

enum peer_identity_type {
	PEER_ID_NAME, /* of a host */
	PEER_ID_IPV4,
	PEER_ID_IPV6,
	PEER_ID_EMAIL,
	PEER_ID_SUBJECT, /* distinguished name of a certificate */
	PEER_ID_KEY, /* any bytes */
};

/* @value: behind the signs that only say the type. */
enum peer_identity_type peer_identity_read(const char *identity, const char **value);
