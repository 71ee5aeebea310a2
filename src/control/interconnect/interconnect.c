/*
 * Interconnects of the network and their peers: see interconnect.h.
 *
 * One timer serves all of them, while there are any. Requests are sent by a packet socket, as
 * announcements are (control/announce.c): the kernel puts them into the interface's queue beside
 * the workers' frames. The answers come to the workers like all frames of an interconnect.
 */
#include "control/interconnect/interconnect.h"

#include "base/log.h"
#include "base/mono.h"
#include "base/wire.h"
#include "control/interconnect/frame.h"
#include "control/kernel/neighbours.h"
#include "control/port/port.h"
#include "path/context.h"

#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

enum { TICK_MS = 200, ASKS_PER_TICK = 200 };

/* An interconnect: what its peer's state depends on, and the state. */
struct entry {
	struct addr6 address, peer_address;
	uint16_t tunnel, vlan;
	uint8_t port;
	uint8_t our_mac[6]; /* of the port when the peer was last asked */
	uint32_t ups; /* how often its link had come up then */
	struct peer peer;
};

struct interconnects {
	const struct port_set *ports;
	struct neighbours *neighbours;
	struct event *tick;
	int fd; /* socket that sends; -1: there are no interconnects */
	struct entry *list; /* [n], sorted by tunnel */
	size_t n;
};

static int by_tunnel(const void *a, const void *b)
{
	return ((const struct entry *)a)->tunnel - ((const struct entry *)b)->tunnel;
}

static struct entry *find(const struct interconnects *x, uint16_t tunnel)
{
	const struct entry wanted = {.tunnel = tunnel};

	return x->n == 0 ? NULL : bsearch(&wanted, x->list, x->n, sizeof(wanted), by_tunnel);
}

static void tell(struct interconnects *x, const struct entry *e)
{
	neighbours_set_peer(x->neighbours, e->tunnel, e->peer.has_mac ? e->peer.mac : NULL,
			    e->peer.state == PEER_FAILED);
}

/* Not sent: the peer is asked again later. */
static void ask(const struct interconnects *x, const struct entry *e, bool all)
{
	const struct port *port = &x->ports->ports[e->port];
	const struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = port->ifindex,
		.sll_halen = ETHER_ADDR_LEN,
	};
	struct frame_request request = {
		.address = e->address,
		.peer = e->peer_address,
		.vlan = e->vlan,
		.to = all ? NULL : e->peer.mac,
	};
	uint8_t frame[FRAME_MAX];
	size_t len;

	memcpy(request.mac, port->link.mac, sizeof(request.mac));
	len = frame_make_request(&request, frame);
	if (sendto(x->fd, frame, len, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return;
}

/* The interface is there again, its link came up, or it has another Ethernet address. */
static bool link_is_news(const struct interconnects *x, struct entry *e)
{
	const struct port_link *link = &x->ports->ports[e->port].link;

	if (e->ups == link->ups && memcmp(e->our_mac, link->mac, sizeof(e->our_mac)) == 0)
		return false;
	e->ups = link->ups;
	memcpy(e->our_mac, link->mac, sizeof(e->our_mac));
	return true;
}

static void visit(struct interconnects *x, struct entry *e, uint64_t now, unsigned *asks)
{
	enum peer_action action;
	bool changed;

	if (link_is_news(x, e))
		peer_hurry(&e->peer, now);
	if (*asks == 0)
		return; /* the others wait for the next tick */
	action = peer_tick(&e->peer, now, &changed);
	if (changed)
		tell(x, e);
	if (action == PEER_WAIT)
		return;
	--*asks;
	ask(x, e, action == PEER_ASK_ALL);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct interconnects *x = arg;
	unsigned asks = ASKS_PER_TICK;
	uint64_t now = mono_ms();

	for (size_t i = 0; i < x->n; i++)
		if (x->list[i].peer.state != PEER_FIXED)
			visit(x, &x->list[i], now, &asks);
}

/* --- which interconnects ---------------------------------------------------------------------- */

static bool is_same(const struct entry *a, const struct entry *b)
{
	return a->port == b->port && a->vlan == b->vlan && addr6_equal(&a->address, &b->address) &&
	       addr6_equal(&a->peer_address, &b->peer_address);
}

/* The peer of IPv4, or else that of IPv6. */
static struct entry entry_of(const struct interconnects *x, const struct network *net, uint16_t id)
{
	const struct spec_tunnel *spec = net->tunnel_specs[id];
	bool four = !addr6_is_zero(&spec->peer);
	struct entry e = {
		.address = four ? spec->address : spec->address6,
		.peer_address = four ? spec->peer : spec->peer6,
		.tunnel = id,
		.vlan = spec->vlan,
		.port = net->tunnels[id].port,
		.peer = peer_begin(mono_ms()),
	};
	const struct config_port *port = x->ports->ports[e.port].config;

	if (port == NULL || !config_driver_has_kernel(port->driver))
		e.peer.state = PEER_FIXED;
	return e;
}

/* Makes the list of @net. What goes on keeps its peer. False: out of memory, nothing changed. */
static bool take_list(struct interconnects *x, const struct network *net)
{
	struct entry *list = calloc(net->n_interconnects + 1, sizeof(list[0]));
	size_t n = 0;

	if (list == NULL)
		return false;
	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		struct entry e, *before = find(x, net->tunnel_ids[i]);

		if (!network_is_interconnect(net, net->tunnel_ids[i]))
			continue;
		e = entry_of(x, net, net->tunnel_ids[i]);
		if (before != NULL && is_same(before, &e))
			e = *before;
		else
			tell(x, &e);
		list[n++] = e;
	}
	qsort(list, n, sizeof(list[0]), by_tunnel);
	free(x->list);
	x->list = list;
	x->n = n;
	return true;
}

