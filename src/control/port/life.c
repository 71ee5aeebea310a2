/*
 * Keeps each port attached to its interface at run time: see life.h.
 *
 * The kernel reports link changes, but not changes of offloads, queues or tc programs. So each port
 * is compared with its interface once a second, and 20 ms after an event of the kernel. One
 * comparison costs a dozen system calls a port, however many events there were.
 *
 * Attempts to open a port or to attach a program again back off: after one second, then two, four
 * and so on, up to 30 seconds. Meanwhile an alarm says what is wrong.
 *
 * Control thread, in its event loop.
 */
#include "control/port/life.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mono.h"
#include "control/port/driver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <event2/event.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

enum {
	TICK_S = 1,
	SOON_US = 20000,
	RETRY_MIN_MS = 1000,
	RETRY_MAX_MS = 30000,
	EVENTS_BUFFER = 16 * 1024,
	EVENTS_PER_TURN = 256,
};

/* Backoff of an attempt that failed. */
struct retry {
	uint64_t next_ms;
	uint32_t wait_ms;
};

struct port_life {
	struct port_set *set;
	port_life_publish_fn publish;
	port_life_changed_fn changed;
	void *arg;
	struct mnl_socket *links;
	struct event *on_link, *on_soon, *on_tick, *on_peers;
	struct retry opening[PORTS_MAX], repairing[PORTS_MAX];
};

/*
 * Is an attempt due now? If so, doubles the delay to the next one. The delay starts again at the
 * minimum after a quiet time.
 */
static bool is_due(struct retry *r)
{
	uint64_t now = mono_ms();

	if (now < r->next_ms)
		return false;
	if (r->wait_ms == 0 || now - r->next_ms > RETRY_MAX_MS)
		r->wait_ms = RETRY_MIN_MS;
	r->next_ms = now + r->wait_ms;
	r->wait_ms = r->wait_ms * 2 < RETRY_MAX_MS ? r->wait_ms * 2 : RETRY_MAX_MS;
	return true;
}

static void life_publish(struct port_life *w)
{
	struct port_set *set = w->set;

	for (size_t i = 0; i < PORTS_MAX; i++)
		set->worker_ports[i] = set->ports[i].worker;
	w->publish(set->worker_ports, w->arg);
}

/* Publishes the ports to the workers: they stop using a port, or begin to use it. */
static void set_closed(struct port_life *w, struct port *port, bool closed)
{
	if (port->worker.closed == closed)
		return;
	port->worker.closed = closed;
	life_publish(w);
}

/* --- open and closed -------------------------------------------------------------------------- */

static void shut(struct port_life *w, size_t i)
{
	if (w->set->listener.closing != NULL)
		w->set->listener.closing(w->set->listener.arg, i);
	set_closed(w, &w->set->ports[i], true);
	port_shut(w->set, i);
	w->changed(w->arg);
}

/* Checking whether the interface is @there costs nothing; a failed attempt to open it does. */
static void open_again(struct port_life *w, size_t i, bool there)
{
	struct port *port = &w->set->ports[i];
	struct err_list errs = ERR_LIST_EMPTY;
	int ret;

	if ((there || !port->has_kernel) && !is_due(&w->opening[i]))
		return;
	ret = port_open(w->set, i, &errs);
	if (ret == 0) {
		log_info("port %s: open%s%s", port->config->name,
			 port->config->interface[0] != '\0' ? " on interface " : "",
			 port->config->interface);
		w->opening[i] = (struct retry){0};
		port->worker.closed = port->memif != NULL;
		life_publish(w);
		if (w->set->listener.opened != NULL)
			w->set->listener.opened(w->set->listener.arg, i);
		w->changed(w->arg);
	} else if (errs.n > 0) { /* otherwise the state says that it is missing or down */
		port_set_state(w->set, port, PORT_CLOSED, "%s", errs.errs[0].text);
	}
	err_list_fini(&errs);
}

void port_life_close(struct port_life *w, size_t slot)
{
	struct port *port = &w->set->ports[slot];

	if (port_is_open(port))
		shut(w, slot);
	port_end_alarms(w->set, port);
	w->opening[slot] = w->repairing[slot] = (struct retry){0};
}

void port_life_opened(struct port_life *w, uint32_t slots)
{
	life_publish(w);
	for (size_t i = 0; i < w->set->n; i++) {
		if (!(slots >> i & 1))
			continue;
		w->opening[i] = w->repairing[i] = (struct retry){0};
		if (port_is_open(&w->set->ports[i]) && w->set->listener.opened != NULL)
			w->set->listener.opened(w->set->listener.arg, i);
	}
	w->changed(w->arg);
}

/* --- an open port ----------------------------------------------------------------------------- */

/*
 * Checks the program that separates our packets from the kernel's. False: it is not attached, and
 * the port's state says so.
 */
