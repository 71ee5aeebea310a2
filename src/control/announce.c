/*
 * Announcements and conflicts: see announce.h.
 *
 * The control thread sends the frames by a packet socket. The kernel puts them into the interface's
 * queue beside those of the workers, on af_xdp and af_packet ports alike. They are counted apart
 * from workers' packets. A frame that cannot be sent is not repeated: each address is announced
 * three times.
 */
#include "control/announce.h"

#include "base/log.h"
#include "base/mono.h"
#include "base/wire.h"
#include "control/alarm.h"
#include "control/announce_queue.h"
#include "control/claim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

enum {
	TICK_US = 20000,
	FRAMES_PER_TICK = 20, /* frames of a port in one tick: 1,000 a second */
	CLAIMS_PER_TURN = 64,
	CONFLICTS_MAX = 64,
	DEFEND_MS = 10000, /* RFC 5227 section 2.4: DEFEND_INTERVAL */
	PROBE_MS = 5000,
	GONE_MS = 3 * PROBE_MS + 1000,
};

static const uint16_t protocols[] = {ETH_P_ARP, ETH_P_IPV6};
enum { WATCHES = ARRAY_SIZE(protocols) };

struct announced_port {
	struct announcer *announcer;
	size_t number;
	int fds[WATCHES]; /* -1: none */
	struct event *on_claim[WATCHES];
	struct announce_queue queue;
};

/* Another station that claims one of our addresses. */
struct conflict {
	struct addr6 addr;
	size_t port;
	uint64_t seen_ms, defended_ms, probed_ms; /* when we last defended the address; 0: never */
};

struct announcer {
	struct event_base *base;
	struct port_set *ports;
	struct alarms *alarms;
	int fd; /* socket that sends */
	struct event *on_tick, *on_second;
	struct announced_port *list; /* [PORTS_MAX] */
	struct conflict conflicts[CONFLICTS_MAX];
	size_t n_conflicts;
};

/* --- frames ----------------------------------------------------------------------------------- */

typedef size_t (*make_frame_fn)(const struct addr6 *addr, const uint8_t *mac, uint8_t *out);

/* Sends a frame. 0 or -errno. */
static int send_frame(struct announcer *a, size_t number, make_frame_fn make,
		      const struct addr6 *addr)
{
	struct port *port = &a->ports->ports[number];
	const struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(addr6_is_mapped(addr) ? ETH_P_ARP : ETH_P_IPV6),
		.sll_ifindex = port->ifindex,
		.sll_halen = ETHER_ADDR_LEN,
	};
	uint8_t frame[CLAIM_FRAME_MAX];
	size_t len = make(addr, port->link.mac, frame);

	if (sendto(a->fd, frame, len, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		port->announcements.failed++;
		return -errno;
	}
	port->announcements.sent++;
	return 0;
}

/* Sends what is due, up to the limit of a tick. */
static void send_due(struct announcer *a, struct announced_port *p, uint64_t now_ms)
{
	const struct port *port = &a->ports->ports[p->number];
	struct addr6 addr;
	unsigned nth;

	for (unsigned sent = 0; sent < FRAMES_PER_TICK;) {
		if (!announce_queue_take(&p->queue, now_ms, &addr, &nth))
			return;
		if (!port_answers(port, &addr))
			continue; /* the address is no longer ours */
		if (nth == 0) {
			send_frame(a, p->number, claim_probe, &addr);
			sent++;
		}
		if (send_frame(a, p->number, claim_announce, &addr) == -ENETDOWN) {
			/* announced again when the link comes up */
			announce_queue_clear(&p->queue);
			return;
		}
		sent++;
	}
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct announcer *a = arg;
	uint64_t now = mono_ms();
	bool done = true;

	for (size_t i = 0; i < a->ports->n; i++) {
		send_due(a, &a->list[i], now);
		if (announce_queue_is_empty(&a->list[i].queue))
			announce_queue_clear(&a->list[i].queue); /* releases its memory */
		else
			done = false;
	}
	if (done)
		event_del(a->on_tick);
}

static void enqueue(const struct addr6 *addr, void *arg)
{
	static const struct timeval period = {.tv_usec = TICK_US};
	struct announced_port *p = arg;

	if (announce_queue_add(&p->queue, addr, mono_ms()) != 0)
		log_warning("not enough memory to announce an address");
	else if (!event_pending(p->announcer->on_tick, EV_TIMEOUT, NULL))
		event_add(p->announcer->on_tick, &period);
}

