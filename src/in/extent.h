/*
 * Extent: which bytes of a packet's payload have arrived, fragment by fragment. Private to in/.
 *
 * IPv4 counts payload in units of eight bytes (RFC 791 section 3.1), so one bit for each unit is
 * enough. Fragments may come in any order; none may overlap another.
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
	uint32_t end; /* end of the highest byte that has arrived */
	uint32_t total; /* 0: the last fragment has not arrived */
};

enum extent_verdict {
	EXTENT_NEW, /* new; it is recorded */
	EXTENT_AGAIN, /* all of it had arrived before: a duplicate, or forged */
	EXTENT_CLASH, /* overlaps, or contradicts the known end of the packet */
};

/* Are offset and length valid for a fragment? @last: no fragment follows it. */
bool extent_is_sound(size_t at, size_t len, bool last);

/* Records a valid fragment (extent_is_sound()) of @len bytes at @at. */
enum extent_verdict extent_add(struct extent *e, size_t at, size_t len, bool last);

static inline bool extent_is_complete(const struct extent *e)
{
	return e->total != 0 && e->have == e->total;
}
