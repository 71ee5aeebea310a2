/*
 * Fragments for tests: packets are fragmented and reassembled by code that shares nothing with the
 * data plane.
 */
#pragma once

#include "bed.h"
#include "frame.h"

enum { PIECES_PACKET_MAX = 65536, FRAGMENTS_MAX = 160 };

/* One fragment to be made: payload bytes @at up to @end, at a multiple of 8; the last one has no MF. */
struct fragment {
	size_t at, end;
};

/*
 * Writes the fragment @fragment of the whole IPv4 packet @whole, @len bytes, with identification @id.
 * Returns its length.
 */
size_t pieces_cut(const uint8_t *whole, size_t len, const struct fragment *fragment, uint16_t id,
		  uint8_t *out);

/*
 * The same of the IPv6 packet @whole: its hop-by-hop options, if it begins with some, stay in front of
 * the fragment header. @id is not in use by what is cut elsewhere at the same time.
 */
size_t pieces6_cut(const uint8_t *whole, size_t len, const struct fragment *fragment, uint32_t id,
		   uint8_t *out);

/* How many bytes of the packet these are. */
size_t pieces6_front(const uint8_t *whole);

/* What came out by one port, put together. */
struct fragments {
	unsigned n; /* frames */
	size_t largest; /* packet among them, inside the tunnel if there is one */
	uint32_t id;
	struct frame first; /* of the outer fields; the inner ones are those of the whole */
	uint8_t whole[14 + PIECES_PACKET_MAX]; /* Ethernet and the whole packet */
	size_t len; /* of both; 0: incomplete, or nothing came */
};

/*
 * Takes all frames of @port, which must be fragments of one packet, in order, or one whole packet.
 * False, with the reason in @why, if a header, an offset or anything in the whole is wrong.
 */
bool pieces_take(struct bed *bed, unsigned port, struct fragments *p, struct frame *whole,
		 const char **why);