/* --- conflicts -------------------------------------------------------------------------------- */

static void print_addr(const struct addr6 *addr, char text[INET6_ADDRSTRLEN])
{
	be32_t four = addr6_to_ipv4(addr);

	if (addr6_is_mapped(addr))
		inet_ntop(AF_INET, &four, text, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, addr, text, INET6_ADDRSTRLEN);
}

/* NULL: too many conflicts stand already. */
static struct conflict *find_conflict(struct announcer *a, size_t port, const struct addr6 *addr)
{
	for (size_t i = 0; i < a->n_conflicts; i++) {
		struct conflict *c = &a->conflicts[i];

		if (c->port == port && addr6_equal(&c->addr, addr))
			return c;
	}
	if (a->n_conflicts == CONFLICTS_MAX)
		return NULL;
	a->conflicts[a->n_conflicts] = (struct conflict){.addr = *addr, .port = port};
	return &a->conflicts[a->n_conflicts++];
}

static void conflict_seen(struct announcer *a, size_t port, const struct addr6 *addr,
			  const uint8_t *mac)
{
	struct conflict *c = find_conflict(a, port, addr);
	char text[INET6_ADDRSTRLEN];
	uint64_t now = mono_ms();

	a->ports->ports[port].announcements.conflicts++;
	if (c == NULL)
		return;
	print_addr(addr, text);
	alarm_raise(a->alarms, ALARM_ADDRESS_CONFLICT, text,
		    "the station %02x:%02x:%02x:%02x:%02x:%02x on port %s claims %s", mac[0],
		    mac[1], mac[2], mac[3], mac[4], mac[5], a->ports->ports[port].config->name,
		    text);
	c->seen_ms = now;
	if (c->probed_ms == 0)
		c->probed_ms = now;
	if (c->defended_ms == 0 || now - c->defended_ms >= DEFEND_MS) {
		c->defended_ms = now;
		send_frame(a, port, claim_announce, addr);
	}
}

static void conflict_end(struct announcer *a, size_t i)
{
	struct addr6 addr = a->conflicts[i].addr;
	char text[INET6_ADDRSTRLEN];

	a->conflicts[i] = a->conflicts[--a->n_conflicts];
	for (size_t j = 0; j < a->n_conflicts; j++)
		if (addr6_equal(&a->conflicts[j].addr, &addr))
			return; /* the conflict remains on another port */
	print_addr(&addr, text);
	alarm_clear(a->alarms, ALARM_ADDRESS_CONFLICT, text);
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct announcer *a = arg;
	uint64_t now = mono_ms();

	for (size_t i = a->n_conflicts; i-- > 0;) {
		struct conflict *c = &a->conflicts[i];

		if (now - c->seen_ms >= GONE_MS ||
		    !port_is_ours(&a->ports->ports[c->port], &c->addr)) {
			conflict_end(a, i);
		} else if (now - c->probed_ms >= PROBE_MS) {
			c->probed_ms = now;
			send_frame(a, c->port, claim_probe, &c->addr);
		}
	}
}

/* Two of our ports may be on one link. */
static bool is_ours(const struct announcer *a, const uint8_t *mac)
{
	for (size_t i = 0; i < a->ports->n; i++)
		if (memcmp(a->ports->ports[i].link.mac, mac, ETHER_ADDR_LEN) == 0)
			return true;
	return false;
}

/*
 * The program passes only frames that claim our addresses, but its list may be slightly out of
 * date.
 */
static void on_claim(evutil_socket_t fd, short what, void *arg)
{
	struct announced_port *p = arg;
	uint8_t frame[2048], mac[ETHER_ADDR_LEN];
	struct addr6 addr;

	for (int i = 0; i < CLAIMS_PER_TURN; i++) {
		ssize_t len = recv(fd, frame, sizeof(frame), MSG_DONTWAIT);

		if (len < 0)
			return;
		if (claim_read(frame, (size_t)len, &addr, mac) && !is_ours(p->announcer, mac) &&
		    port_is_ours(&p->announcer->ports->ports[p->number], &addr))
			conflict_seen(p->announcer, p->number, &addr, mac);
	}
}

/* --- ports ------------------------------------------------------------------------------------ */

