/*
 * What a kind of tunnel is: a row of the table in tunnel/kinds.h, which all ask that would know how
 * packets of a tunnel look. A kind is made of functions on bytes, and knows no networks.
 *
 * A packet of a kind is an outer IP header, which names the kind by its protocol, the kind's own
 * header, and the inner packet.
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

/* Outer headers of any kind are no longer than these, in bytes. */
enum {
	TUNNEL_HEADER_IPV4 = 28,
	TUNNEL_HEADER_MAX = 48, /* over IPv6 */
};

/* What tells a tunnel from others of its kind, and what its outer header says besides. */
struct tunnel_outside {
	struct addr6 local, remote; /* IPv4: mapped; both of one family */
	uint32_t key; /* host order */
	bool has_key;
	bool df; /* IPv4 only */
	uint8_t ttl; /* or hop limit */
};

/* What the kind's own header says. */
struct tunnel_opened {
	uint32_t key; /* host order */
	uint16_t type; /* Ethernet type of the payload */
	bool has_key;
	uint8_t len; /* bytes of that header */
};

struct tunnel_kind {
	uint8_t protocol; /* in the outer IP header */
	uint8_t type_at; /* in its own header, where the Ethernet type of the payload is */
	bool has_keepalives; /* answer/keepalive.h */
	uint8_t unknown; /* enum drop: no tunnel has these ends and this key */
	uint8_t no_ip; /* enum drop: the payload is neither IPv4 nor IPv6 */

	/* What encapsulation adds to a packet: bytes of the outer IP header and the kind's own. */
	uint8_t (*overhead)(bool over_ipv6, bool has_key);

	/*
	 * Writes as many bytes of outer headers and returns how many. The outer length is zero and
	 * an IPv4 checksum is that of a zero length: encapsulation adds both, the TOS or traffic
	 * class, and the type of an inner packet that is not IPv4. With df no router may fragment
	 * the outer packet.
	 */
	uint8_t (*make_header)(uint8_t *out, const struct tunnel_outside *ends);

	/*
	 * Reads the kind's own header at @p, @len bytes up to the end of the outer packet.
	 * DROP_NONE, or why not; with no_ip @out is written, too.
	 */
	enum drop (*open)(const uint8_t *p, size_t len, struct tunnel_opened *out);

	/* The same of a packet of ours that an ICMP error embeds: @p may end behind 8 bytes. */
	bool (*match_embedded)(const uint8_t *p, size_t len, struct tunnel_opened *out);

	/*
	 * Does this reason of open(), or unknown, say that a far end wants a tunnel that we do not
	 * have? For in/unknown.h.
	 */
	bool (*is_stranger)(enum drop drop);
};
