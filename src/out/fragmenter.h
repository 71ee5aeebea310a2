/*
 * Cut: what the fragments of a packet look like. Private to out/. Pure functions on bytes; a packet
 * is cut by taking slices of what is behind its cut point, with a header of its own in front of
 * each.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAGMENTER_HEADER_MAX = 264 };

struct fragmenter {
	size_t body; /* where in the packet that begins what is cut */
	size_t header_len; /* of each fragment */
	uint8_t header[FRAGMENTER_HEADER_MAX];
};

/*
 * How the packet at @ip, whose header was found sound, is cut; of IPv6 under identification @id. It
 * has @len bytes.
 */
void fragmenter_begin(struct fragmenter *c, const uint8_t *ip);
void fragmenter6_begin(struct fragmenter *c, const uint8_t *ip, size_t len, uint32_t id);

/*
 * Writes to @ip the header of the fragment that holds @len bytes of the body from @at on, a
 * multiple of eight; @last: no fragment follows.
 */
void fragmenter_write(const struct fragmenter *c, uint8_t *ip, size_t at, size_t len, bool last);
void fragmenter6_write(const struct fragmenter *c, uint8_t *ip, size_t at, size_t len, bool last);
