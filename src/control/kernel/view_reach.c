/*
 * Finds tunnels that cannot be reached: the kernel has no route to their far end by their port, or
 * the nexthop of that route does not answer.
 *
 * Usual causes: an interface went down, the kernel removed its static routes, and nobody added them
 * again; or a router on the link is off. Packets to such a tunnel are dropped as no_neighbour.
 */
#include "control/alarm.h"
#include "control/kernel/view.h"

/* Why it cannot be reached; NULL: it can, or its port has no interface, which has its own alarm. */
static const char *unreachable(const struct view *v, const struct network *net, uint16_t id)
{
	uint8_t port = net->tunnels[id].port;
	int row = v->tunnels[id].row;

	if (port >= v->n_ports || !v->ports[port].has_kernel || v->ports[port].ifindex == 0)
		return NULL;
	if (network_is_interconnect(net, id))
		return v->tunnels[id].peer_failed ? "its peer does not answer ARP or ND" : NULL;
	if (row == ROWS_NONE)
		return "no route to its far end leaves by its port";
	return v->rows.rows[v->rows.rows[row].base].failed
		       ? "the nexthop to its far end does not answer"
		       : NULL;
}

/* One alarm for all tunnels: many share a route. */
void view_alarm_unreachable(const struct view *v, const struct network *net)
{
	const char *first_reason = NULL;
	uint16_t first = TUNNEL_NONE;
	unsigned n = 0;

	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		uint16_t id = net->tunnel_ids[i];
		const char *reason = unreachable(v, net, id);

		if (reason != NULL && n++ == 0) {
			first = id;
			first_reason = reason;
		}
	}
	if (n == 0)
		alarm_clear(v->alarms, ALARM_TUNNEL_UNREACHABLE, "tunnels");
	else
		alarm_raise(v->alarms, ALARM_TUNNEL_UNREACHABLE, "tunnels",
			    "tunnels that cannot be reached: %u; the first, %s: %s", n,
			    network_tunnel_name(net, first), first_reason);
}
