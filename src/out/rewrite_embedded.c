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
 *
 * The stage is for both families; rewrite_embedded6.c translates ICMPv6 errors.
 */
#include "out/stages.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "out/address.h"
#include "out/rewrite_embedded.h"
#include "out/transport.h"
#include "path/family.h"
#include "path/resolve.h"

void rewrite_embedded(uint8_t *embedded, size_t len, const struct flow *f, enum flow_dir dir)
{
	struct port_change port = embedded_port_change(f, dir);
	size_t header = (size_t)(embedded[IPV4_VERSION_IHL] & 0xf) * 4;
	uint64_t addr_delta =
		address_rewrite(embedded + (dir == FLOW_RETURN ? IPV4_SRC : IPV4_DST), f, dir);
	uint8_t *checksum = embedded + IPV4_CHECKSUM;

	wire_put_be16(checksum, checksum_apply(wire_be16(checksum), addr_delta));
	transport_rewrite_embedded(embedded + header, len - header, f->proto, &port, addr_delta);
}

static void rewrite_embedded_error(struct packet *p, const struct flow *f, enum flow_dir dir)
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

static void rewrite_embedded_one(struct context *ctx, struct burst *b, struct packet *p,
				 const struct family *y)
{
	struct flow_table *flows = y->six ? ctx->flows6 : ctx->flows;
	struct flow *f = flow_table_at(flows, p->probe.record);
	const struct flow6 *six = y->six ? flow6_at(flows, p->probe.record) : NULL;
	bool too_big = p->len > embedded_nexthop(ctx, p, f, six);

	if (too_big && (y->six || wire_16(p->data + IPV4_FRAGMENT) & IPV4_DF)) {
		burst_drop(b, p, DROP_TOO_BIG); /* no ICMP error about an error */
		return;
	}
	if (y->six)
		rewrite_embedded6_error(ctx->net, p, f, six);
	else
		rewrite_embedded_error(p, f, p->probe.dir);
	if (too_big)
		burst_fragment(b, p, FRAGMENT_AS_IS);
	else
		burst_pass(b, y->encapsulate, p);
}

void stage_rewrite_embedded(struct context *ctx, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_REWRITE_EMBEDDED]; i++) {
		struct packet *p = b->list[STAGE_REWRITE_EMBEDDED][i];

		rewrite_embedded_one(ctx, b, p, family_of(p));
	}
}
