/*
 * Keeps the program in the kernel up to date with its interface: the interface's Ethernet address,
 * and which of our addresses lie in its networks, so that only we can answer for them.
 *
 * An event says only that something changed. The kernel's addresses are read again, once for all
 * ports. If they are unchanged, nothing else happens. Otherwise the list of our addresses is made
 * again and only the difference is written. So a change of one address costs one dump and few
 * writes, however many addresses we have. A packet meets either the old or the new entry of each
 * address, never a half-written one.
 *
 * Control thread.
 */
#include "control/alarm.h"
#include "control/port/addresses.h"
#include "control/port/own.h"
#include "control/port/port_internal.h"
#include "in/steer.h"

#include <errno.h>
#include <string.h>

static struct steer_maps maps_of(const struct port *port)
{
	return port->steer != NULL ? steer_maps(port->steer) : guard_maps(port->guard);
}

struct gaining {
	const struct port_listener *listener;
	size_t port;
};

static void tell_gained(const struct steer_change *c, void *arg)
{
	const struct gaining *g = arg;

	if (c->len == 0 && c->now & ~c->before & STEER_ARP)
		g->listener->address_gained(g->listener->arg, g->port, &c->addr);
}

/*
 * An af_packet port sees all ARP requests. Where the kernel has the local ends of tunnels, the
 * kernel answers for them. life.c tells the workers.
 */
void port_answer_for_ends(struct port *port)
{
	const uint32_t both = STEER_TUNNEL_END | STEER_ARP;
	bool answer = false;

	for (size_t i = 0; i < port->steered.n; i++)
		answer = answer || (port->steered.addrs[i].flags & both) == both;
	port->worker.answer_arp_for_tunnels = answer;
}

/* If memory runs out or the kernel refuses, the next call starts again from the old list. */
static int follow_addresses(const struct port_set *set, struct port *port,
			    const struct network *net)
{
	struct gaining gaining = {&set->listener, (size_t)(port - set->ports)};
	struct steer_list before = port->steered, now;
	int ret = steer_list_make(&now, net, gaining.port, port->ifindex, set->own);

	if (ret == 0)
		ret = steer_write(maps_of(port), &before, &now);
	if (ret != 0) {
		steer_list_fini(&now);
		return ret;
	}
	port->steered = now;
	if (port->guard != NULL)
		port_answer_for_ends(port);
	port_join_groups(port, &before);
	if (set->listener.address_gained != NULL)
		steer_compare(&before, &port->steered, tell_gained, &gaining);
	steer_list_fini(&before);
	return 0;
}

static bool is_news(const struct port_link *was, const struct port_link *is)
{
	return is->running && (!was->running || is->ups != was->ups ||
			       memcmp(is->mac, was->mac, sizeof(is->mac)) != 0);
}

static int follow_link(const struct port_set *set, struct port *port)
{
	struct port_link link, was = port->link;
	int ret = interface_link(port->ifindex, &link);

	if (ret == -ENODEV)
		return 0; /* the interface is gone: life.c closes the port */
	if (ret == 0)
		ret = steer_set_mac(maps_of(port), link.mac);
	if (ret != 0)
		return ret;
	port->link = link;
	if (set->listener.link_changed != NULL && is_news(&was, &link))
		set->listener.link_changed(set->listener.arg, (size_t)(port - set->ports));
	return 0;
}

static int follow(const struct port_set *set, struct port *port, const struct network *net,
		  bool addresses_changed)
{
	int ret = follow_link(set, port);

	if (addresses_changed || port->behind) {
		int err = follow_addresses(set, port, net);

		port->behind = err != 0;
		ret = ret == 0 ? err : ret;
	}
	if (ret == 0)
		alarm_clear(set->alarms, ALARM_PORT_BEHIND, port->config->name);
	else
		alarm_raise(set->alarms, ALARM_PORT_BEHIND, port->config->name,
			    "cannot follow the changes of interface %s: %s",
			    port->config->interface, strerror(-ret));
	return ret;
}

/* Reads the kernel's addresses. *@changed: they differ from the last ones. 0 or -errno. */
static int follow_own(struct port_set *set, const struct network *net, bool *changed)
{
	struct addresses now;
	int ret = addresses_read(&now);

	*changed = false;
	if (ret != 0)
		return ret;
	*changed = !addresses_equal(set->own, &now);
	if (*changed)
		own_compare(set->alarms, net, set->own, &now);
	addresses_fini(set->own);
	*set->own = now;
	return 0;
}

int ports_follow(struct port_set *set, const struct network *net)
{
	bool changed;
	int ret;

	if (set->own == NULL) /* no port has a kernel behind it */
		return 0;
	ret = follow_own(set, net, &changed);
	for (size_t i = 0; i < set->n; i++) {
		struct port *port = &set->ports[i];
		int one = 0;

		if (port->steer != NULL || port->guard != NULL)
			one = follow(set, port, net, changed);
		ret = ret == 0 ? one : ret;
	}
	return ret;
}

int ports_follow_network(struct port_set *set, const struct network *before,
			 const struct network *net)
{
	if (set->own == NULL)
		return 0;
	own_follow(set->alarms, before, net, set->own);
	for (size_t i = 0; i < set->n; i++)
		set->ports[i].behind = true;
	return ports_follow(set, net);
}
