/*
 * Rewriting the transport header, the same over IPv4 and IPv6: a port, or an echo's identifier, and
 * the checksum by difference (RFC 1624). A wrong checksum stays wrong.
 */
#pragma once

#include "base/checksum.h"
#include "base/wire.h"
#include "flow/flow.h"

/* @l4_at: offset of the port in a TCP or UDP header. */
struct port_change {
	be16_t old_port, new_port;
	uint8_t l4_at;
};

static ALWAYS_INLINE struct port_change port_change_of(const struct flow *f, enum flow_dir dir)
{
	if (dir == FLOW_RETURN)
		return (struct port_change){f->nat_port, f->sport, TCP_DPORT};
	return (struct port_change){f->sport, f->nat_port, TCP_SPORT};
}

/*
 * @addr_delta: difference of the addresses, which are in every pseudo-header. ICMP over IPv4 has
 * none.
 */
static ALWAYS_INLINE void transport_rewrite(uint8_t *l4, uint8_t proto, const struct port_change *c,
					    uint64_t addr_delta)
{
	uint64_t port_delta = checksum_delta16(c->old_port, c->new_port);
	uint8_t *checksum;
	be16_t value;

	switch (proto) {
	case PROTO_TCP:
		wire_put_be16(l4 + c->l4_at, c->new_port);
		checksum = l4 + TCP_CHECKSUM;
		value = checksum_apply(wire_be16(checksum), addr_delta + port_delta);
		break;
	case PROTO_UDP:
		wire_put_be16(l4 + c->l4_at, c->new_port);
		checksum = l4 + UDP_CHECKSUM;
		if (wire_be16(checksum) == 0)
			return;
		value = checksum_apply_nonzero(wire_be16(checksum), addr_delta + port_delta);
		break;
	default:
		if (proto != PROTO_ICMP && proto != PROTO_ICMPV6)
			return; /* no port is known, and no checksum */
		/* echo. A flow that the far side opened has no identifier of the site. */
		if (c->old_port != c->new_port)
			wire_put_be16(l4 + ICMP_ID, c->new_port);
		checksum = l4 + ICMP_CHECKSUM;
		value = checksum_apply_nonzero(
			wire_be16(checksum), (proto == PROTO_ICMPV6 ? addr_delta : 0) + port_delta);
		break;
	}
	wire_put_be16(checksum, value);
}

/*
 * The same for a packet embedded in an error that travels in direction @dir; the embedded packet
 * travelled in the opposite direction.
 */
static inline struct port_change embedded_port_change(const struct flow *f, enum flow_dir dir)
{
	if (dir == FLOW_RETURN)
		return (struct port_change){f->nat_port, f->sport, TCP_SPORT};
	return (struct port_change){f->sport, f->nat_port, TCP_DPORT};
}

/*
 * Rewrites an embedded transport header of @len bytes, at least eight. They hold all fields that
 * change, except the TCP checksum, which may be missing.
 */
static inline void transport_rewrite_embedded(uint8_t *l4, size_t len, uint8_t proto,
					      const struct port_change *c, uint64_t addr_delta)
{
	if (proto == PROTO_TCP && len < TCP_CHECKSUM + 2)
		wire_put_be16(l4 + c->l4_at, c->new_port);
	else
		transport_rewrite(l4, proto, c, addr_delta);
}
