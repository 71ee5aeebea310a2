/*
 * Extension lines: data that only some flows need.
 *
 * A record is one cache line, and it is full. A table may have a second array of lines under the
 * same record numbers, like the addresses of IPv6. A bit in the record says whether its line is
 * used: plain flows never touch theirs. The array is optional.
 *
 *   record n    struct flow            64 bytes, every flow
 *               struct flow6           64 bytes, every flow of a table of IPv6
 *               struct flow_extension  64 bytes, extended flows
 *
 * A line belongs to its record. A live flow can get it, and loses it when the flow ends or rests.
 */
#pragma once

#include "flow/flow.h"

struct flow_extension {
	_Alignas(CACHE_LINE) uint8_t bytes[CACHE_LINE];
};

static_assert(sizeof(struct flow_extension) == CACHE_LINE, "an extension is one cache line");

/*
 * Allocates the array of a table and touches its memory, as for the records. Call once, right after
 * flow_table_create() or flow6_table_create(). 0 or -ENOMEM.
 */
int flow_table_allow_extensions(struct flow_table *t);

/*
 * Gives a live flow a zeroed line, or returns the line that it has. NULL: the table has no array.
 */
struct flow_extension *flow_table_extend(struct flow_table *t, uint32_t record);

/* The line of a record; NULL: it is a plain flow. */
struct flow_extension *flow_table_extension(const struct flow_table *t, uint32_t record);
