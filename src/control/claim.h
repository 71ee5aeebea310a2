/*
 * Frames that say who has an address, of ARP (RFC 826, RFC 5227) and of neighbour discovery (RFC
 * 4861, RFC 4862): ours, made; those of others, read. Pure functions on bytes. IPv4 addresses are
 * mapped.
 */
#pragma once

#include "base/addr6.h"

#include <stddef.h>

enum { CLAIM_FRAME_MAX = 86 };

/*
 * Tells all neighbours that @addr is at @mac, whatever they believe: an ARP announcement, or an
 * unsolicited neighbour advertisement that overrides. Its length.
 */
size_t claim_announce(const struct addr6 *addr, const uint8_t *mac, uint8_t *out);

/* Asks who else has @addr, without saying that we do: whoever has it answers. Its length. */
size_t claim_probe(const struct addr6 *addr, const uint8_t *mac, uint8_t *out);

/* Does the frame say that its sender has an address? Which, and the sender's Ethernet address. */
bool claim_read(const uint8_t *frame, size_t len, struct addr6 *addr, uint8_t *mac);
