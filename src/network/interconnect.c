/*
 * Interconnects: finds one by port and VLAN.
 *
 * A row of all VLANs, 8 KiB, for each port that has an interconnect, and one without any for all
 * other ports. So a look-up has no condition, and no port and no VLAN is out of bounds.
 */
#include "network/index.h"
#include "network/network.h"

#include <stdlib.h>

uint16_t network_find_interconnect(const struct network *net, uint8_t port, uint16_t vlan)
{
	const struct network_index *x = net->index;

	return x->interconnects[x->interconnect_rows[port]][vlan & ETHER_TAG_VLAN];
}

/* Gives a row to each port with an interconnect. Returns how many rows there are. */
static size_t number_rows(struct network *net)
{
	struct network_index *x = net->index;
	size_t n = 1;

	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		uint16_t id = net->tunnel_ids[i];
		uint8_t *row = &x->interconnect_rows[net->tunnels[id].port];

		if (!network_is_interconnect(net, id))
			continue;
		net->n_interconnects++;
		if (*row == 0)
			*row = (uint8_t)n++;
	}
	return n;
}

/* config refuses two of one port and VLAN: the later one would count. */
bool index_interconnects(struct network *net)
{
	struct network_index *x = net->index;

	x->interconnects = calloc(number_rows(net), sizeof(x->interconnects[0]));
	if (x->interconnects == NULL)
		return false;
	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		uint16_t id = net->tunnel_ids[i];
		const struct tunnel *t = &net->tunnels[id];
		uint16_t vlan = net->tunnel_specs[id]->vlan & ETHER_TAG_VLAN;

		if (network_is_interconnect(net, id))
			x->interconnects[x->interconnect_rows[t->port]][vlan] = id;
	}
	return true;
}
