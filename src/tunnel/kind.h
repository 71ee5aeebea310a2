/*
 * A kind of tunnel: a row of the table in tunnel/kinds.h. All knowledge of the packet format of a
 * tunnel is here. A kind has functions on bytes, and does not know the network.
 *
 * A tunnel packet has an outer IP header, whose protocol names the kind, then the kind's own
 * header, then the inner packet. A kind without an outer IP header (protocol PROTO_NONE) has its
 * own header, which may be empty, behind that of Ethernet.
 */
#pragma once

#include "base/addr6.h"
#include "base/drop.h"
#include "base/types.h"
#include "tunnel/kind_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* clang-format off */
enum tunnel_type {
#define X(id, name, protocol) TUNNEL_##id,
	TUNNEL_KIND_LIST(X)
#undef X
	TUNNEL_TYPES,
};
/* clang-format on */

/* Largest outer headers of any kind, in bytes. */
enum {
	TUNNEL_HEADER_IPV4 = 28,
	TUNNEL_HEADER_MAX = 48, /* over IPv6 */
};

/* The fields that identify a tunnel within its kind, and other fields of its outer header. */
struct tunnel_outside {
	struct addr6 local, remote; /* IPv4: mapped; both of one family */
	uint32_t key; /* host order */
	uint16_t vlan; /* without an outer IP header; 0: untagged */
	bool has_key;
	bool df; /* IPv4 only */
	uint8_t ttl; /* or hop limit */
};

/* The fields of the kind's own header. */
struct tunnel_opened {
	uint32_t key; /* host order */
	uint16_t type; /* Ethernet type of the payload */
	bool has_key;
	uint8_t len; /* bytes of that header */
};

struct tunnel_kind {
	uint16_t protocol; /* number in the outer IP header; PROTO_NONE: it has none */
	uint8_t type_at; /* offset in its own header of the payload's Ethernet type */
	bool has_keepalives; /* answer/keepalive.h */
	bool sealed; /* only an SA can open and make its packets: in/esp.c, out/esp.c */
	uint8_t unknown; /* enum drop: no tunnel has these ends and this key */
	uint8_t no_ip; /* enum drop: the payload is neither IPv4 nor IPv6 */

	/* How many bytes of the port's MTU the outer IP header and the kind's own header take. */
	uint8_t (*overhead)(bool over_ipv6, bool has_key);

	/*
	 * The largest inner packet if outer packets may have @outer bytes; NULL: @outer without the
	 * overhead. For kinds that pad.
	 */
	uint16_t (*inner_mtu)(uint16_t outer, bool over_ipv6);

	/*
	 * Writes the outer headers and returns their number of bytes. The outer length is
	 * zero, and an IPv4 checksum is that of a zero length. Encapsulation fills in both, the TOS
	 * or traffic class, and the type of an inner packet that is not IPv4. With df no router may
	 * fragment the outer packet.
	 */
	uint8_t (*make_header)(uint8_t *out, const struct tunnel_outside *ends);

	/*
	 * Reads the kind's own header at @p, @len bytes up to the end of the outer packet.
	 * DROP_NONE, or the drop reason. With no_ip @out is written, too.
	 */
	enum drop (*open)(const uint8_t *p, size_t len, struct tunnel_opened *out);

	/* The same for a packet of ours, embedded in an ICMP error: @p may end after 8 bytes. */
	bool (*match_embedded)(const uint8_t *p, size_t len, struct tunnel_opened *out);

	/*
	 * Does this drop reason (one of open()'s, or unknown) mean that the far end uses a tunnel
	 * that is not configured? For in/unknown.h.
	 */
	bool (*is_stranger)(enum drop drop);
};
