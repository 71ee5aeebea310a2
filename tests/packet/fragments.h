/*
 * Fragments for tests: packets are fragmented and reassembled by code that shares nothing with the
 * data plane.
 */
#pragma once

#include "bed.h"
#include "frame.h"

enum { FRAGMENTS_PACKET_MAX = 65536, FRAGMENTS_MAX = 160 };

/*
 * A fragment to be made: payload bytes from @at, a multiple of 8, to @end. The last one has MF
 * clear.
 */
struct fragment {
	size_t at, end;
};

/*
 * Writes fragment @fragment of the IPv4 packet @packet, @len bytes, with identification @id.
 * Returns its length.
 */
size_t fragment4_make(const uint8_t *packet, size_t len, const struct fragment *fragment,
		      uint16_t id, uint8_t *out);

/*
 * The same of the IPv6 packet @packet. Its hop-by-hop options, if it begins with some, stay in
 * front of the fragment header. No other packet that is fragmented at the same time may have @id.
 */
size_t fragment6_make(const uint8_t *packet, size_t len, const struct fragment *fragment,
		      uint32_t id, uint8_t *out);

/* The length of the headers of @packet that each fragment repeats. */
size_t fragment6_front(const uint8_t *packet);

/* What came out by one port, reassembled. */
struct fragments {
	unsigned n; /* frames */
	size_t largest; /* size of the largest of them, without the outer headers of a tunnel */
	uint32_t id;
	/*
	 * the outer fields are those of the first frame, the inner ones those of the reassembled
	 * packet
	 */
	struct frame first;
	uint8_t packet[14 + FRAGMENTS_PACKET_MAX]; /* Ethernet header and reassembled packet */
	size_t len; /* of both; 0: incomplete, or no frame came */
};

/*
 * Takes all frames of @port: one packet, or the fragments of one packet in order. False, with the
 * reason in @why, if a header, an offset or anything in the reassembled packet is wrong.
 */
bool fragments_take(struct bed *bed, unsigned port, struct fragments *p, struct frame *reassembled,
		    const char **why);
