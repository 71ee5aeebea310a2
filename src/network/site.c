/*
 * Sites: their limits, and the check of their source addresses.
 *
 * The prefixes of a site are sorted, and those within another one are left out. So at most one can
 * contain an address: the last that begins at or before it, found by one binary search. IPv6:
 * address6.c.
 */
#include "base/clock.h"
#include "network/index.h"
#include "network/network.h"

#include <stdlib.h>
#include <string.h>

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

static int compare4(const void *a, const void *b)
{
	const struct prefix4 *x = a, *y = b;
	uint32_t from = ntohl(x->addr), other = ntohl(y->addr);

	return from != other ? (from > other) - (from < other) : x->len - y->len;
}

/* Copies the prefixes of a site, sorted and without those within another. Returns how many. */
static uint32_t compile_prefixes(struct prefix4 *to, const struct prefix4 *from, size_t n)
{
	uint32_t kept = 0;

	if (n > 0)
		memcpy(to, from, n * sizeof(*to));
	qsort(to, n, sizeof(*to), compare4);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || !prefix4_contains(&to[kept - 1], to[i].addr))
			to[kept++] = to[i];
	return kept;
}

static int compare6(const void *a, const void *b)
{
	const struct prefix6 *x = a, *y = b;
	int order = addr6_compare(&x->addr, &y->addr);

	return order != 0 ? order : x->len - y->len;
}

static uint32_t compile_prefixes6(struct prefix6 *to, const struct prefix6 *from, size_t n)
{
	uint32_t kept = 0;

	if (n > 0)
		memcpy(to, from, n * sizeof(*to));
	qsort(to, n, sizeof(*to), compare6);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || !prefix6_contains(&to[kept - 1], &to[i].addr))
			to[kept++] = to[i];
	return kept;
}

bool network_allocate_prefixes(struct network *net)
{
	size_t n = 0, n6 = 0;

	for (size_t i = 0; i < net->spec.n_sites; i++) {
		n += net->spec.sites[i].n_prefixes;
		n6 += net->spec.sites[i].n_prefixes6;
	}
	net->prefixes = calloc(n + 1, sizeof(net->prefixes[0]));
	net->prefixes6 = calloc(n6 + 1, sizeof(net->prefixes6[0]));
	return net->prefixes != NULL && net->prefixes6 != NULL;
}

void network_compile_sites(struct network *net)
{
	struct prefix4 *prefixes = net->prefixes;
	struct prefix6 *prefixes6 = net->prefixes6;
	const uint16_t *tunnels = net->tunnel_ids;

	for (uint32_t i = 0; i < net->n_sites; i++) {
		const struct spec_site *spec = &net->spec.sites[i];
		uint16_t id = net->site_ids[i];

		net->sites[id] = (struct site){
			.prefixes = prefixes,
			.n_prefixes = compile_prefixes(prefixes, spec->prefixes, spec->n_prefixes),
			.prefixes6 = prefixes6,
			.n_prefixes6 =
				compile_prefixes6(prefixes6, spec->prefixes6, spec->n_prefixes6),
			.tunnels = tunnels,
			.n_tunnels = (uint16_t)spec->n_tunnels,
			.vnet = net->vnet_ids[spec->vnet],
		};
		prefixes += net->sites[id].n_prefixes;
		prefixes6 += net->sites[id].n_prefixes6;
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
	const struct prefix4 *p =
		s->prefixes; /* the one searched for is p, or one of n behind it */

	for (uint32_t n = s->n_prefixes; n > 1; n -= n / 2)
		p += ntohl(p[n / 2].addr) <= ntohl(src) ? n / 2 : 0;
	if (s->n_prefixes > 0 && prefix4_contains(p, src))
		return true;
	return s->n_prefixes + s->n_prefixes6 == 0;
}
