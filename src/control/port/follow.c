/*
 * What the program in the kernel knows of an interface follows the interface: its Ethernet address,
 * and which of our addresses lie in its networks, so that nobody but us can answer for them.
 *
 * All of it is told anew; what has not changed is written over with itself. A packet meets the old
 * or the new, both whole.
 *
 * Control thread.
 */
#include "base/log.h"
#include "control/port/port_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Our descriptor of the old groups is closed last: those that stay are never left. */
static int follow_groups(struct port *port, const struct steer_addr *addrs, size_t n)
{
	int groups, ret = interface_join_groups(port->ifindex, addrs, n, &groups);

	if (ret != 0)
		return ret;
	if (port->groups >= 0)
		close(port->groups);
	port->groups = groups;
	return 0;
}

static int follow(struct port *port, size_t index, const struct network *net)
{
	const char *name = port->config->interface;
	struct steer_maps maps =
		port->steer != NULL ? steer_maps(port->steer) : guard_maps(port->guard);
	struct interface interface;
	struct steer_addr *addrs;
	size_t n = 0;
	int ret = interface_read(name, &interface);

	if (ret == 0)
		ret = steer_set_mac(maps, interface.mac);
	if (ret != 0)
		return ret;
	addrs = steer_list(net, index, name, &n);
	if (addrs == NULL)
		return -ENOMEM;
	ret = steer_fill(maps, addrs, n);
	if (ret == 0)
		ret = follow_groups(port, addrs, n);
	free(addrs);
	return ret;
}

void ports_follow(const struct port_set *set, const struct network *net)
{
	for (size_t i = 0; i < set->n; i++) {
		struct port *port = &set->ports[i];
		int ret;

		if (port->steer == NULL && port->guard == NULL)
			continue;
		ret = follow(port, i, net);
		if (ret != 0)
			log_warning("port %s: cannot follow the changes of interface %s: %s",
				    port->config->name, port->config->interface, strerror(-ret));
	}
}
