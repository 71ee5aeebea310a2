/*
 * Rewrite embedded of ICMPv6: as rewrite_embedded.c. The error's own checksum was verified on
 * arrival and is computed anew.
 *
 * In a flow that is not translated the embedded packet is not changed. The source of an error from
 * the site, which is a router there, is kept if it is in one of the site's global prefixes.
 * Otherwise it becomes the address of the host, so that the site's other addresses stay hidden.
 */
#include "out/stages.h"

#include "base/icmp6.h"
#include "base/wire.h"
#include "out/rewrite_embedded.h"
#include "out/transport.h"
#include "tunnel/ipv6.h"

void rewrite_embedded6(uint8_t *embedded, size_t len, const struct flow *f, const struct flow6 *six,
		       enum flow_dir dir)
{
	struct port_change c = embedded_port_change(f, dir);
	const struct addr6 *from = dir == FLOW_RETURN ? &six->nat_src : &six->src;
	const struct addr6 *to = dir == FLOW_RETURN ? &six->src : &six->nat_src;
	struct ipv6_chain chain;

	if (ipv6_walk(embedded, len, true, &chain) != DROP_NONE)
		return; /* embedded6.c has walked it already */
	memcpy(embedded + (dir == FLOW_RETURN ? IPV6_SRC : IPV6_DST), to, sizeof(*to));
	transport_rewrite_embedded(embedded + chain.l4, len - chain.l4, chain.proto, &c,
				   checksum_delta(from, to, sizeof(*to)));
}

static void rewrite_error(const struct network *net, struct packet *p, const struct flow *f,
			  const struct flow6 *six)
{
	uint8_t *ip = p->data, *icmp = ip + p->l4;
	size_t len = (size_t)p->len - p->l4;
	struct addr6 src, dst;

	bool untranslated = flow6_is_untranslated(f, six);

	if (!untranslated)
		rewrite_embedded6(icmp + ICMP_LEN, len - ICMP_LEN, f, six, p->probe.dir);
	src = addr6_read(ip + IPV6_SRC);
	if (p->probe.dir == FLOW_RETURN)
		memcpy(ip + IPV6_DST, &six->src, sizeof(six->src));
	else if (!untranslated || network_find_global(net, &src) != f->site)
		memcpy(ip + IPV6_SRC, &six->nat_src, sizeof(six->nat_src));
	ip[IPV6_HOPS]--;
	src = addr6_read(ip + IPV6_SRC);
	dst = addr6_read(ip + IPV6_DST);
	icmp6_put_checksum(&src, &dst, icmp, len);
}

void stage_rewrite_embedded6(struct context *ctx, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_REWRITE_EMBEDDED6]; i++) {
		struct packet *p = b->list[STAGE_REWRITE_EMBEDDED6][i];
		struct flow *f = flow_table_at(ctx->flows6, p->probe.record);
		const struct flow6 *six = flow6_at(ctx->flows6, p->probe.record);

		if (p->len > embedded_nexthop(ctx, p, f, six)) {
			burst_drop(b, p, DROP_TOO_BIG);
			continue;
		}
		rewrite_error(ctx->net, p, f, six);
		burst_pass(b, STAGE_ENCAPSULATE6, p);
	}
}
