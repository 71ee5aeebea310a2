/*
 * The effect of a change on one flow: see change.h.
 *
 * The checks are those of flow setup (source.c, route.c, choice.c), without limits, which concern
 * new flows only. The order decides the reason that is reported: a flow of a removed site ends for
 * that reason, even if its address was removed, too.
 */
#include "setup/change.h"

#include "network/nexthop.h"

/* -1: no slice. */
static int change_slice_of(const struct network *net, const struct flow *flow,
			   const struct flow6 *six)
{
	int address = six != NULL ? network_find_address6(net, &six->nat_src)
				  : network_find_address(net, flow->nat_src);

	return address < 0 ? -1 : network_find_slice(net, (uint32_t)address, ntohs(flow->nat_port));
}

bool change_owns_port(const struct network *net, const struct flow *flow, const struct flow6 *six)
{
	return change_slice_of(net, flow, six) >= 0;
}

static bool is_independent(const struct pool *pool)
{
	return pool != NULL && pool->mapping == MAPPING_ENDPOINT_INDEPENDENT;
}

/*
 * The mapping of the site's pool for new flows determines the worker of a forward packet
 * (path/owner.h). Packets of a flow from a pool with another mapping would reach the wrong worker.
 * An intermediate network may have another pool for a moment.
 */
static bool has_other_worker(const struct network *net, uint16_t site, int slice)
{
	const struct pool *pool = &net->pools[net->slices[slice].pool];
	const struct site *at = &net->sites[site];

	return net->spec.workers > 1 && !net->spec.in_between && !at->is_mixed &&
	       is_independent(pool) != is_independent(at->egress);
}

/* Only packets to an egress port of ours are hairpinned. */
static bool route_holds(const struct network *net, const struct flow *flow)
{
	if (flow->offramp == NEXTHOP_HAIRPIN)
		return network_find_pool(net, flow->dst, ntohs(flow->dport)) != NULL;
	return network_find_address(net, flow->dst) < 0 && !network_is_local_end(net, flow->dst);
}

static enum ended judge4(const struct network *net, const struct flow *flow)
{
	int slice = change_slice_of(net, flow, NULL);

	if (!network_source_allowed(net, flow->site, flow->src))
		return ENDED_SOURCE_REMOVED;
	if (slice < 0)
		return ENDED_SLICE_LOST;
	if (!route_holds(net, flow))
		return ENDED_ROUTE_LOST;
	return has_other_worker(net, flow->site, slice) ? ENDED_MAPPING_CHANGED : ENDED_NOT;
}

/* It needs no slice, but a route that still lets it leave as it is. */
static enum ended judge_untranslated(const struct network *net, const struct flow *flow)
{
	const struct addr6 dst = addr6_from_ipv4(flow->dst);
	uint16_t vnet = net->sites[flow->site].vnet;
	uint8_t port = 0; /* any */

	if (!network_source_allowed(net, flow->site, flow->src))
		return ENDED_SOURCE_REMOVED;
	if (!route_holds(net, flow))
		return ENDED_ROUTE_LOST;
	if (!network_may_leave_untranslated(net, flow->site, flow->src) ||
	    !network_leaves_untranslated(net, vnet, &dst, &port))
		return ENDED_FAR_ROUTE_LOST;
	return ENDED_NOT;
}

static enum ended judge6(const struct network *net, const struct flow *flow,
			 const struct flow6 *six)
{
	if (flow6_is_untranslated(flow, six)) {
		if (network_find_global(net, &six->src) != flow->site)
			return ENDED_PREFIX_REMOVED;
	} else {
		if (!network_source6_allowed(net, flow->site, &six->src) &&
		    network_find_global(net, &six->src) != flow->site)
			return ENDED_SOURCE_REMOVED;
		if (change_slice_of(net, flow, six) < 0)
			return ENDED_SLICE_LOST;
	}
	if (network_is_ours6(net, &six->dst) ||
	    network_find_global(net, &six->dst) != SITE_INTERNET)
		return ENDED_ROUTE_LOST;
	return ENDED_NOT;
}

/* --- private destinations --------------------------------------------------------------------- */

static bool source_holds(const struct network *net, const struct flow *flow,
			 const struct flow6 *six)
{
	if (six == NULL)
		return network_source_allowed(net, flow->site, flow->src);
	return network_source6_allowed(net, flow->site, &six->src) ||
	       network_find_global(net, &six->src) == flow->site;
}

/* A learned route is not in the network, and its end ends no flow. */
static bool leads_to_far(const struct network *net, const struct flow *flow,
			 const struct flow6 *six)
{
	const struct addr6 dst = six != NULL ? six->dst : addr6_from_ipv4(flow->dst);
	uint16_t vnet = net->sites[flow->site].vnet;

	if (flow->way == FLOW_WAY_INWARD) {
		const struct addr6 alias =
			six != NULL ? six->nat_src : addr6_from_ipv4(flow->nat_src);

		return network_reaches(net, net->sites[flow->far].vnet, &alias, flow->site);
	}
	return flow->way == FLOW_WAY_LEARNED ? network_reaches(net, vnet, &dst, flow->far)
					     : network_leads_to(net, vnet, &dst, flow->far);
}

/* Is a translated source still the alias of the host? */
static bool alias_holds(const struct network *net, const struct flow *flow, const struct flow6 *six)
{
	const struct addr6 src = six != NULL ? six->src : addr6_from_ipv4(flow->src);
	const struct addr6 seen = six != NULL ? six->nat_src : addr6_from_ipv4(flow->nat_src);
	const struct addr6 alias = network_alias_of(net, flow->site, &src);

	return addr6_equal(&src, &seen) || addr6_equal(&alias, &seen);
}

static enum ended judge_private(const struct network *net, const struct flow *flow,
				const struct flow6 *six)
{
	if (!source_holds(net, flow, six))
		return ENDED_SOURCE_REMOVED;
	if (network_onramp(net, flow->far, flow->offramp) == TUNNEL_NONE)
		return ENDED_FAR_REMOVED;
	if (!alias_holds(net, flow, six))
		return ENDED_ALIAS_LOST;
	return leads_to_far(net, flow, six) ? ENDED_NOT : ENDED_FAR_ROUTE_LOST;
}

struct change_verdict change_judge(const struct network *net, const struct flow *flow,
				   const struct flow6 *six)
{
	struct change_verdict v = {.ended = ENDED_SITE_REMOVED, .offramp = flow->offramp};

	v.onramp = network_onramp(net, flow->site, flow->onramp);
	if (v.onramp == TUNNEL_NONE)
		return v;
	if (flow->far != SITE_INTERNET) {
		v.ended = judge_private(net, flow, six);
		v.offramp = network_onramp(net, flow->far, flow->offramp);
	} else if (flow->way == FLOW_WAY_UNTRANSLATED) {
		v.ended = judge_untranslated(net, flow);
	} else {
		v.ended = six != NULL ? judge6(net, flow, six) : judge4(net, flow);
	}
	return v;
}
