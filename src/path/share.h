/*
 * Shares: each worker owns a part of the ports of every slice, so that the port of a return says
 * whose its flow is.
 */
#pragma once

#include <stdint.h>

/*
 * Where worker @index's part of a slice of @size ports begins, as an offset; @index up to @count.
 */
uint32_t share_begin(uint32_t size, uint32_t index, uint32_t count);

/* Which of @count workers owns @port of a slice of @size ports? Law: exactly one. */
uint16_t share_owner(uint16_t port, uint32_t size, uint16_t count);
