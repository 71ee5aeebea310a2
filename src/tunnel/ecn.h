/* Explicit congestion notification at decapsulation (RFC 6040). */
#pragma once

#include "base/drop.h"

#include <stddef.h>
#include <stdint.h>

/* Does the outer ECN field (CE or ECT(1)) affect the inner packet? */
static inline int ecn_is_news(uint8_t outer_tos)
{
	return outer_tos & 1;
}

/*
 * Applies the outer ECN field to the IP packet at @inner, @len unchecked bytes, and updates its
 * checksum. DROP_ECN: the outer header has CE, but the inner packet is Not-ECT.
 */
enum drop ecn_open(uint8_t outer_tos, uint8_t *inner, size_t len);
