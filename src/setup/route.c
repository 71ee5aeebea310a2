/*
 * Step: choose the nexthop of the flow.
 *
 * The routes of the site's virtual network are asked first (vnet.c). Without one the destination is
 * in the Internet, and the default route is the uplink of the site's egress pool: that of its
 * virtual network, or the first pool with an address of the flow's family. Untranslated flows need
 * no such address, but use the uplink of the first pool. Private destinations have no default
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

static ALWAYS_INLINE enum drop outward(struct setup *s)
{
	const struct context *ctx = s->ctx;
	be32_t dst = s->flow.dst;

	if ((is_private(dst) && !s->has_route) || network_is_local_end(ctx->net, dst) ||
	    s->pool == NULL)
		return DROP_NO_ROUTE;
	if (__builtin_expect(network_find_address(ctx->net, dst) >= 0, 0))
		return turn_back(s);
	s->flow.far = SITE_INTERNET;
	return resolve_route(s->ctx, s->flow.site, s->pool->port, dst, &s->flow.offramp);
}

enum drop route_outward(struct setup *s)
{
	return outward(s);
}

static ALWAYS_INLINE enum drop choose_return(struct setup *s)
{
	return __builtin_expect(s->ctx->net->by_route, 0) ? vnet_choose_return(s) : DROP_NONE;
}

enum drop route_choose(struct setup *s)
{
	enum drop back = choose_return(s);

	if (back != DROP_NONE)
		return back;
	s->pool = s->ctx->net->sites[s->flow.site].egress;
	if (__builtin_expect(s->ctx->nexthops->routes.n_vnets > 0, 0)) {
		enum drop drop = vnet_choose(s);

		if (drop != DROP_NONE || s->keeps_source)
			return drop;
		if (s->flow.state == FLOW_OTHER)
			return DROP_PROTOCOL; /* it has no port to be translated */
	}
	return outward(s);
}

/* Unique local addresses (RFC 4193) and their predecessor, site-local (RFC 3879). */
static bool is_private6(const struct addr6 *addr)
{
	uint64_t high = be64toh(addr->half[0]);

	return high >> 57 == 0xfc00 >> 9 || high >> 54 == 0xfec0 >> 6;
}

/* Untranslated packets may leave, too, unless the virtual network has no egress. */
static bool may_leave6(const struct setup *s)
{
	if (!s->is_global)
		return s->pool != NULL;
	return s->has_route || !s->ctx->net->sites[s->flow.site].no_egress;
}

static enum drop route6_outward(struct setup *s)
{
	const struct context *ctx = s->ctx;
	const struct addr6 *dst = &s->six->dst;
	uint8_t port;

	if ((is_private6(dst) && !s->has_route) || network_is_ours6(ctx->net, dst) ||
	    network_find_global(ctx->net, dst) != SITE_INTERNET || !may_leave6(s))
		return DROP_NO_ROUTE;
	if (s->is_global)
		s->pool = NULL;
	s->flow.far = SITE_INTERNET;
	port = s->pool != NULL ? s->pool->port : ctx->net->uplink6;
	return resolve_route6(s->ctx, s->flow.site, port, dst, &s->flow.offramp);
}

enum drop route6_choose(struct setup *s)
{
	enum drop back = choose_return(s);

	if (back != DROP_NONE)
		return back;
	s->pool = s->ctx->net->sites[s->flow.site].egress6;
	if (__builtin_expect(s->ctx->nexthops->routes.n_vnets > 0, 0)) {
		enum drop drop = vnet_choose(s);

		if (drop != DROP_NONE || s->keeps_source)
			return drop;
		if (s->flow.state == FLOW_OTHER && !s->is_global)
			return DROP_PROTOCOL;
	}
	return route6_outward(s);
}