static bool hold_program(struct port_life *w, size_t i)
{
	struct port *port = &w->set->ports[i];
	char other[16] = "";
	int ret = driver_program_lost(port, other);

	if (ret == -EBUSY) {
		port_set_state(w->set, port, PORT_BYPASSED,
			       "another XDP program (%s) has replaced ours on interface %s: "
			       "packets bypass this port",
			       other[0] != '\0' ? other : "not ours", port->config->interface);
		return false;
	}
	if (ret != 0 && is_due(&w->repairing[i])) {
		ret = driver_program_restore(port);
		if (ret == 0)
			log_warning("port %s: our program was removed from interface %s; it is "
				    "attached again",
				    port->config->name, port->config->interface);
	}
	if (ret != 0)
		port_set_state(
			w->set, port, PORT_BYPASSED,
			"our program was removed from interface %s: packets bypass this port",
			port->config->interface);
	return ret == 0;
}

/* GRO and LRO join segments before an af_packet port sees them. */
static bool hold_offloads(struct port_life *w, size_t i)
{
	struct port *port = &w->set->ports[i];
	const char *name = port->config->interface;

	if (port->guard == NULL || interface_gro_is_off(name))
		return true;
	if (is_due(&w->repairing[i])) {
		interface_gro_off(name, port->lock);
		if (interface_gro_is_off(name)) {
			log_warning("port %s: GRO or LRO was switched on; it is off again",
				    port->config->name);
			return true;
		}
	}
	port_set_state(w->set, port, PORT_DEGRADED,
		       "GRO or LRO is on at interface %s: packets of several segments are lost",
		       name);
	return false;
}

/* Someone may have taken sockets out of the program's map: packets met no socket. */
static void hold_sockets(struct port *port)
{
	struct port_steer_counts c;

	if (port->steer == NULL)
		return;
	port_read_steer_counts(port, &c);
	if (c.lost > port->no_listener && driver_put_sockets(port) == 0 && port->unserved == 0)
		log_warning("port %s: the XDP program had no socket for a queue; it has it again",
			    port->config->name);
	port->no_listener = c.lost;
}

/* True: the interface has other queues than the port has sockets. */
static bool has_other_queues(const struct port *port, const struct interface *in)
{
	return port->steer != NULL &&
	       (in->queues != port->nic_queues || in->tx_queues != port->nic_tx);
}

/* Sets the state of a port that does not serve all queues. False: it does. */
static bool is_short_of_queues(struct port_life *w, size_t i, const struct interface *in)
{
	struct port *port = &w->set->ports[i];
	unsigned n = (unsigned)__builtin_popcountll(port->unserved);

	if (n > 0 && is_due(&w->repairing[i]) && xdp_queues_are_free(port)) {
		shut(w, i); /* the next comparison opens it, with all queues */
		return true;
	}
	if (has_other_queues(port, in) && in->queues > port->nic_queues)
		port_set_state(w->set, port, PORT_DEGRADED,
			       "interface %s has %u receive queues now; there are packet buffers "
			       "for %u: packets on the others are lost; restart homewardd, or set "
			       "fewer by ethtool -L",
			       in->name, in->queues, port->nic_queues);
	else if (n > 0)
		port_set_state(w->set, port, PORT_DEGRADED,
			       "%u of the %u receive queues of interface %s could not be used: "
			       "packets on them are lost; does another program use them?",
			       n, port->nic_queues, in->name);
	else
		return false;
	return true;
}

static void hold(struct port_life *w, size_t i, const struct interface *in)
{
	struct port *port = &w->set->ports[i];

	hold_sockets(port);
	set_closed(w, port, !in->up || !in->carrier);
	if (!in->up)
		port_set_state(w->set, port, PORT_DOWN, "interface %s is down", in->name);
	else if (!in->carrier)
		port_set_state(w->set, port, PORT_DOWN, "interface %s has no carrier", in->name);
	else if (!hold_program(w, i) || !hold_offloads(w, i))
		return;
	else if (is_short_of_queues(w, i, in))
		return;
	else if (port->config->mtu == 0 && in->mtu > port->worker.mtu && port->has_kernel)
		port_set_state(w->set, port, PORT_DEGRADED,
			       "interface %s has MTU %u now; buffers are made for %u", in->name,
			       in->mtu, port->worker.mtu);
	else
		port_set_state(w->set, port, PORT_UP, "works");
}

static void publish_any(void *arg)
{
	life_publish(arg);
}

/* No kernel reports the link of a card. */
static void hold_link(struct port_life *w, struct port *port)
{
	bool has_link = driver_pci_has_link(port);

	set_closed(w, port, !has_link);
	if (has_link)
		port_set_state(w->set, port, PORT_UP, "works");
	else
		port_set_state(w->set, port, PORT_DOWN, "device %s has no link",
			       port->config->device);
}

/* A port without an interface is closed only if a change that would have removed it failed. */
static void compare_plain(struct port_life *w, size_t i)
{
	struct port *port = &w->set->ports[i];

	if (!port_is_open(port))
		open_again(w, i, true);
	if (port->memif != NULL)
		driver_memif_serve(w->set, port, publish_any, w);
	if (port->config->driver == PORT_PCI && port_is_open(port))
		hold_link(w, port);
}

