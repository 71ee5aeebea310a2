/*
 * Shares: each worker owns a part of the ports of every slice, so that the destination port of a
 * return tells the worker that owns its flow.
 */
#pragma once

#include <stdint.h>

/*
 * Offset of worker @index's part in a slice of @size ports. @index is 0 to @count; @count gives the
 * end.
 */
uint32_t share_begin(uint32_t size, uint32_t index, uint32_t count);

/* Which of @count workers owns @port of a slice of @size ports? Exactly one does. */
uint16_t share_owner(uint16_t port, uint32_t size, uint16_t count);
