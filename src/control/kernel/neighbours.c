/*
 * Follows the kernel's routes, links and neighbours; makes and publishes tables of nexthops.
 *
 * Routes and neighbours are read once and then changed by events (view.c), so a change costs the
 * same with ten routes and with 200,000. A table is made from the changes, at most every 50 ms.
 * Everything is read again where events are not enough: after events were lost (ENOBUFS); after a
 * change of a link or of a local address, because the kernel then drops IPv4 routes without an
 * event; after an event that was not understood; and every ten minutes as a precaution. Reading
 * takes time, so it is done less often the longer it takes: a twentieth of this thread's time at
 * most.
 *
 * A census of the workers' flows (worker/census.h) finds which nexthop ids may be given again. It
 * runs once a second while ids wait for it, and once a minute to see which on-link hosts are in
 * use.
 *
 * Control thread, in its event loop.
 */
#include "control/kernel/neighbours.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mono.h"
#include "control/alarm.h"
#include "control/kernel/read.h"
#include "control/kernel/search.h"
#include "control/routing/routing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

enum {
	PAUSE_MS = 50, /* between two tables */
	TICK_MS = 1000,
	PATIENCE_MS = 300, /* at the start */
	PATIENCE_STEP_MS = 5,
	CENSUS_MS = 60000, /* between two tables that only add hosts */
	READ_AGAIN_MS = 600000,
	READ_SHARE = 20, /* reading may take this part of the time */
	EVENTS_BUFFER = 64 * 1024,
	EVENTS_PER_TURN = 2048,
	SOCKET_BUFFER = 64 << 20, /* uses kernel memory only while events wait */
};

struct neighbours {
	struct port_set *ports;
	const struct network *net;
	const struct network *before; /* until a new one is committed; else NULL */
	struct neighbours_users users;
	struct view view;
	struct search search;
	struct mnl_socket *events, *questions;
	struct event *on_event, *on_pause, *on_tick;
	unsigned dirty; /* what to read again: READ_* */
	bool links_changed; /* of any interface */
	uint64_t last_ms; /* when the last table was made */
	/* when the last reading ended; when the next one may start */
	uint64_t read_ms, may_read_ms;
	uint64_t census_ms; /* when the last census began */
	bool in_census, published;
	_Alignas(struct nlmsghdr) char buffer[EVENTS_BUFFER];
};

