/*
 * Follows the kernel's routes, links and neighbours; hands out adjacency tables.
 *
 * Events only say that something changed: then what they are about is dumped anew, for our ports
 * only, at most every 50 ms, so a storm of them costs one dump. (The kernel does not even send an
 * event for each IPv4 route that goes with a link; a dump is right in any case. So is one after
 * events were lost, ENOBUFS.)
 *
 * The kernel resolves neighbours when it has packets for them; it does not see ours. So once a
 * second we tell it for each neighbour in use that is not known or has not been confirmed lately
 * that there is traffic for it (NTF_USE): it then asks by ARP as if the packets were its own.
 * An on-link host gets a hop when it is resolved for the first time, so that asking for addresses
 * where nobody lives fills nothing but a short list.
 *
 * Control thread, in its event loop.
 */
#include "control/kernel/neighbours.h"

#include "base/err.h"
#include "base/log.h"
#include "control/kernel/read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

enum {
	PAUSE_MS = 50, /* between two tables */
	TICK_MS = 1000,
	PATIENCE_MS = 300, /* at the start */
	PATIENCE_STEP_MS = 5,
	WANTED_MAX = 1024,
	WANTED_TICKS = 4, /* the kernel gives up after three requests, a second apart */
	ASKS_PER_TICK = 256,
	EVENTS_BUFFER = 64 * 1024,
	EVENTS_PER_TURN = 64,
	SOCKET_BUFFER = 1 << 20,
};

struct wanted {
	struct addr6 addr;
	uint8_t port;
	uint8_t ticks; /* left */
};

struct neighbours {
	struct port_set *ports;
	const struct network *net;
	neighbours_publish_fn publish;
	void *arg;
	struct view view;
	struct mnl_socket *events, *questions;
	struct event *on_event, *on_pause, *on_tick;
	unsigned dirty;
	uint64_t last_ms; /* of the last table */
	size_t next_target; /* round robin */
	struct wanted wanted[WANTED_MAX];
	size_t n_wanted;
	bool hosts_full_said, published;
	_Alignas(struct nlmsghdr) char buffer[EVENTS_BUFFER];
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct timeval in_ms(uint64_t ms)
{
	return (struct timeval){(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
}

/* --- tables ----------------------------------------------------------------------------------- */

/* Hosts that were asked for and have been found get a hop. */
static void take_found(struct neighbours *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n->n_wanted; i++) {
		const struct wanted *w = &n->wanted[i];

		if (!view_resolved(view_neighbour(&n->view, w->port, &w->addr))) {
			n->wanted[kept++] = *w;
			continue;
		}
		if (view_add_host(&n->view, w->port, &w->addr) != 0 && !n->hosts_full_said) {
			log_warning("no more than %d on-link hosts can be reached: others are not",
				    VIEW_HOSTS_MAX);
			n->hosts_full_said = true;
		}
	}
	n->n_wanted = kept;
}

static int make_table(struct neighbours *n)
{
	struct adjacency_spec spec;
	struct adjacency *adj;
	bool changed;

	take_found(n);
	changed = view_compile(&n->view, n->net, &spec);
	if (!changed && n->published)
		return 0;
	adj = adjacency_create(&spec);
	if (adj == NULL) {
		n->published = false; /* try again at the next tick */
		return -ENOMEM;
	}
	n->published = true;
	n->publish(adj, n->arg);
	return 0;
}

static void plan_table(struct neighbours *n)
{
	uint64_t due = n->last_ms + PAUSE_MS, now = now_ms();
	struct timeval wait = in_ms(due > now ? due - now : 1);

	if (!event_pending(n->on_pause, EV_TIMEOUT, NULL))
		event_add(n->on_pause, &wait);
}

static void on_pause(evutil_socket_t fd, short what, void *arg)
{
	struct neighbours *n = arg;
	unsigned dirty = n->dirty;
	int ret;

	n->dirty = 0;
	if (dirty & READ_LINKS && ports_follow(n->ports, n->net) != 0)
		n->dirty |= READ_LINKS; /* the next tick tries again */
	ret = read_kernel(&n->view, n->ports, n->questions, dirty);
	if (ret != 0) {
		log_warning("cannot read routes and neighbours from the kernel: %s",
			    strerror(-ret));
		n->dirty |= dirty;
	}
	if (make_table(n) != 0)
		log_warning("not enough memory for a new table of routes: the old one stays");
	n->last_ms = now_ms();
}

/* --- events ----------------------------------------------------------------------------------- */

static bool is_our_interface(const struct neighbours *n, int ifindex)
{
	for (size_t i = 0; i < n->view.n_ports; i++)
		if (n->view.ports[i].has_kernel && n->ports->ports[i].ifindex == ifindex)
			return true;
	return false;
}

static int on_message(const struct nlmsghdr *nlh, void *arg)
{
	struct neighbours *n = arg;
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);

	switch (nlh->nlmsg_type) {
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(*ndm) &&
		    is_our_interface(n, ndm->ndm_ifindex))
			n->dirty |= READ_NEIGHBOURS;
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		n->dirty |= READ_ROUTES;
		break;
	default: /* links and addresses: routes go and come with them */
		n->dirty |= READ_ALL;
		break;
	}
	return MNL_CB_OK;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct neighbours *n = arg;

