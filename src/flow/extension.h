/*
 * Extension lines: what only some flows need.
 *
 * A record is one cache line, and it is full. A table may have a second array of lines under the
 * same record numbers, as addresses of IPv6 have. A bit in the record says whether its line is
 * used: plain flows never touch it, and a table that nobody asked for it has none.
 *
 *   record n    struct flow            64 bytes, every flow
 *               struct flow6           64 bytes, every flow of a table of IPv6
 *               struct flow_extension  64 bytes, flows that were given one
 *
 * A line lives with its record: it is given while the flow lives, and gone when the flow ends or
 * rests.
 */
#pragma once

#include "flow/flow.h"

struct flow_extension {
	_Alignas(CACHE_LINE) uint8_t bytes[CACHE_LINE];
};

static_assert(sizeof(struct flow_extension) == CACHE_LINE, "an extension is one cache line");

/*
 * Gives the table its array, allocated and touched now as the records were. Once, right after
 * flow_table_create() or flow6_table_create(). 0 or -ENOMEM.
 */
int flow_table_allow_extensions(struct flow_table *t);

/* Gives a live flow its line, zeroed, or the one that it has. NULL: the table has none. */
struct flow_extension *flow_table_extend(struct flow_table *t, uint32_t record);

/* The line of a record; NULL: it is a plain flow. */
struct flow_extension *flow_table_extension(const struct flow_table *t, uint32_t record);
