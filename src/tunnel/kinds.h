/*
 * THE table of the kinds of tunnel.
 *
 * It is in a header so that the packet path is compiled for each kind: a stage loops over the rows,
 * and since the rows are known at compile time, their fields are constants and their functions are
 * called directly. A new kind is a file, a row here and one in kind_list.h.
 */
#pragma once

#include "tunnel/gre.h"
#include "tunnel/interconnect.h"
#include "tunnel/ipsec.h"
#include "tunnel/kind.h"

static const struct tunnel_kind tunnel_kinds[TUNNEL_TYPES] = {
	[TUNNEL_GRE] =
		{
			.protocol = PROTO_GRE,
			.type_at = GRE_TYPE_AT,
			.has_keepalives = true,
			.unknown = DROP_GRE_UNKNOWN,
			.no_ip = DROP_GRE_PROTOCOL,
			.overhead = gre_overhead,
			.make_header = gre_make_header,
			.open = gre_open,
			.match_embedded = gre_match_embedded,
			.is_stranger = gre_is_stranger,
		},
	[TUNNEL_INTERCONNECT] =
		{
			.protocol = PROTO_NONE,
			.type_at = INTERCONNECT_TYPE_AT,
			.unknown = DROP_VLAN_UNKNOWN,
			.no_ip = DROP_NOT_IP,
			.overhead = interconnect_overhead,
			.make_header = interconnect_make_header,
			.open = interconnect_open,
			.match_embedded = interconnect_match_embedded,
			.is_stranger = interconnect_is_stranger,
		},
	[TUNNEL_IPSEC] =
		{
			.protocol = PROTO_ESP,
			.sealed = true,
			.unknown = DROP_ESP_UNKNOWN_SPI,
			.no_ip = DROP_ESP_NEXT_HEADER,
			.overhead = ipsec_overhead,
			.inner_mtu = ipsec_inner_mtu,
			.make_header = ipsec_make_header,
			.open = ipsec_open,
			.match_embedded = ipsec_match_embedded,
			.is_stranger = ipsec_is_stranger,
		},
};

extern const char *const tunnel_kind_names[]; /* by enum tunnel_type; NULL ends it */

/* The largest inner packet of a tunnel of this kind; see inner_mtu() and overhead(). */
static inline uint16_t tunnel_inner_mtu(const struct tunnel_kind *kind, uint16_t outer,
					bool over_ipv6, bool has_key)
{
	uint8_t overhead = kind->overhead(over_ipv6, has_key);

	if (kind->inner_mtu != NULL)
		return kind->inner_mtu(outer, over_ipv6);
	return outer > overhead ? (uint16_t)(outer - overhead) : 0;
}

/* The kind with this protocol in the outer IP header, or NULL. */
static ALWAYS_INLINE const struct tunnel_kind *tunnel_kind_of(uint8_t protocol)
{
	for (unsigned i = 0; i < TUNNEL_TYPES; i++)
		if (tunnel_kinds[i].protocol == protocol)
			return &tunnel_kinds[i];
	return NULL;
}

/* The kind whose is_stranger() is true for this drop reason, or NULL. */
static inline const struct tunnel_kind *tunnel_kind_of_stranger(enum drop drop)
{
	for (unsigned i = 0; i < TUNNEL_TYPES; i++)
		if (tunnel_kinds[i].is_stranger(drop))
			return &tunnel_kinds[i];
	return NULL;
}