static struct timeval in_ms(uint64_t ms)
{
	return (struct timeval){(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
}

/* --- tables ----------------------------------------------------------------------------------- */

static void plan_at(struct neighbours *n, uint64_t due)
{
	uint64_t now = mono_ms();
	struct timeval wait;

	if (due < n->last_ms + PAUSE_MS)
		due = n->last_ms + PAUSE_MS;
	wait = in_ms(due > now ? due - now : 1);
	if (!event_pending(n->on_pause, EV_TIMEOUT, NULL))
		event_add(n->on_pause, &wait);
}

static void plan_table(struct neighbours *n)
{
	if (event_pending(n->on_pause, EV_TIMEOUT, NULL))
		event_del(n->on_pause); /* it may be set to a later time */
	plan_at(n, 0);
}

static void neighbours_tell(const struct neighbours *n)
{
	const struct view *v = &n->view;

	if (v->n_left_out > 0)
		alarm_raise(v->alarms, ALARM_ROUTES_LEFT_OUT, "routes",
			    "%zu routes of the kernel have no room; their packets follow shorter "
			    "prefixes",
			    v->n_left_out);
	else
		alarm_clear(v->alarms, ALARM_ROUTES_LEFT_OUT, "routes");
	if (v->is_short || v->hosts_full)
		alarm_raise(v->alarms, ALARM_NEXTHOPS_EXHAUSTED, "nexthops",
			    v->is_short ? "no more than %d nexthops: some are not reached"
					: "no more than %d on-link hosts: others are not reached",
			    v->is_short ? NEXTHOP_LAST : VIEW_HOSTS_MAX);
	else
		alarm_clear(v->alarms, ALARM_NEXTHOPS_EXHAUSTED, "nexthops");
}

/* NULL: memory ran out, now or when @spec was made. */
static struct nexthops *create_table(const struct nexthops_spec *spec)
{
	return spec->at == NULL ? NULL : nexthops_create(spec);
}

/* Adds the routes of virtual networks. True: they differ from the last ones. */
static bool add_routing(struct neighbours *n, struct nexthops_spec *spec)
{
	return n->users.routing != NULL && spec->at != NULL &&
	       routing_compile(n->users.routing, &spec->routes);
}

static int make_table(struct neighbours *n)
{
	uint64_t now = mono_ms(), again_ms;
	struct nexthops_spec spec;
	struct nexthops *nexthops;
	bool changed;

	search_take_found(&n->search, now);
	changed = view_compile(&n->view, n->net, now, &spec, &again_ms);
	changed = add_routing(n, &spec) || changed;
	n->last_ms = now;
	if (again_ms != 0)
		plan_at(n, again_ms);
	neighbours_tell(n);
	if (!changed && n->published)
		return 0;
	nexthops = create_table(&spec);
	n->published = nexthops != NULL; /* if it did not succeed, it is tried at the next tick */
	if (nexthops == NULL)
		return -ENOMEM;
	n->users.publish(nexthops, n->users.arg);
	view_published(&n->view);
	if (n->users.routing != NULL)
		routing_published(n->users.routing);
	return 0;
}

void neighbours_set_substitute(struct neighbours *n, uint16_t tunnel, bool down,
			       uint16_t substitute)
{
	view_set_substitute(&n->view, tunnel, down, substitute);
}

/* If memory ran out, it is tried again at the next tick. */
void neighbours_fail_over(struct neighbours *n)
{
	if (make_table(n) != 0)
		log_warning(
			"not enough memory to use other tunnels instead of those that are down");
}

/* --- another network -------------------------------------------------------------------------- */

static void take_network(struct neighbours *n, const struct network *net)
{
	bool had_six = n->view.with_six;

	n->net = net;
	view_take_network(&n->view, net);
	if (n->view.with_six != had_six)
		n->dirty |= READ_ROUTES;
}

struct nexthops *neighbours_prepare(struct neighbours *n, const struct network *net)
{
	struct nexthops_spec spec;
	struct nexthops *nexthops;
	uint64_t again_ms;

	if (n->users.routing != NULL && routing_prepare(n->users.routing, net) != 0)
		return NULL;
	n->before = n->net;
	take_network(n, net);
	view_compile(&n->view, net, mono_ms(), &spec, &again_ms);
	add_routing(n, &spec);
	if (again_ms != 0)
		plan_at(n, again_ms);
	nexthops = create_table(&spec);
	if (nexthops == NULL)
		neighbours_abort(n);
	return nexthops;
}

void neighbours_commit(struct neighbours *n)
{
	n->before = NULL;
	n->published = true;
	n->last_ms = mono_ms();
	view_published(&n->view);
	if (n->users.routing != NULL)
		routing_commit(n->users.routing);
	search_targets(&n->search); /* resolves new far ends */
	neighbours_tell(n);
	if (n->dirty != 0)
		plan_at(n, n->may_read_ms);
}

void neighbours_abort(struct neighbours *n)
{
	if (n->before == NULL)
		return;
	take_network(n, n->before);
	if (n->users.routing != NULL)
		routing_abort(n->users.routing);
	n->before = NULL;
	n->published = false; /* the table in the view is not the workers' */
	plan_table(n);
}

void neighbours_set_peer(struct neighbours *n, uint16_t tunnel, const uint8_t *mac, bool failed)
{
	struct view_tunnel *t = &n->view.tunnels[tunnel];

	t->has_peer_mac = mac != NULL;
	t->peer_failed = failed;
	if (mac != NULL)
		memcpy(t->peer_mac, mac, sizeof(t->peer_mac));
	plan_table(n);
}

void neighbours_set_far_end(struct neighbours *n, uint16_t tunnel, const struct addr6 *remote)
{
	view_set_far_end(&n->view, tunnel, remote);
	plan_table(n);
}

void neighbours_follow_ports(struct neighbours *n, const struct network *before)
{
	if (ports_follow_network(n->ports, before, n->net) != 0)
		n->links_changed = true; /* the next tick tries again */
}

/* --- reading ---------------------------------------------------------------------------------- */

static int read_dirty(struct neighbours *n)
{
	unsigned dirty = n->dirty;
	uint64_t before = mono_ms();
	int ret;

	n->dirty = 0;
	ret = read_kernel(&n->view, n->ports, n->questions, dirty);
	if (ret != 0)
		n->dirty |= dirty;
	if (n->view.doubt)
		n->dirty |= READ_ROUTES;
	n->read_ms = mono_ms();
	n->may_read_ms = n->read_ms + (n->read_ms - before) * READ_SHARE;
	return ret;
}

static void on_pause(evutil_socket_t fd, short what, void *arg)
{
	struct neighbours *n = arg;
	uint64_t now = mono_ms();
	int ret = 0;

	if (n->links_changed)
		n->links_changed =
			ports_follow(n->ports, n->net) != 0; /* the next tick tries again */
	if (n->dirty != 0 && now >= n->may_read_ms)
		ret = read_dirty(n);
	if (ret != 0 && ret != -EAGAIN)
		log_warning("cannot read routes and neighbours from the kernel: %s",
			    strerror(-ret));
	if (make_table(n) != 0)
		log_warning("not enough memory for a new table of routes: the old one stays");
	if (n->dirty != 0 && (ret == 0 || ret == -EAGAIN))
		plan_at(n, n->may_read_ms); /* other errors: tried at the next tick */
}

/* --- events ----------------------------------------------------------------------------------- */

static void on_route(struct neighbours *n, const struct nlmsghdr *nlh)
{
	static struct kernel_route route; /* too large for the stack */

	if (netlink_parse_route(nlh, &route) && route.table == RT_TABLE_MAIN)
		view_take_route(&n->view, &route);
}

static void on_nexthop(struct neighbours *n, const struct nlmsghdr *nlh)
{
	static struct kernel_nexthop nexthop;

	if (netlink_parse_nexthop(nlh, &nexthop))
		view_take_nexthop(&n->view, &nexthop);
}

static void on_neighbour(struct neighbours *n, const struct nlmsghdr *nlh)
{
	struct kernel_neighbour neighbour;

	if (netlink_parse_neighbour(nlh, &neighbour))
		view_take_neighbour(&n->view, &neighbour);
}

static void neighbours_on_link(struct neighbours *n, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	n->links_changed = true;
	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(*ifi) &&
	    view_port_of(&n->view, ifi->ifi_index) >= 0)
		n->dirty |= READ_ALL;
}

static int on_message(const struct nlmsghdr *nlh, void *arg)
{
	struct neighbours *n = arg;

	switch (nlh->nlmsg_type) {
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		on_neighbour(n, nlh);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		on_route(n, nlh);
		break;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		on_nexthop(n, nlh);
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		neighbours_on_link(n, nlh);
		break;
	case RTM_DELADDR: /* the kernel removes routes with this source address */
		n->dirty |= READ_ROUTES;
		n->links_changed = true;
		break;
	default:
		n->links_changed = true;
		break;
	}
	return MNL_CB_OK;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct neighbours *n = arg;
	bool some = false;

	read_ports(&n->view, n->ports);
	for (int i = 0; i < EVENTS_PER_TURN; i++) {
		ssize_t len = recv(fd, n->buffer, sizeof(n->buffer), MSG_DONTWAIT);

		if (len < 0 && errno == ENOBUFS)
			n->dirty |= READ_ALL; /* events were lost */
		else if (len <= 0)
			break;
		else
			mnl_cb_run(n->buffer, (size_t)len, 0, 0, on_message, n);
		some = true;
	}
	if (n->view.doubt)
		n->dirty |= READ_ROUTES;
	if (some)
		plan_table(n);
}

/* --- once a second ---------------------------------------------------------------------------- */

static bool census_is_due(const struct neighbours *n, uint64_t now)
{
	return view_wants_census(&n->view, now) ||
	       (n->view.n_hosts > 0 && now - n->census_ms >= CENSUS_MS);
}

/* Without flows the census is empty. */
static void take_census(struct neighbours *n)
{
	static uint64_t used[IDS_WORDS];
	uint64_t now = mono_ms();

	if (!n->in_census && census_is_due(n, now) && n->published) {
		view_census_begin(&n->view, now);
		n->in_census = n->users.census_start == NULL || n->users.census_start(n->users.arg);
		n->census_ms = now;
		return;
	}
	memset(used, 0, sizeof(used));
	if (!n->in_census ||
	    (n->users.census_done != NULL && !n->users.census_done(n->users.arg, used)))
		return;
	n->in_census = false;
	view_census_end(&n->view, used);
	plan_table(n);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct neighbours *n = arg;

	read_ports(&n->view, n->ports);
	search_targets(&n->search);
	search_take_found(&n->search, mono_ms());
	take_census(n);
	if (mono_ms() - n->read_ms >= READ_AGAIN_MS)
		n->dirty |= READ_ALL;
	if (n->dirty != 0 || n->links_changed || !n->published)
		plan_at(n, n->may_read_ms);
}

void neighbours_want(struct neighbours *n, const struct neighbour_wanted *w)
{
	if (w->port >= n->view.n_ports || !n->view.ports[w->port].has_kernel)
		return;
	if (search_want(&n->search, w->port, w->site, &w->addr, mono_ms()))
		plan_table(n);
}

static void describe_port(struct view_port *vp, const struct port *port)
{
	/* A free slot is like a port whose interface is gone. */
	vp->has_kernel = !port_is_there(port) || port->has_kernel; /* its routes stay known */
	vp->mtu = port->worker.mtu;
	vp->mtu6 = 0;
	memcpy(vp->mac, port->worker.mac, sizeof(vp->mac));
	if (!port_is_there(port)) {
		memset(vp->next_hop, 0xff, sizeof(vp->next_hop));
	} else if (port->config->has_next_hop_mac) {
		memcpy(vp->next_hop, port->config->next_hop_mac, sizeof(vp->next_hop));
	} else if (port->config->driver == PORT_TAP) {
		memcpy(vp->next_hop, port->worker.mac, sizeof(vp->next_hop));
		vp->next_hop[5] ^= 1; /* control/port derived our address from the interface's */
	} else {
		memset(vp->next_hop, 0xff, sizeof(vp->next_hop));
	}
}

void neighbours_ports_changed(struct neighbours *n)
{
	for (size_t i = 0; i < PORTS_MAX; i++)
		describe_port(&n->view.ports[i], &n->ports->ports[i]);
	read_ports(&n->view, n->ports);
	n->dirty |= READ_ALL;
	n->links_changed = true;
	plan_table(n);
}

void neighbours_paths_changed(struct neighbours *n)
{
	plan_table(n);
}

void neighbours_routing_changed(struct neighbours *n)
{
	plan_table(n);
}

/*
 * A neighbour answers within a millisecond or not at all. By waiting a little at the start, the
 * first packets find resolved nexthops.
 */
static int await_targets(struct neighbours *n)
{
	const struct timespec step = {.tv_nsec = PATIENCE_STEP_MS * 1000000};
	int ret = 0;

	for (int i = 0; i < PATIENCE_MS / PATIENCE_STEP_MS && ret == 0; i++) {
		if (search_is_complete(&n->search))
			return make_table(n);
		nanosleep(&step, NULL);
		ret = read_kernel(&n->view, n->ports, n->questions, READ_NEIGHBOURS);
	}
	return ret != 0 && ret != -EAGAIN ? ret : make_table(n);
}

/* --- create and destroy ----------------------------------------------------------------------- */

static int open_sockets(struct neighbours *n, struct event_base *base)
{
	struct timeval tick = in_ms(TICK_MS);
	int size = SOCKET_BUFFER, fd;

	n->events =
		netlink_open(RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_IFADDR |
			     RTMGRP_IPV6_ROUTE | RTMGRP_IPV6_IFADDR | 1 << (RTNLGRP_NEXTHOP - 1));
	n->questions = netlink_open(0);
	if (n->events == NULL || n->questions == NULL)
		return -errno;
	/* on failure: events of all tables come, and others than the main one are skipped */
	netlink_choose_tables(n->events, NETLINK_TABLE_MAIN);
	fd = mnl_socket_get_fd(n->events);
	/* on failure: the default size */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));

	n->on_event = event_new(base, fd, EV_READ | EV_PERSIST, on_event, n);
	n->on_pause = event_new(base, -1, 0, on_pause, n);
	n->on_tick = event_new(base, -1, EV_PERSIST, on_tick, n);
	if (n->on_event == NULL || n->on_pause == NULL || n->on_tick == NULL ||
	    event_add(n->on_event, NULL) != 0 || event_add(n->on_tick, &tick) != 0)
		return -ENOMEM;
	return 0;
}

