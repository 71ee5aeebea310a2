/*
 * Rewrite: translate the addresses and ports of a packet as its flow says.
 *
 *   forward   source address and port (or ICMP identifier) become the egress ones
 *   return    destination address and port become the private ones
 *
 * TTL or hop limit is decremented. Checksums are updated by difference (RFC 1624), so a wrong one
 * stays wrong. ICMP over IPv4 has no pseudo header, but ICMPv6 has (RFC 8200 section 8.1). A UDP
 * checksum of zero means there is none (RFC 768). In an IPv6 flow that is not translated only the
 * hop limit changes, whatever the protocol.
 */
#include "out/stages.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "out/address.h"
#include "out/mss.h"
#include "out/rewrite.h"
#include "out/transport.h"
#include "path/family.h"

#define unlikely(x) __builtin_expect(!!(x), 0)

static ALWAYS_INLINE void rewrite_ipv4(struct packet *p, const struct flow *f)
{
	const be16_t one_hop = htons(1 << 8); /* TTL is the high byte of its word */
	enum flow_dir dir = p->probe.dir;
	struct port_change port = port_change_of(f, dir);
	uint8_t *ip = p->data;
	uint64_t addr_delta =
		address_rewrite(ip + (dir == FLOW_RETURN ? IPV4_DST : IPV4_SRC), f, dir);

	ip[IPV4_TTL]--;
	wire_put_be16(ip + IPV4_CHECKSUM,
		      checksum_apply(wire_be16(ip + IPV4_CHECKSUM),
				     addr_delta + checksum_delta16(one_hop, 0)));
	transport_rewrite(ip + p->l4, f->proto, &port, addr_delta);
}

static ALWAYS_INLINE void rewrite_ipv6(struct packet *p, const struct flow *f,
				       const struct flow6 *six)
{
	enum flow_dir dir = p->probe.dir;
	struct port_change port = port_change_of(f, dir);
	uint8_t *ip = p->data;
	uint64_t addr_delta;

	ip[IPV6_HOPS]--;
	if (flow6_is_untranslated(f, six))
		return;
	addr_delta = address6_rewrite(ip + (dir == FLOW_RETURN ? IPV6_DST : IPV6_SRC), six, dir);
	transport_rewrite(ip + p->l4, f->proto, &port, addr_delta);
}

/* @records: of the family's table, by number. */
static ALWAYS_INLINE void rewrite_one(struct context *ctx, struct packet *p, struct flow *records,
				      const struct family *y)
{
	struct flow *f = &records[p->probe.record];
	const struct flow6 *six = y->six ? flow6_at(ctx->flows6, p->probe.record) : NULL;
	uint8_t *l4 = p->data + p->l4;

	if (y->six)
		rewrite_ipv6(p, f, six);
	else
		rewrite_ipv4(p, f);
	if (unlikely(p->tcp_flags & TCP_SYN))
		mss_clamp(l4, (size_t)(l4[TCP_OFFSET] >> 4) * 4,
			  mss_of(ctx, f, six, (y->six ? IPV6_LEN : IPV4_LEN) + TCP_LEN));
}

static ALWAYS_INLINE void rewrite_all(struct context *ctx, struct burst *b, const struct family *y)
{
	struct flow *records = flow_table_at(y->six ? ctx->flows6 : ctx->flows, 0);

	for (unsigned i = 0; i < b->n[y->rewrite]; i++) {
		struct packet *p = b->list[y->rewrite][i];

		rewrite_one(ctx, p, records, y);
		burst_pass(b, y->encapsulate, p);
	}
}

void rewrite_packet(struct context *ctx, struct packet *p, const struct family *y)
{
	if (y->six)
		rewrite_one(ctx, p, flow_table_at(ctx->flows6, 0), &family6);
	else
		rewrite_one(ctx, p, flow_table_at(ctx->flows, 0), &family4);
}

void stage_rewrite(struct context *ctx, struct burst *b)
{
	rewrite_all(ctx, b, &family4);
}

void stage_rewrite6(struct context *ctx, struct burst *b)
{
	rewrite_all(ctx, b, &family6);
}
