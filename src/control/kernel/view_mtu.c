/*
 * The MTU that the port of a tunnel and the route to its far end allow, without the outer headers.
 *
 * The neighbour towards the far end has it: its MTU is the port's, or less if the route names less.
 * So this follows after the rows, in each new table.
 */
#include "control/alarm.h"
#include "control/kernel/path_mtu.h"
#include "control/kernel/view.h"

/* Without a route: the MTU of the port. */
static void set_lower(struct view *v, const struct network *net, uint16_t id)
{
	uint16_t via = view_tunnel_via(v, id), port = 0, route = 0;

	if (net->tunnels[id].port < v->n_ports) {
		const struct view_port *p = &v->ports[net->tunnels[id].port];

		port = view_port_mtu(p, net->tunnels[id].outer == OUTER_IPV6);
	}
	if (via != NEXTHOP_NONE && v->rows.out[via].mtu < port)
		route = v->rows.out[via].mtu;
	path_mtus_set_lower(v->paths, id, port, route);
}

/* Does something outside of the tunnel lower its MTU below what every path must carry? */
static bool is_too_narrow(const struct network *net, uint16_t id, uint16_t mtu)
{
	uint16_t own = net->tunnels[id].mtu;

	return mtu < own && mtu < path_mtu_floor(net, id) && own >= path_mtu_floor(net, id);
}

/* One alarm for all tunnels: many share a port, and the cause is the port's MTU. */
static void tunnel_mtu_tell(const struct view *v, const struct network *net, unsigned n,
			    uint16_t first)
{
	struct tunnel_mtu mtu = path_mtu_of(v->paths, net, first);

	if (n == 0)
		alarm_clear(v->alarms, ALARM_TUNNEL_NARROW, "tunnels");
	else
		alarm_raise(v->alarms, ALARM_TUNNEL_NARROW, "tunnels",
			    "%u tunnels carry less than IP requires; the first, %s, carries %u "
			    "bytes because of its %s, not %u",
			    n, network_tunnel_name(net, first), mtu.mtu, mtu_bound_names[mtu.bound],
			    path_mtu_floor(net, first));
}

void view_fold_mtus(struct view *v, const struct network *net)
{
	uint16_t first_narrow = TUNNEL_NONE;
	unsigned narrow = 0;

	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		uint16_t id = net->tunnel_ids[i];
		uint16_t mtu;

		if (v->paths != NULL)
			set_lower(v, net, id);
		mtu = path_mtu_of(v->paths, net, id).mtu;
		if (is_too_narrow(net, id, mtu) && narrow++ == 0)
			first_narrow = id;
		v->tunnels[id].mtu = mtu;
	}
	tunnel_mtu_tell(v, net, narrow, first_narrow);
}
