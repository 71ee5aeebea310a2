/*
 * Rewrite of IPv6: as rewrite.c, with addresses of 128 bits and no header checksum.
 *
 * Every transport checksum covers the addresses, also that of ICMPv6 (RFC 8200 section 8.1). In a
 * flow that is not translated only the hop limit changes, whatever the protocol.
 */
#include "out/stages.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "out/mss.h"
#include "out/rewrite.h"
#include "out/transport.h"

enum { HEADERS = IPV6_LEN + TCP_LEN };

/* Writes the new address. Returns the difference for checksums. */
static uint64_t rewrite_address(uint8_t *ip, const struct flow6 *six, enum flow_dir dir)
{
	bool back = dir == FLOW_RETURN;
	const struct addr6 *from = back ? &six->nat_src : &six->src;
	const struct addr6 *to = back ? &six->src : &six->nat_src;

	memcpy(ip + (back ? IPV6_DST : IPV6_SRC), to, sizeof(*to));
	return checksum_delta(from, to, sizeof(*to));
}

static void rewrite6_translate(struct packet *p, const struct flow *f, const struct flow6 *six)
{
	struct port_change c = port_change_of(f, p->probe.dir);
	uint64_t addr_delta = rewrite_address(p->data, six, p->probe.dir);

	transport_rewrite(p->data + p->l4, f->proto, &c, addr_delta);
}

static ALWAYS_INLINE void rewrite_one(struct context *ctx, struct packet *p)
{
	struct flow *f = flow_table_at(ctx->flows6, p->probe.record);
	const struct flow6 *six = flow6_at(ctx->flows6, p->probe.record);
	uint8_t *l4 = p->data + p->l4;

	p->data[IPV6_HOPS]--;
	if (!flow6_is_untranslated(f, six))
		rewrite6_translate(p, f, six);
	if (p->tcp_flags & TCP_SYN)
		mss_clamp(l4, (size_t)(l4[TCP_OFFSET] >> 4) * 4, mss_of(ctx, f, six, HEADERS));
}

void rewrite6(struct context *ctx, struct packet *p)
{
	rewrite_one(ctx, p);
}

void stage_rewrite6(struct context *ctx, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_REWRITE6]; i++) {
		struct packet *p = b->list[STAGE_REWRITE6][i];

		rewrite_one(ctx, p);
		burst_pass(b, STAGE_ENCAPSULATE6, p);
	}
}
