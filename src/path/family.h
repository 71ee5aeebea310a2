/*
 * Differences between the families of inner packets.
 *
 * A stage for both families is one always-inlined function that takes one of these two rows; its
 * two callers name the row. So the compiler makes a version for each family, in which the fields
 * are constants and cost nothing. A stage that few packets meet has one list for both families, and
 * asks each packet for its row.
 */
#pragma once

#include "base/wire.h"
#include "path/packet.h"

struct family {
	enum stage lookup, ask, setup, forward, rewrite, encapsulate;
	uint16_t type; /* Ethernet type */
	uint8_t ttl_at; /* offset of TTL or hop limit in the IP header */
	bool six;
};

static const struct family family4 = {
	.lookup = STAGE_LOOKUP,
	.ask = STAGE_ASK,
	.setup = STAGE_SETUP,
	.forward = STAGE_FORWARD,
	.rewrite = STAGE_REWRITE,
	.encapsulate = STAGE_ENCAPSULATE,
	.type = ETHER_IPV4,
	.ttl_at = IPV4_TTL,
};

static const struct family family6 = {
	.lookup = STAGE_LOOKUP6,
	.ask = STAGE_ASK6,
	.setup = STAGE_SETUP6,
	.forward = STAGE_FORWARD6,
	.rewrite = STAGE_REWRITE6,
	.encapsulate = STAGE_ENCAPSULATE6,
	.type = ETHER_IPV6,
	.ttl_at = IPV6_HOPS,
	.six = true,
};

/* The row of @p, whose data begins with an IP header that parse has checked. */
static inline const struct family *family_of(const struct packet *p)
{
	return p->data[IPV6_VERSION] >> 4 == 6 ? &family6 : &family4;
}
