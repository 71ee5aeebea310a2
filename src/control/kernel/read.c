/* Netlink dumps into rows of the view: see read.h. */
#include "control/kernel/read.h"

#include <errno.h>
#include <string.h>

struct filling {
	struct view *view;
	uint8_t port;
	int ret;
};

static void on_route(const struct kernel_route *route, void *arg)
{
	struct filling *f = arg;

	if (view_add_route(f->view, f->port, route) != 0)
		f->ret = -ENOMEM;
}

static void on_neighbour(const struct kernel_neighbour *neighbour, void *arg)
{
	struct filling *f = arg;

	if (view_add_neighbour(f->view, f->port, neighbour) != 0)
		f->ret = -ENOMEM;
}

static int read_link(struct view_port *vp, struct port *port, struct mnl_socket *nl)
{
	struct kernel_link link;
	int ret = netlink_get_link(nl, port->ifindex, &link);

	if (ret != 0)
		return ret;
	memcpy(vp->mac, link.mac, sizeof(vp->mac));
	/* never more than buffers are made for: 1,500 bytes, or what it was at the start */
	vp->mtu = link.mtu < port->worker.mtu ? (uint16_t)link.mtu : port->worker.mtu;
	port->mtu = vp->mtu;
	vp->mtu6 = link.mtu6 < vp->mtu ? (uint16_t)link.mtu6 : 0;
	return 0;
}

static int dump(struct filling *f, struct mnl_socket *nl, int ifindex, uint8_t family,
		unsigned what)
{
	int ret = 0;

	if (what & READ_ROUTES)
		ret = netlink_dump_routes(nl, ifindex, family, on_route, f);
	if (ret == 0 && what & READ_NEIGHBOURS)
		ret = netlink_dump_neighbours(nl, ifindex, family, on_neighbour, f);
	return ret;
}

static int read_port(struct view *view, struct port *port, uint8_t i, struct mnl_socket *nl,
		     unsigned what)
{
	struct filling f = {view, i, 0};
	int ret = 0;

	if (what & READ_LINKS)
		ret = read_link(&view->ports[i], port, nl);
	if (ret == 0)
		ret = dump(&f, nl, port->ifindex, AF_INET, what);
	if (ret == 0 && view->with_six)
		ret = dump(&f, nl, port->ifindex, AF_INET6, what);
	return ret != 0 ? ret : f.ret;
}

int read_kernel(struct view *view, const struct port_set *ports, struct mnl_socket *nl,
		unsigned what)
{
	int ret = 0;

	if (what & READ_ROUTES)
		view_clear_routes(view);
	if (what & READ_NEIGHBOURS)
		view_clear_neighbours(view);
	for (size_t i = 0; i < view->n_ports; i++) {
		int one = 0;

		if (view->ports[i].has_kernel)
			one = read_port(view, &ports->ports[i], (uint8_t)i, nl, what);
		ret = one != 0 ? one : ret;
	}
	view_sort(view);
	return ret;
}