	for (int i = 0; i < EVENTS_PER_TURN; i++) {
		ssize_t len = recv(fd, n->buffer, sizeof(n->buffer), MSG_DONTWAIT);

		if (len < 0 && errno == ENOBUFS)
			n->dirty |= READ_ALL; /* some were lost */
		else if (len <= 0)
			break;
		else
			mnl_cb_run(n->buffer, (size_t)len, 0, 0, on_message, n);
	}
	if (n->dirty != 0)
		plan_table(n);
}

/* --- questions -------------------------------------------------------------------------------- */

static void resolve(struct neighbours *n, uint8_t port, const struct addr6 *addr)
{
	int ret = netlink_resolve(n->questions, n->ports->ports[port].ifindex, addr);

	if (ret != 0)
		log_debug("cannot ask for a neighbour on port %s: %s",
			  n->ports->ports[port].config->name, strerror(-ret));
}

/* Unknown, failed or stale: the kernel is to ask. In other states it is at it, or sure. */
static bool needs_asking(const struct kernel_neighbour *neighbour)
{
	return neighbour == NULL ||
	       (neighbour->state & (NUD_INCOMPLETE | NUD_REACHABLE | NUD_DELAY | NUD_PROBE |
				    NUD_PERMANENT | NUD_NOARP)) == 0;
}

static void ask_for_targets(struct neighbours *n)
{
	size_t targets = n->view.n_targets;

	for (size_t i = 0, asked = 0; i < targets && asked < ASKS_PER_TICK; i++) {
		const struct view_target *t;

		n->next_target = (n->next_target + 1) % targets;
		t = &n->view.targets[n->next_target];
		if (!needs_asking(view_neighbour(&n->view, t->port, &t->addr)))
			continue;
		resolve(n, t->port, &t->addr);
		asked++;
	}
}

static void forget_not_found(struct neighbours *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n->n_wanted; i++)
		if (n->wanted[i].ticks-- > 0)
			n->wanted[kept++] = n->wanted[i];
	n->n_wanted = kept;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct neighbours *n = arg;

	ask_for_targets(n);
	forget_not_found(n);
	if (n->dirty != 0 || !n->published)
		plan_table(n);
}

void neighbours_want(struct neighbours *n, uint8_t port, const struct addr6 *addr)
{
	if (port >= n->view.n_ports || !n->view.ports[port].has_kernel)
		return;
	for (size_t i = 0; i < n->n_wanted; i++)
		if (n->wanted[i].port == port && addr6_equal(&n->wanted[i].addr, addr))
			return;
	if (n->n_wanted == WANTED_MAX)
		return; /* it will be asked for again */
	n->wanted[n->n_wanted++] = (struct wanted){*addr, port, WANTED_TICKS};
	if (needs_asking(view_neighbour(&n->view, port, addr)))
		resolve(n, port, addr);
	plan_table(n); /* the kernel may know it already */
}

void neighbours_paths_changed(struct neighbours *n)
{
	plan_table(n);
}

static bool targets_resolved(const struct neighbours *n)
{
	for (size_t i = 0; i < n->view.n_targets; i++) {
		const struct view_target *t = &n->view.targets[i];

		if (!view_resolved(view_neighbour(&n->view, t->port, &t->addr)))
			return false;
	}
	return true;
}

/*
 * Next hops answer within a millisecond or not at all: with a little patience at the start the very
 * first packets know where to go.
 */
