/*
 * Encapsulate: put the outer headers of the tunnel, if any, and Ethernet in front.
 *
 * The headers of a tunnel were made when the network was compiled. For each packet the stage adds
 * the length, the TOS byte (DSCP and ECN), an identification where routers may fragment the packet
 * (RFC 6864), and updates the checksum. Over IPv6 it adds a flow label, by which routers spread
 * flows over several paths and keep the packets of one flow on one path (RFC 6438).
 *
 * The packets of an IPsec tunnel go on to out/esp.c.
 *
 * An interconnect has no outer IP header. In a VLAN its header is the tag (IEEE 802.1Q section
 * 9.6), whose priority is 0; untagged it has none.
 */
#include "out/stages.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "out/encapsulate.h"
#include "out/identification.h"
#include "out/transmit.h"
#include "path/family.h"
#include "tunnel/kinds.h"

enum {
	HEADER_LEAST = IPV4_LEN + 4, /* of any kind of tunnel over IPv4 */
	LABEL_BITS = 20,
	CLASS_SHIFT = 20, /* position of the traffic class in the first word */
	VERSION_6 = 6u << 28,
};

static_assert(TUNNEL_HEADER_IPV4 == HEADER_LEAST + 4, "it is copied in two parts");

#define LABEL_MULTIPLIER UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / golden ratio (Knuth, 6.4) */

/*
 * RFC 2983 section 3.1, RFC 6040 section 4.1. The IPv6 traffic class begins in the middle of a
 * byte.
 */
static ALWAYS_INLINE uint8_t traffic_class(const uint8_t *ip, const struct family *y)
{
	return y->six ? (uint8_t)(wire_16(ip) >> 4) : ip[IPV4_TOS];
}

/* @header: the tunnel's own header, behind the outer IP header. Its ready-made type is IPv4. */
static ALWAYS_INLINE void put_type(const struct nexthop *t, uint8_t *header, const struct family *y)
{
	if (y->six)
		wire_put_be16(header + tunnel_kinds[t->type].type_at, htons(y->type));
}

static ALWAYS_INLINE void push_ipv4(const struct nexthop *t, struct packet *p,
				    const struct family *y)
{
	uint8_t *outer = p->data - t->header_len;
	uint16_t len = (uint16_t)(p->len + t->header_len);
	uint8_t tos = traffic_class(p->data, y);
	uint64_t delta = checksum_delta16(0, htons(len)) + htons(tos);

	memcpy(outer, t->header, HEADER_LEAST);
	if (t->header_len > HEADER_LEAST)
		memcpy(outer + HEADER_LEAST, t->header + HEADER_LEAST, 4);
	outer[IPV4_TOS] = tos;
	put_type(t, outer + IPV4_LEN, y);
	wire_put_be16(outer + IPV4_LENGTH, htons(len));
	wire_put_be16(outer + IPV4_CHECKSUM,
		      checksum_apply(wire_be16(t->header + IPV4_CHECKSUM), delta));
	p->data = outer;
	p->len = len;
}

/* Never zero, which would mean "no label" (RFC 6437 section 3). */
static uint32_t flow_label(const struct packet *p)
{
	uint32_t label = (uint32_t)(p->probe.hash * LABEL_MULTIPLIER >> (64 - LABEL_BITS));

	return label != 0 ? label : 1;
}

static void push_ipv6(const struct nexthop *t, const struct tunnel_header6 *header,
		      struct packet *p, const struct family *y)
{
	uint8_t *outer = p->data - t->header_len;
	uint32_t class = traffic_class(p->data, y);

	memcpy(outer, header->bytes, t->header_len);
	wire_put_be32(outer, htonl(VERSION_6 | class << CLASS_SHIFT | flow_label(p)));
	wire_put_be16(outer + IPV6_LENGTH, htons((uint16_t)(p->len + t->header_len - IPV6_LEN)));
	put_type(t, outer + IPV6_LEN, y);
	p->data = outer;
	p->len = (uint16_t)(p->len + t->header_len);
}

