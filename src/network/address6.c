/*
 * The IPv6 half of the snapshot's lookups: our addresses, and the sources of sites.
 *
 * One table with open addressing, as in address.c. Addresses from the wire are only looked up.
 */
#include "network/index.h"
#include "network/network.h"

static struct address6_slot *address6_slot(const struct network_index *x, const struct addr6 *addr)
{
	uint64_t h = (addr->half[0] * HASH_MULTIPLIER) ^ addr->half[1];

	h = (h ^ h >> 32) * HASH_MULTIPLIER;
	for (uint32_t i = (uint32_t)(h >> x->address6_shift);; i++) {
		struct address6_slot *s = &x->addresses6[i & x->address6_mask];

		if (s->value == ADDRESS_EMPTY || addr6_equal(&s->addr, addr))
			return s;
	}
}

void index_addresses6(struct network *net)
{
	struct network_index *x = net->index;

	for (uint32_t i = 0; i <= x->address6_mask; i++)
		x->addresses6[i].value = ADDRESS_EMPTY;
	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		uint16_t id = net->tunnel_ids[i];
		struct addr6 local = network_tunnel_local(net, id);

		if (net->tunnels[id].outer == OUTER_IPV6)
			*address6_slot(x, &local) =
				(struct address6_slot){.addr = local, .value = ADDRESS_LOCAL_END};
	}
	for (uint32_t i = 0; i < net->n_addresses; i++) {
		const struct egress_address *a = &net->addresses[i];
		struct address6_slot *slot = address6_slot(x, &a->addr6);

		if (a->addr == 0 && slot->value == ADDRESS_EMPTY) /* its first entry counts */
			*slot = (struct address6_slot){.addr = a->addr6, .value = (int32_t)i};
	}
}

int network_find_address6(const struct network *net, const struct addr6 *addr)
{
	int32_t value = address6_slot(net->index, addr)->value;

	return value >= 0 ? value : -1;
}

bool network_is_local_end6(const struct network *net, const struct addr6 *addr)
{
	return address6_slot(net->index, addr)->value == ADDRESS_LOCAL_END;
}

int network_find_egress(const struct network *net, const struct addr6 *addr)
{
	return addr6_is_mapped(addr) ? network_find_address(net, addr6_to_ipv4(addr))
				     : network_find_address6(net, addr);
}

bool network_is_end(const struct network *net, const struct addr6 *addr)
{
	return addr6_is_mapped(addr) ? network_is_local_end(net, addr6_to_ipv4(addr))
				     : network_is_local_end6(net, addr);
}

bool network_forwards_ipv6(const struct network *net)
{
	return net->egress6 != NULL || net->n_globals > 0 || net->has_routes6;
}

bool network_uses_ipv6(const struct network *net)
{
	if (network_forwards_ipv6(net))
		return true;
	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		if (net->tunnels[net->tunnel_ids[i]].outer == OUTER_IPV6)
			return true;
	}
	return false;
}

bool network_tunnel_has_ipv6(const struct network *net, uint16_t tunnel)
{
	uint16_t id = net->tunnels[tunnel].site;
	const struct site *site = &net->sites[id];

	if (site->n_prefixes6 > 0 || net->site_specs[id]->n_global_prefixes > 0)
		return true;
	return site->n_prefixes == 0 && (net->egress6 != NULL || net->has_routes6 ||
					 !addr6_is_zero(&net->tunnel_addresses6[tunnel]));
}

bool network_is_ours6(const struct network *net, const struct addr6 *addr)
{
	return address6_slot(net->index, addr)->value != ADDRESS_EMPTY;
}

bool network_source6_allowed(const struct network *net, uint16_t site, const struct addr6 *src)
{
	const struct site *s = &net->sites[site];
	const struct prefix6 *p = s->prefixes6; /* sorted, none within another: site.c */

	for (uint32_t n = s->n_prefixes6; n > 1; n -= n / 2)
		p += addr6_compare(&p[n / 2].addr, src) <= 0 ? n / 2 : 0;
	if (s->n_prefixes6 > 0 && prefix6_contains(p, src))
		return true;
	return s->n_prefixes + s->n_prefixes6 == 0;
}
