/*
 * Cut: what the pieces of a packet look like. Private to out/. Pure functions on bytes; a packet is
 * cut by taking slices of what is behind its cut point, with a header of its own in front of each.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CUT_HEADER_MAX = 264 };

struct cut {
	size_t body; /* where in the packet that begins what is cut */
	size_t header_len; /* of each piece */
	uint8_t header[CUT_HEADER_MAX];
};

/*
 * How the packet at @ip, whose header was found sound, is cut; of IPv6 under identification @id. It
 * has @len bytes.
 */
void cut_begin(struct cut *c, const uint8_t *ip);
void cut6_begin(struct cut *c, const uint8_t *ip, size_t len, uint32_t id);

/*
 * Writes to @ip the header of the piece that holds @len bytes of the body from @at on, a multiple
 * of eight; @last: no piece follows.
 */
void cut_write(const struct cut *c, uint8_t *ip, size_t at, size_t len, bool last);
void cut6_write(const struct cut *c, uint8_t *ip, size_t at, size_t len, bool last);
