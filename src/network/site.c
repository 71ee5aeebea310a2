/* Sites: their limits, and the check of their source addresses. */
#include "base/clock.h"
#include "network/index.h"
#include "network/network.h"

static uint32_t or_none(uint32_t limit)
{
	return limit == 0 ? UINT32_MAX : limit;
}

static uint64_t sixteenths(uint32_t limit)
{
	return ((UINT64_C(16) << 32) + limit - 1) / limit;
}

static void compile_limits(struct site_limits *limits, const struct spec_limits *spec)
{
	uint32_t rate = or_none(spec->new_flows_per_second);

	limits->flows = or_none(spec->flows);
	limits->half_open = or_none(spec->half_open);
	limits->source_flows = or_none(spec->source_flows);
	limits->source_half_open = or_none(spec->source_half_open);
	limits->flows_16ths = sixteenths(limits->flows);
	limits->half_open_16ths = sixteenths(limits->half_open);
	limits->source_flows_16ths = sixteenths(limits->source_flows);
	limits->source_half_open_16ths = sixteenths(limits->source_half_open);
	if (spec->new_flows_per_second == 0)
		return;
	limits->interval_ns = NS_PER_S / rate;
	limits->burst_ns = (rate - 1) * limits->interval_ns;
}

void network_compile_sites(struct network *net)
{
	const uint16_t *tunnels = net->tunnel_ids;

	for (uint32_t i = 0; i < net->n_sites; i++) {
		const struct spec_site *spec = &net->spec.sites[i];
		uint16_t id = net->site_ids[i];

		net->sites[id] = (struct site){
			.prefixes = spec->prefixes,
			.n_prefixes = (uint32_t)spec->n_prefixes,
			.prefixes6 = spec->prefixes6,
			.n_prefixes6 = (uint32_t)spec->n_prefixes6,
			.tunnels = tunnels,
			.n_tunnels = (uint16_t)spec->n_tunnels,
		};
		net->site_specs[id] = spec;
		compile_limits(&net->sites[id].limits, &spec->limits);
		for (size_t k = 0; k < spec->n_tunnels; k++)
			network_compile_tunnel(net, *tunnels++, &spec->tunnels[k], id);
	}
}

uint16_t network_onramp(const struct network *net, uint16_t site, uint16_t tunnel)
{
	if (!network_has_site(net, site) || net->sites[site].n_tunnels == 0)
		return TUNNEL_NONE;
	if (tunnel <= net->max_tunnel && net->tunnels[tunnel].site == site)
		return tunnel;
	return net->sites[site].tunnels[0];
}

bool network_source_allowed(const struct network *net, uint16_t site, be32_t src)
{
	const struct site *s = &net->sites[site];

	for (uint32_t i = 0; i < s->n_prefixes; i++) {
		if (prefix4_contains(&s->prefixes[i], src))
			return true;
	}
	return s->n_prefixes + s->n_prefixes6 == 0;
}
