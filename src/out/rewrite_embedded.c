/*
 * Rewrite embedded: translate an ICMP error and its embedded packet as the flow says.
 *
 *   from the Internet   embedded source and the error's destination become the private host;
 *                       the error's source is kept (RFC 5508 REQ-4)
 *   from a site         embedded destination and the error's source become the flow's egress
 *                       address, so that the site's addresses stay hidden (REQ-5)
 *
 * If the embedded packet was not translated, the error's source is kept. Checksums inside the
 * embedded packet are updated by difference, if they are present. The error's own checksum was
 * verified on arrival and is computed anew.
 */
#include "out/stages.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "out/rewrite_embedded.h"
#include "out/transport.h"
#include "path/resolve.h"

/* The fields of the embedded packet that change: the end that our flow translates. */
struct swap {
	be32_t old_addr, new_addr;
	struct port_change port;
	uint8_t ip_at;
};

static struct swap swap_of(const struct flow *f, enum flow_dir dir)
{
	if (dir == FLOW_RETURN)
		return (struct swap){
			.old_addr = f->nat_src,
			.new_addr = f->src,
			.port = embedded_port_change(f, dir),
			.ip_at = IPV4_SRC,
		};
	return (struct swap){
		.old_addr = f->src,
		.new_addr = f->nat_src,
		.port = embedded_port_change(f, dir),
		.ip_at = IPV4_DST,
	};
}

static void apply(uint8_t *checksum, uint64_t delta)
{
	wire_put_be16(checksum, checksum_apply(wire_be16(checksum), delta));
}

void rewrite_embedded(uint8_t *embedded, size_t len, const struct flow *f, enum flow_dir dir)
{
	struct swap s = swap_of(f, dir);
	size_t header = (size_t)(embedded[IPV4_VERSION_IHL] & 0xf) * 4;

	uint64_t addr_delta = checksum_delta32(s.old_addr, s.new_addr);

	wire_put_be32(embedded + s.ip_at, s.new_addr);
	apply(embedded + IPV4_CHECKSUM, addr_delta);
	transport_rewrite_embedded(embedded + header, len - header, f->proto, &s.port, addr_delta);
}

static void rewrite_error(struct packet *p, const struct flow *f, enum flow_dir dir)
{
	uint8_t *ip = p->data, *icmp = ip + p->l4;
	size_t len = (size_t)p->len - p->l4;

	rewrite_embedded(icmp + ICMP_LEN, len - ICMP_LEN, f, dir);
	wire_put_be16(icmp + ICMP_CHECKSUM, 0);
	wire_put_be16(icmp + ICMP_CHECKSUM, checksum_make(icmp, len));

	if (dir == FLOW_RETURN)
		wire_put_be32(ip + IPV4_DST, f->src);
	else if (f->nat_src != f->src)
		wire_put_be32(ip + IPV4_SRC, f->nat_src);
	ip[IPV4_TTL]--;
	wire_put_be16(ip + IPV4_CHECKSUM, 0);
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, p->l4));
}

uint16_t embedded_nexthop(struct context *ctx, struct packet *p, struct flow *f,
			  const struct flow6 *six)
{
	const struct nexthop *n;

	if (p->probe.dir == FLOW_RETURN) {
		p->nexthop = f->onramp;
		n = &ctx->nexthops->at[f->onramp];
	} else {
		n = resolve_offramp(ctx, f, six);
		p->nexthop = f->offramp;
	}
	return n->resolved ? n->mtu : UINT16_MAX; /* otherwise encapsulation gives the reason */
}

void stage_rewrite_embedded(struct context *ctx, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_REWRITE_EMBEDDED]; i++) {
		struct packet *p = b->list[STAGE_REWRITE_EMBEDDED][i];
		struct flow *f = flow_table_at(ctx->flows, p->probe.record);
		bool too_big = p->len > embedded_nexthop(ctx, p, f, NULL);

		if (too_big && wire_16(p->data + IPV4_FRAGMENT) & IPV4_DF) {
			burst_drop(b, p, DROP_TOO_BIG); /* no ICMP error about an error */
			continue;
		}
		rewrite_error(p, f, p->probe.dir);
		if (too_big)
			burst_fragment(b, p, FRAGMENT_AS_IS);
		else
			burst_pass(b, STAGE_ENCAPSULATE, p);
	}
}