static void compare_soon(struct port_life *w)
{
	const struct timeval soon = {.tv_usec = SOON_US};

	if (!event_pending(w->on_soon, EV_TIMEOUT, NULL))
		event_add(w->on_soon, &soon);
}

static void life_compare(struct port_life *w, size_t i)
{
	struct port *port = &w->set->ports[i];
	struct interface in;
	int ret;

	if (!port_is_there(port))
		return;
	if (port->config->interface[0] == '\0') {
		compare_plain(w, i);
		return;
	}
	ret = interface_read(port->config->interface, &in);
	if (ret != 0 && ret != -ENODEV)
		return; /* no answer counts as no change */
	if (port_is_open(port) &&
	    (ret != 0 || in.index != port->ifindex || !port_meter_is_bound(port)))
		shut(w, i);
	if (port_is_open(port) && has_other_queues(port, &in) &&
	    xdp_queues_count(w->set, port, &in) > 0) {
		log_info("port %s: interface %s has %u receive queues now; it is opened again",
			 port->config->name, in.name, in.queues);
		shut(w, i);
		compare_soon(w); /* the kernel needs a moment to free the queues */
		return;
	}
	if (!port_is_open(port)) {
		open_again(w, i, ret == 0 && in.up);
		ret = interface_read(port->config->interface, &in);
	}
	if (port_is_open(port) && ret == 0)
		hold(w, i, &in);
}

/* --- events ----------------------------------------------------------------------------------- */

/* Publishes what ports_follow() found since the last publication. */
static bool has_news(const struct port_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->ports[i].worker.answer_arp_for_tunnels !=
		    set->worker_ports[i].answer_arp_for_tunnels)
			return true;
	return false;
}

static void compare_all(evutil_socket_t fd, short what, void *arg)
{
	struct port_life *w = arg;

	for (size_t i = 0; i < w->set->n; i++)
		life_compare(w, i);
	if (has_news(w->set))
		life_publish(w);
}

void port_life_look(struct port_life *w)
{
	life_publish(w);
	w->changed(w->arg);
	compare_all(-1, 0, w);
}

/* The content of the event does not matter: everything is compared. */
static void life_on_link(evutil_socket_t fd, short what, void *arg)
{
	struct port_life *w = arg;
	char buffer[EVENTS_BUFFER];

	for (int i = 0; i < EVENTS_PER_TURN; i++)
		if (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) < 0 && errno != ENOBUFS)
			break;
	compare_soon(w);
}

/* A peer of a memif port has come, has left, or says something. */
static void on_peers(evutil_socket_t fd, short what, void *arg)
{
	struct port_life *w = arg;

	for (size_t i = 0; i < w->set->n; i++)
		if (w->set->ports[i].memif != NULL)
			driver_memif_serve(w->set, &w->set->ports[i], publish_any, w);
}

static int life_start(struct port_life *w, struct event_base *base)
{
	const struct timeval tick = {.tv_sec = TICK_S};

	w->links = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (w->links == NULL || mnl_socket_bind(w->links, RTMGRP_LINK, MNL_SOCKET_AUTOPID) != 0)
		return -errno;
	w->on_link =
		event_new(base, mnl_socket_get_fd(w->links), EV_READ | EV_PERSIST, life_on_link, w);
	w->on_soon = event_new(base, -1, 0, compare_all, w);
	w->on_tick = event_new(base, -1, EV_PERSIST, compare_all, w);
	w->on_peers = event_new(base, w->set->peers, EV_READ | EV_PERSIST, on_peers, w);
	if (w->on_peers == NULL || event_add(w->on_peers, NULL) != 0)
		return -ENOMEM;
	if (w->on_link == NULL || w->on_soon == NULL || w->on_tick == NULL ||
	    event_add(w->on_link, NULL) != 0 || event_add(w->on_tick, &tick) != 0)
		return -ENOMEM;
	compare_all(-1, 0, w); /* finds changes since the ports were opened */
	return 0;
}

struct port_life *port_life_create(struct event_base *base, struct port_set *set,
				   port_life_publish_fn publish_fn, port_life_changed_fn changed,
				   void *arg, struct err_list *errs)
{
	struct port_life *w = calloc(1, sizeof(*w));
	int ret = -ENOMEM;

	if (w != NULL) {
		*w = (struct port_life){
			.set = set, .publish = publish_fn, .changed = changed, .arg = arg};
		ret = life_start(w, base);
	}
	if (ret == 0)
		return w;
	err_add(errs, NULL, 0, 0, "cannot watch the interfaces: %s", strerror(-ret));
	port_life_destroy(w);
	return NULL;
}

void port_life_destroy(struct port_life *w)
{
	if (w == NULL)
		return;
	if (w->on_link != NULL)
		event_free(w->on_link);
	if (w->on_soon != NULL)
		event_free(w->on_soon);
	if (w->on_tick != NULL)
		event_free(w->on_tick);
	if (w->on_peers != NULL)
		event_free(w->on_peers);
	if (w->links != NULL)
		mnl_socket_close(w->links);
	free(w);
}