/* 0 or -1. */
static int run(struct interconnects *x)
{
	static const struct timeval period = {.tv_usec = TICK_MS * 1000};

	if (x->n == 0) {
		event_del(x->tick);
		if (x->fd >= 0)
			close(x->fd);
		x->fd = -1;
		return 0;
	}
	if (x->fd < 0) /* without rights, with ports that need none, it stays -1 */
		x->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return event_pending(x->tick, EV_TIMEOUT, NULL) ? 0 : event_add(x->tick, &period);
}

void interconnects_follow(struct interconnects *x, const struct network *net)
{
	if (!take_list(x, net) || run(x) != 0)
		log_warning("not enough memory to find the peers of interconnects");
}

void interconnects_heard(struct interconnects *x, const struct peer_heard *heard)
{
	struct entry *e = find(x, heard->tunnel);

	if (e != NULL && e->peer.state != PEER_FIXED && peer_heard(&e->peer, heard->mac, mono_ms()))
		tell(x, e);
}

/* --- create and destroy ----------------------------------------------------------------------- */

struct interconnects *interconnects_create(struct event_base *base, const struct port_set *ports,
					   const struct network *net, struct neighbours *neighbours)
{
	struct interconnects *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	*x = (struct interconnects){.ports = ports, .neighbours = neighbours, .fd = -1};
	x->tick = event_new(base, -1, EV_PERSIST, on_tick, x);
	if (x->tick != NULL && take_list(x, net) && run(x) == 0)
		return x;
	interconnects_destroy(x);
	return NULL;
}

void interconnects_destroy(struct interconnects *x)
{
	if (x == NULL)
		return;
	if (x->tick != NULL)
		event_free(x->tick);
	if (x->fd >= 0)
		close(x->fd);
	free(x->list);
	free(x);
}

void interconnects_peer(const struct interconnects *x, uint16_t tunnel, struct peer_info *out)
{
	const struct entry *e = x == NULL ? NULL : find(x, tunnel);

	*out = (struct peer_info){.state = PEER_ASKED};
	if (e == NULL)
		return;
	out->state = e->peer.state;
	out->has_mac = e->peer.has_mac;
	memcpy(out->mac, e->peer.mac, sizeof(out->mac));
}

const char *peer_mac_text(const uint8_t mac[6], char text[PEER_MAC_TEXT])
{
	snprintf(text, PEER_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	return text;
}
