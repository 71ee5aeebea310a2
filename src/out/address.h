/*
 * The translated address of a flow, written into its packets and into packets embedded in errors.
 * Private to out/.
 *
 * Writes the address that a packet of direction @dir gets to @at. Returns the difference for the
 * checksums that cover it.
 */
#pragma once

#include "base/checksum.h"
#include "base/wire.h"
#include "flow/flow6.h"

static ALWAYS_INLINE uint64_t address_rewrite(uint8_t *at, const struct flow *f, enum flow_dir dir)
{
	be32_t from = dir == FLOW_RETURN ? f->nat_src : f->src;
	be32_t to = dir == FLOW_RETURN ? f->src : f->nat_src;

	wire_put_be32(at, to);
	return checksum_delta32(from, to);
}

static ALWAYS_INLINE uint64_t address6_rewrite(uint8_t *at, const struct flow6 *six,
					       enum flow_dir dir)
{
	const struct addr6 *from = dir == FLOW_RETURN ? &six->nat_src : &six->src;
	const struct addr6 *to = dir == FLOW_RETURN ? &six->src : &six->nat_src;

	memcpy(at, to, sizeof(*to));
	return checksum_delta(from, to, sizeof(*to));
}
