/*
 * The extension headers of IPv6 (RFC 8200 section 4).
 */
#pragma once

#include "drop.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Walks the headers of the packet at @ip, @len bytes in all and at least IPV6_LEN: which protocol is
 * behind them, and where. What is behind may be nothing: @l4 can be @len. DROP_NONE, or why such a
 * packet may not go on.
 */
enum drop ipv6_walk(const uint8_t *ip, size_t len, uint8_t *proto, uint8_t *l4);
