/*
 * Rewrite: translate the addresses and ports of a packet as its flow says.
 *
 *   forward   source address and port (or ICMP identifier) become the egress ones
 *   return    destination address and port become the private ones
 *
 * The TTL is decremented. Checksums are updated by difference (RFC 1624), so a wrong one stays
 * wrong. ICMP has no pseudo header, and a UDP checksum of zero means there is none (RFC 768).
 */
#include "out/stages.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "out/mss.h"
#include "out/rewrite.h"
#include "out/transport.h"

#define unlikely(x) __builtin_expect(!!(x), 0)

enum { HEADERS = IPV4_LEN + TCP_LEN };

/* The fields to change: an address at offset @ip_at of the IPv4 header, and a port. */
struct change {
	be32_t old_addr, new_addr;
	struct port_change port;
	uint8_t ip_at;
};

static ALWAYS_INLINE struct change change_of(const struct flow *f, enum flow_dir dir)
{
	if (dir == FLOW_RETURN)
		return (struct change){
			.old_addr = f->nat_src,
			.new_addr = f->src,
			.port = port_change_of(f, dir),
			.ip_at = IPV4_DST,
		};
	return (struct change){
		.old_addr = f->src,
		.new_addr = f->nat_src,
		.port = port_change_of(f, dir),
		.ip_at = IPV4_SRC,
	};
}

static void rewrite_ipv4(uint8_t *ip, const struct change *c, uint64_t addr_delta)
{
	const be16_t one_hop = htons(1 << 8); /* TTL is the high byte of its word */

	ip[IPV4_TTL]--;
	wire_put_be32(ip + c->ip_at, c->new_addr);
	wire_put_be16(ip + IPV4_CHECKSUM,
		      checksum_apply(wire_be16(ip + IPV4_CHECKSUM),
				     addr_delta + checksum_delta16(one_hop, 0)));
}

static ALWAYS_INLINE void rewrite_translate(struct context *ctx, struct packet *p)
{
	struct flow *f = flow_table_at(ctx->flows, p->probe.record);
	struct change c = change_of(f, p->probe.dir);
	uint64_t addr_delta = checksum_delta32(c.old_addr, c.new_addr);
	uint8_t *l4 = p->data + p->l4;

	rewrite_ipv4(p->data, &c, addr_delta);
	transport_rewrite(l4, f->proto, &c.port, addr_delta);
	if (unlikely(p->tcp_flags & TCP_SYN))
		mss_clamp(l4, (size_t)(l4[TCP_OFFSET] >> 4) * 4, mss_of(ctx, f, NULL, HEADERS));
}

void rewrite(struct context *ctx, struct packet *p)
{
	rewrite_translate(ctx, p);
}

void stage_rewrite(struct context *ctx, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_REWRITE]; i++) {
		struct packet *p = b->list[STAGE_REWRITE][i];

		rewrite_translate(ctx, p);
		burst_pass(b, STAGE_ENCAPSULATE, p);
	}
}
