/*
 * Receives what routers report about the size of our tunnel packets: see path_watch.h.
 *
 * Such an error is addressed to the tunnel's local end, which is an address of the kernel: neither
 * the steer program nor a worker sees it. The kernel checks the error, finds that the embedded
 * packet has the protocol of a tunnel, and puts it into the error queue of a raw socket for that
 * protocol (IP_RECVERR of ip(7), IPV6_RECVERR of ipv6(7)), with the embedded packet and the MTU. A
 * filter keeps the packets themselves out of the socket. The kernel bounds the queue, and each turn
 * of the event loop reads a bounded number of errors. So a flood of errors costs little here and
 * nothing on the packet path.
 *
 * The families are independent: on a kernel without IPv6, errors about IPv4 are still received.
 */
#include "control/kernel/path_watch.h"

#include "base/log.h"
#include "base/wire.h"
#include "control/alarm.h"
#include "tunnel/kinds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <netinet/in.h>

enum {
	ERRORS_PER_TURN = 64,
	AGE_PERIOD_S = 10,
	EMBEDDED_MAX = IPV4_LEAST_MTU,
};

/* What differs between the families of the outer header. */
struct family {
	const char *name;
	int domain, level, recverr, hdrincl;
	uint8_t origin;
};

static const struct family families[] = {
	{"IPv4", AF_INET, SOL_IP, IP_RECVERR, IP_HDRINCL, SO_EE_ORIGIN_ICMP},
	{"IPv6", AF_INET6, SOL_IPV6, IPV6_RECVERR, IPV6_HDRINCL, SO_EE_ORIGIN_ICMP6},
};

/*
 * One socket for each family and kind of tunnel, sorted by family, then by kind. IPsec tunnels have
 * one more, for ESP in UDP.
 */
enum { ESP_IN_UDP = TUNNEL_TYPES, EAR_KINDS, EARS = ARRAY_SIZE(families) * EAR_KINDS };

static const struct family *path_watch_family_of(size_t ear)
{
	return &families[ear / EAR_KINDS];
}

static enum tunnel_type type_of(size_t ear)
{
	return ear % EAR_KINDS == ESP_IN_UDP ? TUNNEL_IPSEC : ear % EAR_KINDS;
}

static int protocol_of(size_t ear)
{
	return ear % EAR_KINDS == ESP_IN_UDP ? PROTO_UDP : tunnel_kinds[type_of(ear)].protocol;
}

struct path_watch {
	struct event_base *base;
	struct alarms *alarms;
	const struct network *net;
	struct path_mtus *paths;
	path_changed_fn changed;
	void *arg;
	int fds[EARS]; /* -1: no such tunnel exists */
	struct event *on_error[EARS], *on_age;
};

static uint64_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec;
}

/* What the kernel reports about an embedded packet. NULL: nothing, or something else. */
static const struct sock_extended_err *find_too_big(struct msghdr *msg, const struct family *y)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		const struct sock_extended_err *e = (const void *)CMSG_DATA(c);

		if (c->cmsg_level == y->level && c->cmsg_type == y->recverr &&
		    c->cmsg_len >= CMSG_LEN(sizeof(*e)) && e->ee_origin == y->origin &&
		    e->ee_errno == EMSGSIZE)
			return e;
	}
	return NULL;
}

static bool learn(struct path_watch *w, const uint8_t *quote, size_t len, uint32_t mtu)
{
	uint16_t tunnel = path_mtu_learn(w->paths, quote, len, mtu, now_s());

	if (tunnel == TUNNEL_NONE)
		return false;
	log_debug("tunnel %s: a router on its path takes packets of %u bytes: its MTU is %u now",
		  network_tunnel_name(w->net, tunnel), mtu,
		  path_mtu_of(w->paths, w->net, tunnel).mtu);
	return true;
}

/* Reads one error of the queue. False: the queue is empty. */
static bool take_error(struct path_watch *w, size_t ear, bool *changed)
{
	_Alignas(struct cmsghdr) char control[512];
	uint8_t quote[EMBEDDED_MAX];
	struct iovec iov = {.iov_base = quote, .iov_len = sizeof(quote)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t len = recvmsg(w->fds[ear], &msg, MSG_ERRQUEUE | MSG_DONTWAIT);
	const struct sock_extended_err *e;

	if (len < 0)
		return false;
	e = find_too_big(&msg, path_watch_family_of(ear));
	if (e != NULL && learn(w, quote, (size_t)len, e->ee_info))
		*changed = true;
	return true;
}

static void on_error(evutil_socket_t fd, short what, void *arg)
{
	struct path_watch *w = arg;
	size_t ear = 0;
	bool changed = false;
	socklen_t size = sizeof(int);
	int error;

	while (w->fds[ear] != fd)
		ear++;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size); /* otherwise it would wake us again */
	for (int i = 0; i < ERRORS_PER_TURN && take_error(w, ear, &changed); i++)
		;
	if (changed)
		w->changed(w->arg);
}