static void unwatch(struct announced_port *p)
{
	for (size_t i = 0; i < WATCHES; i++) {
		if (p->on_claim[i] != NULL)
			event_free(p->on_claim[i]);
		if (p->fds[i] >= 0)
			close(p->fds[i]);
		p->on_claim[i] = NULL;
		p->fds[i] = -1;
	}
}

static int watch(struct announced_port *p, size_t i)
{
	struct announcer *a = p->announcer;

	p->fds[i] = port_hear_claims(&a->ports->ports[p->number], protocols[i]);
	if (p->fds[i] < 0)
		return p->fds[i];
	p->on_claim[i] = event_new(a->base, p->fds[i], EV_READ | EV_PERSIST, on_claim, p);
	return p->on_claim[i] != NULL && event_add(p->on_claim[i], NULL) == 0 ? 0 : -ENOMEM;
}

static void announce_all(struct announced_port *p)
{
	announce_queue_clear(&p->queue);
	port_each_answered(&p->announcer->ports->ports[p->number], enqueue, p);
}

void announce_port(struct announcer *a, size_t port)
{
	struct announced_port *p = &a->list[port];
	int ret = 0;

	announce_port_closing(a, port);
	if (!port_can_hear(&a->ports->ports[port]))
		return;
	for (size_t i = 0; i < WATCHES && ret == 0; i++)
		ret = watch(p, i);
	if (ret != 0) {
		unwatch(p);
		log_warning("port %s: cannot receive other stations' claims of its addresses: %s",
			    a->ports->ports[port].config->name, strerror(-ret));
	}
	announce_all(p);
}

void announce_port_closing(struct announcer *a, size_t port)
{
	unwatch(&a->list[port]);
	announce_queue_clear(&a->list[port].queue);
	for (size_t i = a->n_conflicts; i-- > 0;)
		if (a->conflicts[i].port == port)
			conflict_end(a, i);
}

static void opened(void *arg, size_t port)
{
	announce_port(arg, port);
}

static void closing(void *arg, size_t port)
{
	announce_port_closing(arg, port);
}

static void link_changed(void *arg, size_t port)
{
	struct announcer *a = arg;

	announce_all(&a->list[port]);
}

static void address_gained(void *arg, size_t port, const struct addr6 *addr)
{
	struct announcer *a = arg;

	enqueue(addr, &a->list[port]);
}

static int announce_start(struct announcer *a)
{
	static const struct timeval second = {.tv_sec = 1};

	a->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* receives nothing */
	a->list = calloc(PORTS_MAX, sizeof(a->list[0]));
	a->on_tick = event_new(a->base, -1, EV_PERSIST, on_tick, a);
	a->on_second = event_new(a->base, -1, EV_PERSIST, on_second, a);
	if (a->fd < 0)
		return -errno;
	if (a->list == NULL || a->on_tick == NULL || a->on_second == NULL ||
	    event_add(a->on_second, &second) != 0)
		return -ENOMEM;
	for (size_t i = 0; i < PORTS_MAX; i++)
		a->list[i] = (struct announced_port){
			.announcer = a,
			.number = i,
			.fds = {-1, -1},
		};
	return 0;
}

struct announcer *announcer_create(struct event_base *base, struct port_set *ports,
				   struct alarms *alarms)
{
	struct announcer *a = calloc(1, sizeof(*a));
	int ret;

	if (a == NULL)
		return NULL;
	*a = (struct announcer){.base = base, .ports = ports, .alarms = alarms, .fd = -1};
	ret = announce_start(a);
	if (ret != 0) {
		announcer_destroy(a);
		errno = -ret;
		return NULL;
	}
	ports->listener = (struct port_listener){opened, closing, link_changed, address_gained, a};
	for (size_t i = 0; i < ports->n; i++)
		announce_port(a, i);
	return a;
}

void announcer_destroy(struct announcer *a)
{
	if (a == NULL)
		return;
	a->ports->listener = (struct port_listener){.arg = NULL};
	for (size_t i = 0; i < PORTS_MAX && a->list != NULL; i++)
		if (a->list[i].announcer != NULL)
			announce_port_closing(a, i);
	if (a->on_tick != NULL)
		event_free(a->on_tick);
	if (a->on_second != NULL)
		event_free(a->on_second);
	if (a->fd >= 0)
		close(a->fd);
	free(a->list);
	free(a);
}
