/*
 * Fragmenter: makes the headers of a packet's fragments. Private to out/. Pure functions on bytes.
 * The body of a packet is divided into slices, and each slice gets a header of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAGMENTER_HEADER_MAX = 264 };

struct fragmenter {
	size_t body; /* offset in the packet where the fragmented part begins */
	size_t header_len; /* bytes of header in each fragment */
	uint8_t header[FRAGMENTER_HEADER_MAX];
};

/*
 * Plans how to fragment the packet of @len bytes at @ip, whose header was checked. @id: the
 * identification, IPv6 only.
 */
void fragmenter_begin(struct fragmenter *c, const uint8_t *ip);
void fragmenter6_begin(struct fragmenter *c, const uint8_t *ip, size_t len, uint32_t id);

/*
 * Writes to @ip the header of the fragment that holds @len bytes of the body from @at on. @at is a
 * multiple of eight. @last: no fragment follows.
 */
void fragmenter_write(const struct fragmenter *c, uint8_t *ip, size_t at, size_t len, bool last);
void fragmenter6_write(const struct fragmenter *c, uint8_t *ip, size_t at, size_t len, bool last);