static void on_age(evutil_socket_t fd, short what, void *arg)
{
	struct path_watch *w = arg;

	if (path_mtus_age(w->paths, now_s()))
		w->changed(w->arg);
}

static int open_socket(const struct family *y, int protocol)
{
	struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	const struct sock_fprog filter = {.len = 1, .filter = nothing};
	const int on = 1;
	int fd = socket(y->domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	if (fd >= 0 &&
	    (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) != 0 ||
	     /* the whole embedded packet */
	     setsockopt(fd, y->level, y->hdrincl, &on, sizeof(on)) != 0 ||
	     setsockopt(fd, y->level, y->recverr, &on, sizeof(on)) != 0)) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static bool has_tunnel(const struct network *net, int domain, enum tunnel_type type)
{
	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		const struct tunnel *t = &net->tunnels[net->tunnel_ids[i]];

		if (t->type == type && t->outer != OUTER_NONE &&
		    (t->outer == OUTER_IPV6) == (domain == AF_INET6))
			return true;
	}
	return false;
}

/* A family that this machine does not support is left out. False with errno: out of memory. */
static bool listen_to(struct path_watch *w, size_t ear)
{
	const struct family *y = path_watch_family_of(ear);

	w->fds[ear] = open_socket(y, protocol_of(ear));
	if (w->fds[ear] < 0) {
		alarm_raise(w->alarms, ALARM_PATH_MTU_DEAF, y->name,
			    "cannot receive ICMP errors about tunnel packets over %s: %s", y->name,
			    strerror(errno));
		return true;
	}
	w->on_error[ear] = event_new(w->base, w->fds[ear], EV_READ | EV_PERSIST, on_error, w);
	return w->on_error[ear] != NULL && event_add(w->on_error[ear], NULL) == 0;
}

static void stop_listening(struct path_watch *w, size_t ear)
{
	if (w->on_error[ear] != NULL)
		event_free(w->on_error[ear]);
	if (w->fds[ear] >= 0)
		close(w->fds[ear]);
	w->on_error[ear] = NULL;
	w->fds[ear] = -1;
}

/* Opens sockets for the kinds of tunnels that exist, and only for these. */
static bool listen_as_needed(struct path_watch *w)
{
	bool ok = true;

	for (size_t i = 0; i < EARS; i++) {
		bool wanted = protocol_of(i) != PROTO_NONE &&
			      has_tunnel(w->net, path_watch_family_of(i)->domain, type_of(i));

		if (!wanted)
			stop_listening(w, i);
		else if (w->fds[i] < 0)
			ok = listen_to(w, i) && ok;
	}
	return ok;
}

/* A family that no tunnel uses needs no socket. */
static void clear_alarms(struct path_watch *w)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		bool wanted = false;

		for (int type = 0; type < TUNNEL_TYPES; type++)
			wanted = wanted || has_tunnel(w->net, families[i].domain, type);
		if (!wanted)
			alarm_clear(w->alarms, ALARM_PATH_MTU_DEAF, families[i].name);
	}
}

void path_watch_follow(struct path_watch *w, const struct network *net)
{
	if (w == NULL)
		return;
	w->net = net;
	clear_alarms(w);
	if (!listen_as_needed(w))
		log_warning("not enough memory to receive ICMP errors about all tunnel packets");
}

static bool start_ageing(struct path_watch *w)
{
	const struct timeval period = {.tv_sec = AGE_PERIOD_S};

	w->on_age = event_new(w->base, -1, EV_PERSIST, on_age, w);
	return w->on_age != NULL && event_add(w->on_age, &period) == 0;
}

struct path_watch *path_watch_create(struct event_base *base, const struct network *net,
				     struct path_mtus *paths, struct alarms *alarms,
				     path_changed_fn changed, void *arg)
{
	struct path_watch *w = calloc(1, sizeof(*w));
	int error;

	if (w == NULL)
		return NULL;
	*w = (struct path_watch){base, alarms, net, paths, changed, arg};
	for (size_t i = 0; i < EARS; i++)
		w->fds[i] = -1;
	if (listen_as_needed(w) && start_ageing(w))
		return w;
	error = errno;
	path_watch_destroy(w);
	errno = error;
	return NULL;
}

void path_watch_destroy(struct path_watch *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < EARS; i++)
		stop_listening(w, i);
	if (w->on_age != NULL)
		event_free(w->on_age);
	free(w);
}
