/*
 * Frames that claim an address, of ARP (RFC 826, RFC 5227) and of neighbour discovery (RFC 4861,
 * RFC 4862): makes ours and reads those of others. Pure functions on bytes. IPv4 addresses are
 * v4-mapped.
 */
#pragma once

#include "base/addr6.h"

#include <stddef.h>

enum { CLAIM_FRAME_MAX = 86 };

/*
 * Makes a frame that tells all neighbours that @addr is at @mac, whatever they have cached: an ARP
 * announcement, or an unsolicited neighbour advertisement with the override flag. Returns its
 * length.
 */
size_t claim_announce(const struct addr6 *addr, const uint8_t *mac, uint8_t *out);

/*
 * Makes a probe: asks for @addr without claiming it, so that a station that has @addr answers.
 * Returns its length.
 */
size_t claim_probe(const struct addr6 *addr, const uint8_t *mac, uint8_t *out);

/* Does the frame claim an address? Returns the address and the sender's Ethernet address. */
bool claim_read(const uint8_t *frame, size_t len, struct addr6 *addr, uint8_t *mac);
