/*
 * Extent: which bytes of a packet's payload have arrived, fragment by fragment. Private to in/.
 *
 * IPv4 counts payload in units of eight bytes (RFC 791 section 3.1), so one bit for each unit says
 * it all. Fragments may come in any order; none may overlap another.
 */
#pragma once

#include "base/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	EXTENT_PAYLOAD_MAX = IPV4_LENGTH_MAX - IPV4_LEN,
	EXTENT_UNIT = 8,
	EXTENT_WORDS = (EXTENT_PAYLOAD_MAX + EXTENT_UNIT * 64 - 1) / (EXTENT_UNIT * 64),
};

struct extent {
	uint64_t units[EXTENT_WORDS];
	uint32_t have; /* bytes */
	uint32_t end; /* of what has arrived */
	uint32_t total; /* 0: the last fragment has not arrived */
};

enum extent_verdict {
	EXTENT_NEW, /* noted */
	EXTENT_AGAIN, /* all of it was there before: the same fragment again, or a lie */
	EXTENT_CLASH, /* overlaps, or disagrees about where the packet ends */
};

/* Is this a possible fragment of a packet? @last: no more fragments follow it. */
bool extent_is_sound(size_t at, size_t len, bool last);

/* A sound fragment of @len bytes at @at has arrived. */
enum extent_verdict extent_add(struct extent *e, size_t at, size_t len, bool last);

static inline bool extent_is_complete(const struct extent *e)
{
	return e->total != 0 && e->have == e->total;
}
