/*
 * IKE identities as charon reads them. Private to control/config.
 *
 * A secret is found by the identity of the far end, so it matters which texts are one identity, and
 * which of them fit more than one far end.
 */
#pragma once

#include <stdbool.h>

enum { IDENTITY_FOLDED_SIZE = 128 };

/*
 * Does it fit more than one far end? It does if it is any (%any, *, 0.0.0.0, ::), a subnet or a
 * range of addresses, or has a wildcard or a pattern.
 */
bool identity_is_wide(const char *identity);

/*
 * One spelling of texts that are one identity: small letters, without the name of its type and @
 * before it; an address and a distinguished name in one form. Texts of different types may become
 * the same. What is too long is cut off.
 */
void identity_fold(const char *identity, char out[static IDENTITY_FOLDED_SIZE]);
