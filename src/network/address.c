/*
 * The table of our IPv4 addresses: egress addresses and local ends of tunnels. (address6.c: IPv6.)
 */
#include "network/index.h"
#include "network/network.h"

static uint32_t hash_address(const struct network_index *x, be32_t addr)
{
	return (uint32_t)((addr * HASH_MULTIPLIER) >> x->address_shift);
}

static struct address_slot *address_slot(const struct network_index *x, be32_t addr)
{
	for (uint32_t i = hash_address(x, addr);; i++) {
		struct address_slot *s = &x->addresses[i & x->address_mask];

		if (s->value == ADDRESS_EMPTY || s->addr == addr)
			return s;
	}
}

int network_find_address(const struct network *net, be32_t addr)
{
	int32_t value = address_slot(net->index, addr)->value;

	return value >= 0 ? value : -1;
}

bool network_is_local_end(const struct network *net, be32_t addr)
{
	return address_slot(net->index, addr)->value == ADDRESS_LOCAL_END;
}

/* config refuses an address that is both: the later entry would replace the earlier one. */
void index_addresses(struct network *net)
{
	struct network_index *x = net->index;

	for (uint32_t i = 0; i <= x->address_mask; i++)
		x->addresses[i].value = ADDRESS_EMPTY;
	for (uint32_t k = 0; k < net->n_tunnels; k++) {
		be32_t local = net->tunnels[net->tunnel_ids[k]].local;

		if (local != 0)
			*address_slot(x, local) =
				(struct address_slot){.addr = local, .value = ADDRESS_LOCAL_END};
	}
	for (uint32_t i = 0; i < net->n_addresses; i++) {
		struct address_slot *slot;

		if (net->addresses[i].addr == 0)
			continue;
		slot = address_slot(x, net->addresses[i].addr);
		if (slot->value < 0) /* if an address is listed twice, its first entry counts */
			*slot = (struct address_slot){
				.addr = net->addresses[i].addr,
				.value = (int32_t)i,
			};
		if (net->pools[net->addresses[i].pool].filtering == FILTERING_ENDPOINT_INDEPENDENT)
			net->addresses[slot->value].lets_in = true;
	}
}
