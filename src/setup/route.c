/*
 * Step: choose the nexthop of the flow.
 *
 * The default route is the uplink of the first egress pool with an address of the flow's family.
 * Untranslated flows need no such address, but use the same uplink. Private destinations have no
 * route, since they must not leak to the Internet. Our own outer addresses have none either, and
 * neither do global prefixes of other sites: sites are isolated. Packets to our own egress
 * addresses are hairpinned. Behind the uplink the kernel's routes determine the nexthop
 * (path/resolve.h).
 */
#include "path/resolve.h"
#include "setup/setup.h"

/* @addr in host order. Prefix and length are constants: one comparison. */
static ALWAYS_INLINE bool is_in(uint32_t addr, uint32_t prefix, unsigned len)
{
	return (addr ^ prefix) >> (32 - len) == 0;
}

static bool is_private(be32_t addr)
{
	uint32_t a = ntohl(addr);

	return is_in(a, 0x0a000000, 8) || is_in(a, 0xac100000, 12) || /* RFC 1918 */
	       is_in(a, 0xc0a80000, 16) || is_in(a, 0x64400000, 10) || /* and RFC 6598, shared */
	       is_in(a, 0xa9fe0000, 16); /* RFC 3927, link local */
}

/*
 * Hairpin (RFC 4787 REQ-9): to an egress port of ours in an endpoint-independent pool. The packet
 * comes back in (out/hairpin.c). A port of a slice that we do not own has no route.
 */
static enum drop turn_back(struct setup *s)
{
	const struct pool *pool = network_find_pool(s->ctx->net, s->flow.dst, ntohs(s->flow.dport));

	if (s->pool->mapping != MAPPING_ENDPOINT_INDEPENDENT || pool != s->pool)
		return DROP_NO_ROUTE;
	s->flow.offramp = NEXTHOP_HAIRPIN;
	s->flow.far = SITE_INTERNET;
	return DROP_NONE;
}

enum drop route_choose(struct setup *s)
{
	const struct context *ctx = s->ctx;
	be32_t dst = s->flow.dst;

	s->pool = ctx->net->egress;
	if (is_private(dst) || network_is_local_end(ctx->net, dst) || s->pool == NULL)
		return DROP_NO_ROUTE;
	if (__builtin_expect(network_find_address(ctx->net, dst) >= 0, 0))
		return turn_back(s);
	s->flow.far = SITE_INTERNET;
	return resolve_route(s->ctx, s->flow.site, dst, &s->flow.offramp);
}

/* Unique local addresses (RFC 4193) and their predecessor, site-local (RFC 3879). */
static bool is_private6(const struct addr6 *addr)
{
	uint64_t high = be64toh(addr->half[0]);

	return high >> 57 == 0xfc00 >> 9 || high >> 54 == 0xfec0 >> 6;
}

enum drop route6_choose(struct setup *s)
{
	const struct context *ctx = s->ctx;
	const struct addr6 *dst = &s->six->dst;

	s->pool = s->is_global ? NULL : ctx->net->egress6;
	if (is_private6(dst) || network_is_ours6(ctx->net, dst) ||
	    network_find_global(ctx->net, dst) != SITE_INTERNET ||
	    (s->pool == NULL && !s->is_global))
		return DROP_NO_ROUTE;
	s->flow.far = SITE_INTERNET;
	return resolve_route6(s->ctx, s->flow.site, dst, &s->flow.offramp);
}