static void push_tag(const struct nexthop *t, struct packet *p, const struct family *y)
{
	uint8_t *tag = p->data - t->header_len;

	memcpy(tag, t->header, t->header_len);
	if (t->header_len > 0)
		put_type(t, tag, y);
	p->data = tag;
	p->len = (uint16_t)(p->len + t->header_len);
}

/* Off the fast path: over IPv6, over IPv4 that may be fragmented, or an interconnect. */
static __attribute__((noinline)) void push_unusual(struct context *ctx, const struct nexthop *t,
						   struct packet *p, const struct family *y)
{
	if (t->outer == OUTER_IPV6) {
		push_ipv6(t, &ctx->net->headers6[t->tunnel], p, y);
		return;
	}
	if (t->outer == OUTER_NONE) {
		push_tag(t, p, y);
		return;
	}
	push_ipv4(t, p, y);
	identification_put(ctx, p->data);
}

static ALWAYS_INLINE void push_tunnel(struct context *ctx, struct packet *p,
				      const struct nexthop *t, const struct family *y)
{
	struct tunnel_counters *c = &ctx->tunnels[t->tunnel];

	c->tx_packets++;
	c->tx_bytes += p->len;
	if (__builtin_expect(t->outer != OUTER_IPV4, 0))
		push_unusual(ctx, t, p, y);
	else
		push_ipv4(t, p, y);
}

/* The Ethernet type of a ready-made header: see nexthop.h. */
static ALWAYS_INLINE void encapsulate_push(struct context *ctx, struct packet *p,
					   const struct nexthop *n, const struct family *y)
{
	if (n->tunnel != TUNNEL_NONE)
		push_tunnel(ctx, p, n, y);
	p->data -= ETHER_LEN;
	p->len += ETHER_LEN;
	memcpy(p->data, n->ethernet, ETHER_LEN);
	if (y->six && (n->tunnel == TUNNEL_NONE || n->bare))
		wire_put_be16(p->data + ETHER_TYPE, htons(y->type));
	p->out_port = n->port;
}

void encapsulate_packet(struct context *ctx, struct packet *p, const struct nexthop *nexthop,
			const struct family *y)
{
	if (y->six)
		encapsulate_push(ctx, p, nexthop, &family6);
	else
		encapsulate_push(ctx, p, nexthop, &family4);
}

/* Handles a nexthop that is not resolved, or sealed. IPv6 packets are never hairpinned. */
static __attribute__((noinline, cold)) void
encapsulate_leave(struct context *ctx, struct burst *b, struct packet *p, const struct nexthop *n)
{
	if (n->kind == NEXTHOP_KIND_HAIRPIN)
		burst_pass(b, STAGE_HAIRPIN, p);
	else if (n->resolved && ctx->esp != NULL)
		burst_seal(b, p, SEAL_BY_NEXTHOP);
	else if (n->resolved)
		burst_drop(b, p, DROP_ESP_NO_SA);
	else
		burst_drop(b, p, transmit_not_resolved(ctx, n));
}

static ALWAYS_INLINE void encapsulate_all(struct context *ctx, struct burst *b,
					  const struct family *y)
{
	for (unsigned i = 0; i < b->n[y->encapsulate]; i++) {
		struct packet *p = b->list[y->encapsulate][i];
		const struct nexthop *n = &ctx->nexthops->at[p->nexthop];

		if (__builtin_expect(!n->direct, 0)) {
			encapsulate_leave(ctx, b, p, n);
			continue;
		}
		encapsulate_push(ctx, p, n, y);
		burst_pass(b, STAGE_TRANSMIT, p);
	}
}

void stage_encapsulate(struct context *ctx, struct burst *b)
{
	encapsulate_all(ctx, b, &family4);
}

void stage_encapsulate6(struct context *ctx, struct burst *b)
{
	encapsulate_all(ctx, b, &family6);
}
