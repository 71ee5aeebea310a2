/* Netlink dumps into the view: see read.h. */
#include "control/kernel/read.h"

#include <errno.h>
#include <string.h>

#include <linux/rtnetlink.h>

enum { LOOPBACK_IFINDEX = 1 }; /* the same number in every network namespace */

static void on_route(const struct kernel_route *route, void *arg)
{
	if (route->table == RT_TABLE_MAIN)
		view_take_route(arg, route);
}

static void on_nexthop(const struct kernel_nexthop *nexthop, void *arg)
{
	view_take_nexthop(arg, nexthop);
}

static void on_neighbour(const struct kernel_neighbour *neighbour, void *arg)
{
	view_take_neighbour(arg, neighbour);
}

static int read_link(struct view_port *vp, struct port *port, struct mnl_socket *nl)
{
	struct kernel_link link;
	int ret = netlink_get_link(nl, port->ifindex, &link);

	if (ret != 0)
		return ret;
	memcpy(vp->mac, link.mac, sizeof(vp->mac));
	/* never more than the buffers are made for: 1,500 bytes, or the MTU at the start */
	vp->mtu = link.mtu < port->worker.mtu ? (uint16_t)link.mtu : port->worker.mtu;
	port->mtu = vp->mtu;
	vp->mtu6 = link.mtu6 < vp->mtu ? (uint16_t)link.mtu6 : 0;
	return 0;
}

/* An interface that is gone has no rows; the kernel may return an error for it. */
static int unless_gone(int ret)
{
	return ret == -ENODEV ? 0 : ret;
}

static int dump_ports(struct view *view, struct mnl_socket *nl, uint8_t family, unsigned what)
{
	int ret = 0;

	for (size_t i = 0; i < view->n_ports && ret == 0; i++) {
		int ifindex = view->ports[i].ifindex;

		if (!view->ports[i].has_kernel || ifindex == 0)
			continue;
		ret = what == READ_ROUTES
			      ? netlink_dump_routes(nl, ifindex, RTN_UNSPEC, family, on_route, view)
			      : netlink_dump_neighbours(nl, ifindex, family, on_neighbour, view);
		ret = unless_gone(ret);
	}
	return ret;
}

/* They leave by no interface; a blackhole nexthop object leaves by the loopback interface. */
static int dump_refusals(struct view *view, struct mnl_socket *nl, uint8_t family)
{
	static const uint8_t types[] = {RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT, RTN_THROW};
	int ret = netlink_dump_routes(nl, LOOPBACK_IFINDEX, RTN_UNSPEC, family, on_route, view);

	for (size_t i = 0; i < sizeof(types) && ret == 0; i++)
		ret = netlink_dump_routes(nl, 0, types[i], family, on_route, view);
	return ret;
}

static int read_routes(struct view *view, struct mnl_socket *nl)
{
	int ret;

	view_forget_nexthops(view);
	netlink_dump_nexthops(nl, on_nexthop, view); /* ignored: a kernel without nexthop objects */
	view_dump_routes(view);
	ret = dump_ports(view, nl, AF_INET, READ_ROUTES);
	if (ret == 0)
		ret = dump_refusals(view, nl, AF_INET);
	if (ret == 0 && view->with_six)
		ret = dump_ports(view, nl, AF_INET6, READ_ROUTES);
	if (ret == 0 && view->with_six)
		ret = dump_refusals(view, nl, AF_INET6);
	view_dumped_routes(view, ret == 0);
	return ret;
}

/* Of both families: an IPv4 route may have an IPv6 gateway. */
static int read_neighbours(struct view *view, struct mnl_socket *nl)
{
	int ret;

	view_dump_neighbours(view);
	ret = dump_ports(view, nl, AF_INET, READ_NEIGHBOURS);
	if (ret == 0)
		ret = dump_ports(view, nl, AF_INET6, READ_NEIGHBOURS);
	view_dumped_neighbours(view, ret == 0);
	return ret;
}

void read_ports(struct view *view, const struct port_set *ports)
{
	for (size_t i = 0; i < view->n_ports; i++)
		view->ports[i].ifindex = ports->ports[i].ifindex;
}

int read_kernel(struct view *view, const struct port_set *ports, struct mnl_socket *nl,
		unsigned what)
{
	int ret = 0, one;

	read_ports(view, ports);
	for (size_t i = 0; i < view->n_ports && what & READ_LINKS; i++) {
		if (!view->ports[i].has_kernel || view->ports[i].ifindex == 0)
			continue;
		one = unless_gone(read_link(&view->ports[i], &ports->ports[i], nl));
		ret = one != 0 ? one : ret;
	}
	if (what & READ_ROUTES) {
		one = read_routes(view, nl);
		ret = one != 0 ? one : ret;
	}
	if (what & READ_NEIGHBOURS) {
		one = read_neighbours(view, nl);
		ret = one != 0 ? one : ret;
	}
	return ret;
}
