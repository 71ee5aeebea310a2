/*
 * Rewrite embedded of ICMPv6: as rewrite_embedded.c. The error's own checksum was verified on
 * arrival and is computed anew.
 *
 * In a flow that is not translated the embedded packet is not changed. The source of an error from
 * the site, which is a router there, is kept if it is in one of the site's global prefixes.
 * Otherwise it becomes the address of the host, so that the site's other addresses stay hidden.
 * Towards another site it is kept, unless the host has an alias.
 */
#include "out/rewrite_embedded.h"

#include "base/icmp6.h"
#include "base/wire.h"
#include "out/address.h"
#include "out/transport.h"
#include "tunnel/ipv6.h"

void rewrite_embedded6(uint8_t *embedded, size_t len, const struct flow *f, const struct flow6 *six,
		       enum flow_dir dir)
{
	struct port_change c = embedded_port_change(f, dir);
	struct ipv6_chain chain;
	uint64_t addr_delta;

	if (ipv6_walk(embedded, len, true, &chain) != DROP_NONE)
		return; /* embedded6.c has walked it already */
	addr_delta =
		address6_rewrite(embedded + (dir == FLOW_RETURN ? IPV6_SRC : IPV6_DST), six, dir);
	transport_rewrite_embedded(embedded + chain.l4, len - chain.l4, chain.proto, &c,
				   addr_delta);
}

void rewrite_embedded6_error(const struct network *net, struct packet *p, const struct flow *f,
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
	else if (f->far != SITE_INTERNET
			 ? !addr6_equal(&six->src, &six->nat_src)
			 : !untranslated || network_find_global(net, &src) != f->site)
		memcpy(ip + IPV6_SRC, &six->nat_src, sizeof(six->nat_src));
	ip[IPV6_HOPS]--;
	src = addr6_read(ip + IPV6_SRC);
	dst = addr6_read(ip + IPV6_DST);
	icmp6_put_checksum(&src, &dst, icmp, len);
}
