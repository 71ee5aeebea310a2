/*
 * Tunnels as nexthops: finds the neighbour that their outer packets go to, and writes what is
 * behind their ids.
 *
 * Behind a tunnel's id is the Ethernet header of the neighbour towards its far end, so a packet
 * needs only the nexthop and the tunnel's own headers. That of an interconnect is its peer, whose
 * Ethernet address control/interconnect/ finds: the kernel knows neither peer nor VLAN.
 *
 * A tunnel that was removed from the network keeps its id until no flow has it. Until then packets
 * to it go by its successor, or are dropped.
 */
#include "control/kernel/view.h"

#include <string.h>

/* The far end of IPsec may have another address than the configuration says, or any. */
static struct addr6 far_end(const struct view *v, const struct network *net, uint16_t id)
{
	const struct addr6 *known = &v->tunnels[id].far_end;

	return addr6_is_zero(known) ? network_tunnel_remote(net, id) : *known;
}

/* The row that packets to the far end of a tunnel go by. */
static int row_of(struct view *v, const struct network *net, uint16_t id)
{
	const struct addr6 remote = far_end(v, net, id);
	const uint8_t port = net->tunnels[id].port;
	uint32_t value;
	int row;

	if (port >= v->n_ports || network_is_interconnect(net, id) || addr6_is_zero(&remote))
		return ROWS_NONE;
	value = trie_lookup(view_tree(v, port, &remote)->root, &remote);
	if (value != (ROUTES_DIRECT | ROUTE_UNKNOWN_HOST))
		return value & ROUTES_DIRECT ? ROWS_NONE : (int)value;
	row = rows_add(&v->rows, port, &remote);
	return row == ROWS_NONE ? row
				: rows_with_mtu(&v->rows, row, view_link_mtu(v, port, &remote));
}

static struct view_tunnel *know(struct view *v, uint16_t id)
{
	v->tunnels[id].known = true;
	if (id > v->max_tunnel)
		v->max_tunnel = id;
	return &v->tunnels[id];
}

static void route(struct view *v, uint16_t id, int row)
{
	int before = v->tunnels[id].row;

	view_use(v, row);
	v->tunnels[id].row = row;
	view_unuse(v, before);
}

void view_route_tunnels(struct view *v, const struct network *net)
{
	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		know(v, net->tunnel_ids[i]);
		route(v, net->tunnel_ids[i], row_of(v, net, net->tunnel_ids[i]));
	}
	for (uint16_t id = 1; id <= v->max_tunnel; id++)
		if (v->tunnels[id].known && !network_has_tunnel(net, id))
			route(v, id, ROWS_NONE);
}

uint16_t view_tunnel_via(const struct view *v, uint16_t id)
{
	int row = v->tunnels[id].row;

	return row == ROWS_NONE ? NEXTHOP_NONE : v->rows.rows[row].id;
}

/* Behind a port without a kernel there is one Ethernet address: the peer's must be that one. */
static struct nexthop nexthop_to_peer(const struct view *v, const struct network *net, uint16_t id)
{
	const struct view_tunnel *t = &v->tunnels[id];
	uint8_t port = net->tunnels[id].port;
	const struct view_port *p = port < v->n_ports ? &v->ports[port] : NULL;
	const uint8_t *mac = t->has_peer_mac ? t->peer_mac : NULL;
	struct nexthop peer;

	if (p == NULL)
		return nexthop_to_tunnel(net, id, NEXTHOP_NONE, NULL, t->mtu);
	peer = nexthop_to_neighbour(port, p->mac, p->has_kernel ? mac : p->next_hop, t->mtu);
	return nexthop_to_tunnel(net, id, NEXTHOP_NONE, &peer, t->mtu);
}

static struct nexthop nexthop_of(const struct view *v, const struct network *net, uint16_t id)
{
	const struct view_tunnel *t = &v->tunnels[id];
	uint16_t via = view_tunnel_via(v, id);
	struct nexthop n;

	if (!network_has_tunnel(net, id))
		return (struct nexthop){.kind = NEXTHOP_KIND_DROP,
					.mtu = NEXTHOP_MTU_ANY,
					.substitute = t->successor,
					.down = t->down};
	n = network_is_interconnect(net, id)
		    ? nexthop_to_peer(v, net, id)
		    : nexthop_to_tunnel(net, id, via,
					via == NEXTHOP_NONE ? NULL : &v->rows.out[via], t->mtu);
	n.substitute = t->substitute;
	n.down = t->down;
	return n;
}

/* True for a retired tunnel of the network whose id has had no new owner. */
static bool is_retired(const struct view *v, uint16_t id)
{
	return v->tunnels[id].known || (ids_state(v->rows.ids, id) == IDS_RETIRED &&
					v->rows.out[id].kind != NEXTHOP_KIND_NEIGHBOUR);
}

bool view_compile_tunnels(struct view *v, const struct network *net)
{
	bool changed = false;

	for (size_t i = 0; i < net->n_retired; i++)
		if (is_retired(v, net->retired[i].id))
			know(v, net->retired[i].id)->successor = net->retired[i].successor;
	for (uint16_t id = 1; id <= v->max_tunnel; id++) {
		struct nexthop n;

		if (!v->tunnels[id].known)
			continue;
		n = nexthop_of(v, net, id);
		changed = changed || memcmp(&v->rows.out[id], &n, sizeof(n)) != 0;
		v->rows.out[id] = n;
	}
	return changed;
}

void view_forget_tunnels(struct view *v)
{
	for (uint16_t id = 1; id <= v->max_tunnel; id++)
		if (v->tunnels[id].known && ids_state(v->rows.ids, id) == IDS_FREE)
			v->tunnels[id] = (struct view_tunnel){.row = ROWS_NONE};
}

void view_set_substitute(struct view *v, uint16_t tunnel, bool down, uint16_t substitute)
{
	v->tunnels[tunnel].down = down;
	v->tunnels[tunnel].substitute = substitute;
}

void view_set_far_end(struct view *v, uint16_t tunnel, const struct addr6 *remote)
{
	v->far_ends_changed |= !addr6_equal(&v->tunnels[tunnel].far_end, remote);
	v->tunnels[tunnel].far_end = *remote;
}
