/*
 * A small specification, for tests of what is compiled from it.
 *
 *   berlin   10.0.1.0/24, 172.16.0.0/12   b1 no key, b2 key 0, b3 key 7: the same outer addresses
 *   madrid   any source                   m1 key 7 from another address
 *   tokyo    no tunnel
 *   pool wide    203.0.113.1, slices of 2048: 1 and 31; 203.0.113.2: slice 5
 *   pool narrow  203.0.113.3, slices of 64: 1023
 */
#pragma once

#include "network/network.h"

#define ADDR(a, b, c, d) (be32_t)((uint32_t)(d) << 24 | (c) << 16 | (b) << 8 | (a))

/* An IPv4-mapped address as a constant, on a little-endian machine. */
#define MAPPED(four)                                                                               \
	{                                                                                          \
		{                                                                                  \
			0, (uint64_t)(four) << 32 | 0xffff0000                                     \
		}                                                                                  \
	}

enum { BED_SITES = 3, BED_TUNNELS = 4 };

extern const struct network_spec bed_spec;

be32_t bed_ip(const char *text);
