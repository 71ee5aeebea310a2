/* Bytes from hexadecimal digits. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Returns how many. */
static inline size_t hex_read(const char *digits, uint8_t *out)
{
	size_t n = 0;
	unsigned byte;

	for (; sscanf(digits + 2 * n, "%2x", &byte) == 1; n++)
		out[n] = (uint8_t)byte;
	return n;
}
