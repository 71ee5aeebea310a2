/*
 * Tunnels: makes their outer headers once, with checksums, and finds a tunnel by outer IPv4.
 * (tunnel6.c: by outer IPv6; interconnect.c: by port and VLAN.)
 */
#include "base/wire.h"
#include "network/index.h"
#include "network/network.h"
#include "tunnel/kinds.h"

enum {
	OUTER_TTL = 64,
	DUMMY_ADDRESS = 0xc0000008, /* 192.0.0.8, for nodes without another address: RFC 7600 */
};

static uint32_t hash_tunnel(const struct network_index *x, be32_t local, be32_t remote,
			    bool has_key, uint32_t key)
{
	uint64_t h = ((uint64_t)local << 32 | remote) * HASH_MULTIPLIER;

	h ^= ((uint64_t)has_key << 32 | key) * HASH_MULTIPLIER;
	h ^= h >> 29;
	return (uint32_t)((h * HASH_MULTIPLIER) >> x->tunnel_shift);
}

uint16_t network_find_tunnel(const struct network *net, be32_t local, be32_t remote, bool has_key,
			     uint32_t key)
{
	const struct network_index *x = net->index;

	for (uint32_t i = hash_tunnel(x, local, remote, has_key, key);; i++) {
		const struct tunnel_slot *s = &x->tunnels[i & x->tunnel_mask];

		if (s->tunnel == TUNNEL_NONE)
			return TUNNEL_NONE;
		if (s->local == local && s->remote == remote && s->has_key == has_key &&
		    s->key == key)
			return s->tunnel;
	}
}

const struct tunnel_slot *network_tunnel_place(const struct network *net, be32_t local,
					       be32_t remote, bool has_key, uint32_t key)
{
	const struct network_index *x = net->index;

	return &x->tunnels[hash_tunnel(x, local, remote, has_key, key) & x->tunnel_mask];
}

uint16_t network_tunnel_guess(const struct tunnel_slot *place)
{
	return place->tunnel;
}

uint16_t network_inner_mtu(const struct network *net, uint16_t tunnel, uint16_t outer)
{
	const struct tunnel *t = &net->tunnels[tunnel];

	return tunnel_inner_mtu(&tunnel_kinds[t->type], outer, t->outer == OUTER_IPV6, t->has_key);
}

static uint8_t outer_of(const struct spec_tunnel *spec)
{
	if (spec_is_interconnect(spec))
		return OUTER_NONE;
	if (spec_is_over_ipv6(spec))
		return OUTER_IPV6;
	return spec->outer_df == OUTER_DF_SET ? OUTER_IPV4 : OUTER_IPV4_FRAGMENTABLE;
}

/* The default source of ICMP errors. */
static be32_t default_address(const struct spec_tunnel *spec)
{
	return addr6_is_mapped(&spec->local) ? addr6_to_ipv4(&spec->local) : htonl(DUMMY_ADDRESS);
}

static struct addr6 address6_of(const struct spec_tunnel *spec)
{
	bool fits = spec->mtu >= IPV6_LEAST_MTU;

	return addr6_is_zero(&spec->address6) && fits && spec_is_over_ipv6(spec) ? spec->local
										 : spec->address6;
}

static void compile_tunnel(struct tunnel *t, struct tunnel_header6 *header6,
			   const struct spec_tunnel *spec, uint16_t site)
{
	*t = (struct tunnel){
		.port = (uint8_t)spec->port,
		.mtu = spec->mtu,
		.site = site,
		.address = addr6_is_zero(&spec->address) ? default_address(spec)
							 : addr6_to_ipv4(&spec->address),
		.local = addr6_ipv4_or_0(&spec->local),
		.remote = addr6_ipv4_or_0(&spec->remote),
		.key = spec->key,
		.has_key = spec->has_key,
		.type = spec->type,
		.outer = outer_of(spec),
		.by_route = spec->no_arr,
	};
	bool six = t->outer == OUTER_IPV6;
	const struct tunnel_outside ends = {
		.local = spec->local,
		.remote = spec->remote,
		.key = spec->key,
		.vlan = spec->vlan,
		.has_key = spec->has_key,
		.df = spec->outer_df == OUTER_DF_SET,
		.ttl = spec->outer_ttl != 0 ? (uint8_t)spec->outer_ttl : OUTER_TTL,
	};

	t->header_len = tunnel_kinds[t->type].make_header(six ? header6->bytes : t->header, &ends);
}

void network_compile_tunnel(struct network *net, uint16_t id, const struct spec_tunnel *spec,
			    uint16_t site)
{
	compile_tunnel(&net->tunnels[id], &net->headers6[id], spec, site);
	net->by_route = net->by_route || spec->no_arr;
	net->n_sealed += tunnel_kinds[spec->type].sealed;
	net->tunnel_sites[id] = site;
	net->tunnel_addresses6[id] = address6_of(spec);
	net->tunnel_specs[id] = spec;
}

void index_tunnels(struct network *net)
{
	struct network_index *x = net->index;

	for (uint32_t k = 0; k < net->n_tunnels; k++) {
		uint16_t id = net->tunnel_ids[k];
		const struct tunnel *t = &net->tunnels[id];
		uint32_t i = hash_tunnel(x, t->local, t->remote, t->has_key, t->key);

		if (t->outer == OUTER_IPV6 || t->outer == OUTER_NONE ||
		    tunnel_kinds[t->type].sealed)
			continue;
		while (x->tunnels[i & x->tunnel_mask].tunnel != TUNNEL_NONE)
			i++;
		x->tunnels[i & x->tunnel_mask] = (struct tunnel_slot){
			.local = t->local,
			.remote = t->remote,
			.key = t->key,
			.has_key = t->has_key,
			.tunnel = id,
		};
	}
}
