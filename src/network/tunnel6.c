/*
 * Tunnels over IPv6: finds a tunnel by outer IPv6, and gives its ends.
 *
 * A separate table with open addressing, as in tunnel.c, so that packets with outer IPv4 do not
 * touch it. The addresses themselves are in the ready-made headers.
 */
#include "base/wire.h"
#include "network/index.h"
#include "network/network.h"
#include "tunnel/kinds.h"

static uint32_t first_slot(const struct network_index *x, const struct tunnel6_slot *key)
{
	uint64_t h = (key->local.half[0] ^ (uint64_t)key->has_key << 32) * HASH_MULTIPLIER;

	h = ((h ^ h >> 32) + key->local.half[1]) * HASH_MULTIPLIER;
	h = ((h ^ h >> 32) + key->remote.half[0]) * HASH_MULTIPLIER;
	h = ((h ^ h >> 32) + key->remote.half[1]) * HASH_MULTIPLIER;
	h = ((h ^ h >> 32) + key->key) * HASH_MULTIPLIER;
	return (uint32_t)(h >> x->tunnel6_shift);
}

/* The slot of this key, or the empty slot where it belongs. */
static struct tunnel6_slot *find_slot(const struct network_index *x, const struct tunnel6_slot *key)
{
	for (uint32_t i = first_slot(x, key);; i++) {
		struct tunnel6_slot *s = &x->tunnels6[i & x->tunnel6_mask];

		if (s->tunnel == TUNNEL_NONE ||
		    (addr6_equal(&s->local, &key->local) && addr6_equal(&s->remote, &key->remote) &&
		     s->key == key->key && s->has_key == key->has_key))
			return s;
	}
}

uint16_t network_find_tunnel6(const struct network *net, const struct addr6 *local,
			      const struct addr6 *remote, bool has_key, uint32_t key)
{
	const struct tunnel6_slot wanted = {*local, *remote, key, has_key, TUNNEL_NONE};

	return find_slot(net->index, &wanted)->tunnel;
}

void index_tunnels6(struct network *net)
{
	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		uint16_t id = net->tunnel_ids[i];
		const struct tunnel *t = &net->tunnels[id];
		struct tunnel6_slot slot = {
			.local = network_tunnel_local(net, id),
			.remote = network_tunnel_remote(net, id),
			.key = t->key,
			.has_key = t->has_key,
			.tunnel = id,
		};

		if (t->outer == OUTER_IPV6 && !tunnel_kinds[t->type].sealed)
			*find_slot(net->index, &slot) = slot;
	}
}

struct addr6 network_tunnel_local(const struct network *net, uint16_t tunnel)
{
	if (net->tunnels[tunnel].outer != OUTER_IPV6)
		return addr6_from_ipv4(net->tunnels[tunnel].local);
	return addr6_read(net->headers6[tunnel].bytes + IPV6_SRC);
}

struct addr6 network_tunnel_remote(const struct network *net, uint16_t tunnel)
{
	if (net->tunnels[tunnel].outer != OUTER_IPV6)
		return addr6_from_ipv4(net->tunnels[tunnel].remote);
	return addr6_read(net->headers6[tunnel].bytes + IPV6_DST);
}
