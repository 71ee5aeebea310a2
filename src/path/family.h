/*
 * Differences between the families of inner packets.
 *
 * A stage for both families is one always-inlined function that takes one of these two rows; its
 * two callers name the row. So the compiler makes a version for each family, in which the fields
 * are constants and cost nothing.
 */
#pragma once

#include "base/wire.h"
#include "path/packet.h"

struct family {
	enum stage forward, rewrite, answer, encapsulate;
	uint16_t type; /* Ethernet type */
	uint8_t ttl_at; /* offset of TTL or hop limit in the IP header */
	bool six;
};

static const struct family family4 = {
	.forward = STAGE_FORWARD,
	.rewrite = STAGE_REWRITE,
	.answer = STAGE_ANSWER,
	.encapsulate = STAGE_ENCAPSULATE,
	.type = ETHER_IPV4,
	.ttl_at = IPV4_TTL,
};

static const struct family family6 = {
	.forward = STAGE_FORWARD6,
	.rewrite = STAGE_REWRITE6,
	.answer = STAGE_ANSWER6,
	.encapsulate = STAGE_ENCAPSULATE6,
	.type = ETHER_IPV6,
	.ttl_at = IPV6_HOPS,
	.six = true,
};
