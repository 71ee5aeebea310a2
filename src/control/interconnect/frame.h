/* Requests for the Ethernet address of an interconnect's peer: ARP (RFC 826) or ND (RFC 4861). */
#pragma once

#include "base/addr6.h"

#include <stddef.h>
#include <stdint.h>

enum { FRAME_MAX = 96 };

struct frame_request {
	struct addr6 address, peer; /* ours, and the one asked for; of one family, IPv4 mapped */
	uint16_t vlan; /* 0: untagged */
	uint8_t mac[6]; /* ours */
	const uint8_t *to; /* the peer's last Ethernet address; NULL: everybody is asked */
};

/* Writes the request; returns its length. */
size_t frame_make_request(const struct frame_request *r, uint8_t out[FRAME_MAX]);
