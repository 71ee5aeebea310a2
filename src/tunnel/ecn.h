/* Explicit congestion notification through a tunnel: RFC 6040, what leaves it. */
#pragma once

#include "base/drop.h"

#include <stddef.h>
#include <stdint.h>

/* Does the outer header say anything that the inner one has to learn? Congested, or ECT(1). */
static inline int ecn_is_news(uint8_t outer_tos)
{
	return outer_tos & 1;
}

/*
 * Tells the IP packet at @inner, @len bytes as yet unchecked, what its outer header said, its
 * checksum included. DROP_ECN: it was marked on the way and cannot say so.
 */
enum drop ecn_open(uint8_t outer_tos, uint8_t *inner, size_t len);