static int await_targets(struct neighbours *n)
{
	const struct timespec step = {.tv_nsec = PATIENCE_STEP_MS * 1000000};
	int ret = 0;

	for (int i = 0; i < PATIENCE_MS / PATIENCE_STEP_MS && ret == 0; i++) {
		if (targets_resolved(n))
			return make_table(n);
		nanosleep(&step, NULL);
		ret = read_kernel(&n->view, n->ports, n->questions, READ_NEIGHBOURS);
	}
	return ret != 0 ? ret : make_table(n);
}

/* --- life and death --------------------------------------------------------------------------- */

static void describe_port(struct view_port *vp, const struct port *port)
{
	*vp = (struct view_port){.has_kernel = port->has_kernel, .mtu = port->worker.mtu};
	memcpy(vp->mac, port->worker.mac, sizeof(vp->mac));
	if (port->config->has_next_hop_mac) {
		memcpy(vp->next_hop, port->config->next_hop_mac, sizeof(vp->next_hop));
	} else if (port->config->driver == PORT_TAP) {
		memcpy(vp->next_hop, port->worker.mac, sizeof(vp->next_hop));
		vp->next_hop[5] ^= 1; /* control/port made ours so from the interface's */
	} else {
		memset(vp->next_hop, 0xff, sizeof(vp->next_hop));
	}
}

static int open_sockets(struct neighbours *n, struct event_base *base)
{
	struct timeval tick = in_ms(TICK_MS);
	int size = SOCKET_BUFFER, fd;

	n->events = netlink_open(RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE |
				 RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_ROUTE | RTMGRP_IPV6_IFADDR);
	n->questions = netlink_open(0);
	if (n->events == NULL || n->questions == NULL)
		return -errno;
	fd = mnl_socket_get_fd(n->events);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)); /* else the default */

	n->on_event = event_new(base, fd, EV_READ | EV_PERSIST, on_event, n);
	n->on_pause = event_new(base, -1, 0, on_pause, n);
	n->on_tick = event_new(base, -1, EV_PERSIST, on_tick, n);
	if (n->on_event == NULL || n->on_pause == NULL || n->on_tick == NULL ||
	    event_add(n->on_event, NULL) != 0 || event_add(n->on_tick, &tick) != 0)
		return -ENOMEM;
	return 0;
}

static int start(struct neighbours *n, struct event_base *base)
{
	int ret = open_sockets(n, base); /* listen first: what changes meanwhile is not missed */

	if (ret == 0)
		ret = read_kernel(&n->view, n->ports, n->questions, READ_ALL);
	if (ret == 0)
		ret = make_table(n);
	if (ret == 0) {
		ask_for_targets(n);
		ret = await_targets(n);
	}
	n->last_ms = now_ms();
	return ret;
}

struct neighbours *neighbours_create(struct event_base *base, struct port_set *ports,
				     const struct network *net, struct path_mtus *paths,
				     neighbours_publish_fn publish, void *arg,
				     struct err_list *errs)
{
	struct neighbours *n = calloc(1, sizeof(*n));
	int ret = -ENOMEM;

	if (n != NULL) {
		n->ports = ports;
		n->net = net;
		n->publish = publish;
		n->arg = arg;
		ret = view_init(&n->view, ports->n, net->n_tunnels);
	}
	if (ret == 0) {
		n->view.with_six = network_uses_ipv6(net);
		n->view.paths = paths;
		n->view.alarms = ports->alarms;
		for (size_t i = 0; i < ports->n; i++)
			describe_port(&n->view.ports[i], &ports->ports[i]);
		ret = start(n, base);
	}
	if (ret == 0)
		return n;
	err_add(errs, NULL, 0, 0, "cannot read routes and neighbours from the kernel: %s",
		strerror(-ret));
	neighbours_destroy(n);
	return NULL;
}

static void event_destroy(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

static void socket_destroy(struct mnl_socket *nl)
{
	if (nl != NULL)
		mnl_socket_close(nl);
}

void neighbours_destroy(struct neighbours *n)
{
	if (n == NULL)
		return;
	event_destroy(n->on_event);
	event_destroy(n->on_pause);
	event_destroy(n->on_tick);
	socket_destroy(n->events);
	socket_destroy(n->questions);
	view_fini(&n->view);
	free(n);
}
