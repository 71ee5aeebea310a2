/*
 * Prefetch: see prefetch.h. A guess may be wrong: then a line is fetched for nothing, and the stage
 * finds the right one by itself.
 */
#include "path/prefetch.h"

#include "base/wire.h"
#include "flow/table.h"
#include "path/route_cache.h"
#include "path/vnet_cache.h"
#include "tunnel/kinds.h"

/*
 * Where the search for the packet's tunnel begins; NULL: not known. The few packets with other
 * outer headers than ours, or over IPv6, are found without.
 */
static const struct tunnel_slot *place_of(const struct context *ctx, const struct packet *p)
{
	const uint8_t *ip = p->data + ETHER_LEN;
	const struct tunnel_kind *kind;
	struct tunnel_opened opened;

	if (p->len < ETHER_LEN + IPV4_LEN || wire_16(p->data + ETHER_TYPE) != ETHER_IPV4 ||
	    ip[IPV4_VERSION_IHL] != IPV4_PLAIN)
		return NULL;
	kind = tunnel_kind_of(ip[IPV4_PROTO]);
	if (kind == NULL ||
	    !kind->match_embedded(ip + IPV4_LEN, (size_t)p->len - ETHER_LEN - IPV4_LEN, &opened))
		return NULL;
	return network_tunnel_place(ctx->net, wire_be32(ip + IPV4_DST), wire_be32(ip + IPV4_SRC),
				    opened.has_key, opened.key);
}

/* All of a tunnel that a packet out of it needs. */
static inline void prefetch_onramp(struct context *ctx, uint16_t tunnel)
{
	__builtin_prefetch(&ctx->tunnels[tunnel], 1);
	__builtin_prefetch(&ctx->net->tunnel_sites[tunnel]);
}

unsigned prefetch_onramps(struct context *ctx, const struct burst *b)
{
	const struct tunnel_slot *places[BURST_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < b->n[STAGE_DECAPSULATE]; i++) {
		places[n] = place_of(ctx, b->list[STAGE_DECAPSULATE][i]);
		if (places[n] == NULL)
			continue;
		__builtin_prefetch(places[n++]);
	}
	for (unsigned i = 0; i < n; i++)
		prefetch_onramp(ctx, network_tunnel_guess(places[i]));
	return n;
}

/*
 * A tunnel's id is that of its nexthop. If a substitute is in use, its rows are not prefetched:
 * they are those of few tunnels.
 */
unsigned prefetch_returns(struct context *ctx, const struct burst *b, enum stage stage,
			  const struct flow_table *flows)
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->n[stage]; i++) {
		const struct packet *p = b->list[stage][i];
		uint16_t onramp;

		if (p->probe.dir != FLOW_RETURN)
			continue;
		onramp = flow_table_at(flows, p->probe.record)->onramp;
		__builtin_prefetch(&ctx->nexthops->at[onramp]);
		__builtin_prefetch(&ctx->tunnels[onramp], 1);
		n++;
	}
	return n;
}

static inline void prefetch_lines(const void *mem, size_t size)
{
	for (size_t at = 0; at < size; at += CACHE_LINE)
		__builtin_prefetch((const uint8_t *)mem + at, 1);
}

/* The second pass reads what the first asked for. */
static unsigned prefetch_sites(struct context *ctx, const struct burst *b, enum stage stage)
{
	const struct network *net = ctx->net;

	for (unsigned i = 0; i < b->n[stage]; i++) {
		uint16_t site = b->list[stage][i]->probe.key.realm;

		prefetch_lines(&ctx->sites[site], sizeof(ctx->sites[0]));
		prefetch_lines(&net->sites[site], sizeof(net->sites[0]));
	}
	for (unsigned i = 0; i < b->n[stage]; i++) {
		uint16_t site = b->list[stage][i]->probe.key.realm;

		if (site <= net->max_site)
			__builtin_prefetch(net->sites[site].prefixes);
	}
	return b->n[stage];
}

unsigned prefetch_first_packets(struct context *ctx, const struct burst *b, enum stage stage)
{
	const struct pool *pool = ctx->net->egress;
	unsigned n = 0;

	if (ctx->net->is_large)
		n = prefetch_sites(ctx, b, stage);
	if (ctx->nexthops->routes.many && pool != NULL)
		n += route_cache_fill(ctx, b, stage, pool->port);
	if (ctx->nexthops->routes.many_in_vnets)
		n += vnet_cache_fill(ctx, b, stage);
	return n;
}
