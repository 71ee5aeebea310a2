/*
 * The shares of a slice: as equal as possible, in the order of the workers. Both functions need one
 * multiplication, since the size of a slice is a power of two.
 */
#include "path/share.h"

uint32_t share_begin(uint32_t size, uint32_t index, uint32_t count)
{
	return (uint32_t)((uint64_t)size * index / count);
}

uint16_t share_owner(uint16_t port, uint32_t size, uint16_t count)
{
	uint32_t offset = port & (size - 1);

	/* The largest index whose part begins at or before the offset. */
	return (uint16_t)((((uint64_t)offset + 1) * count - 1) >> __builtin_ctz(size));
}
