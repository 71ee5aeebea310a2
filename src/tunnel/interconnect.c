/*
 * The VLAN tag of an interconnect: see interconnect.h.
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   | PCP |D|        VLAN           |      type of the payload      |
 *   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Priority (PCP) and drop eligibility (D) are ignored on receipt, and 0 in what we send.
 */
#include "tunnel/interconnect.h"

#include "base/wire.h"

enum drop interconnect_open(const uint8_t *p, size_t len, struct tunnel_opened *out)
{
	if (len < ETHER_TAG_LEN)
		return DROP_OUTER_MALFORMED;
	*out = (struct tunnel_opened){
		.key = wire_16(p) & ETHER_TAG_VLAN,
		.has_key = true,
		.type = wire_16(p + INTERCONNECT_TYPE_AT),
		.len = ETHER_TAG_LEN,
	};
	if (out->type == ETHER_IPV4 || out->type == ETHER_IPV6)
		return DROP_NONE;
	return out->type == ETHER_TAG || out->type == ETHER_TAG_SERVICE ? DROP_DOUBLE_TAG
									: DROP_NOT_IP;
}

bool interconnect_match_embedded(const uint8_t *p, size_t len, struct tunnel_opened *out)
{
	return false;
}

bool interconnect_is_stranger(enum drop drop)
{
	return false;
}

uint8_t interconnect_overhead(bool over_ipv6, bool has_key)
{
	return 0;
}

uint8_t interconnect_make_header(uint8_t *out, const struct tunnel_outside *ends)
{
	if (ends->vlan == 0)
		return 0;
	wire_put_be16(out, htons(ends->vlan));
	wire_put_be16(out + INTERCONNECT_TYPE_AT, htons(ETHER_IPV4));
	return ETHER_TAG_LEN;
}