static int neighbours_start(struct neighbours *n, struct event_base *base)
{
	int ret = open_sockets(n, base); /* listen before reading, so that no change is missed */

	if (ret != 0)
		return ret;
	search_init(&n->search, &n->view, n->questions);
	n->dirty = READ_ALL;
	do
		ret = read_dirty(n);
	while (ret == -EAGAIN); /* the table changed meanwhile */
	if (ret == 0)
		ret = make_table(n);
	if (ret == 0) {
		search_targets(&n->search);
		ret = await_targets(n);
	}
	return ret;
}

struct neighbours *neighbours_create(struct event_base *base, struct port_set *ports,
				     const struct network *net, struct ids *ids,
				     struct path_mtus *paths, const struct neighbours_users *users,
				     struct err_list *errs)
{
	struct neighbours *n = calloc(1, sizeof(*n));
	int ret = -ENOMEM;

	if (n != NULL) {
		n->ports = ports;
		n->net = net;
		n->users = *users;
		ret = view_init(&n->view, PORTS_MAX, ids);
	}
	if (ret == 0) {
		view_take_network(&n->view, net);
		n->view.paths = paths;
		n->view.alarms = ports->alarms;
		for (size_t i = 0; i < PORTS_MAX; i++)
			describe_port(&n->view.ports[i], &ports->ports[i]);
		ret = neighbours_start(n, base);
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
