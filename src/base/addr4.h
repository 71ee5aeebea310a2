/* IPv4 addresses, in network byte order: which of them may be the address of a host (RFC 6890). */
#pragma once

#include "base/types.h"

#include <stdbool.h>

/*
 * May it be the address of one host on the wire? Not "this network" and loopback (RFC 1122 section
 * 3.2.1.3), nor multicast and what is above it: reserved and broadcast.
 */
static inline bool addr4_is_host(be32_t addr)
{
	uint32_t a = ntohl(addr);

	return a >> 24 != 0 && a >> 24 != 127 && a < UINT32_C(0xe0000000);
}

/* 169.254.0.0/16 never leaves its link: RFC 3927 section 7. */
static inline bool addr4_is_link_local(be32_t addr)
{
	return ntohl(addr) >> 16 == 0xa9fe;
}
