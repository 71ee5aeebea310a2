/*
 * Answers beside tunnels: see outside.h.
 *
 * Raw sockets of the kernel, with a filter for echo replies. They also receive
 * the answers to pings of other programs; the random number in ours tells them
 * apart (path/probes.h).
 */
#include "control/health/outside.h"

#include "base/log.h"
#include "base/mono.h"
#include "base/wire.h"
#include "control/health/health.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

enum { PER_TURN = 256, PACKET_SIZE = 60 + PROBE_LEN, FAMILIES = 2 };

struct outside {
	struct event_base *base;
	struct health *health;
	int fds[FAMILIES]; /* -1: not open */
	struct event *events[FAMILIES];
};

/* The kernel gives an IPv4 packet with its header, and an ICMPv6 message without one. */
static bool read_packet(const uint8_t *packet, size_t len, bool six, struct health_mark *mark)
{
	size_t header = 0;

	if (!six) {
		if (len < IPV4_LEN)
			return false;
		header = (packet[IPV4_VERSION_IHL] & 0xfu) * 4;
		if (header > len)
			return false;
	}
	return health_probe_read(packet + header, len - header, mark);
}

static void on_packets(evutil_socket_t fd, short what, void *arg)
{
	struct outside *o = arg;

	for (unsigned i = 0; i < PER_TURN; i++) {
		uint8_t packet[PACKET_SIZE];
		ssize_t len = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
		struct health_mark mark;

		if (len < 0)
			return;
		if (read_packet(packet, (size_t)len, fd == o->fds[1], &mark))
			health_heard_outside(o->health, &mark, mono_ns());
	}
}

static int open_socket(bool six)
{
	const struct icmp_filter only = {~(1u << ICMP_ECHO_REPLY)};
	struct icmp6_filter only6;
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
			six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);

	if (fd < 0)
		return -errno;
	ICMP6_FILTER_SETBLOCKALL(&only6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &only6);
	if (six) /* without the filter the program itself discards the others */
		setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &only6, sizeof(only6));
	else
		setsockopt(fd, IPPROTO_RAW, ICMP_FILTER, &only, sizeof(only));
	return fd;
}

static void start(struct outside *o, unsigned i)
{
	o->fds[i] = open_socket(i == 1);
	if (o->fds[i] < 0) {
		log_warning("cannot receive answers to probes in one direction: %s",
			    strerror(-o->fds[i]));
		return;
	}
	o->events[i] = event_new(o->base, o->fds[i], EV_READ | EV_PERSIST, on_packets, o);
	if (o->events[i] == NULL || event_add(o->events[i], NULL) != 0)
		log_warning("not enough memory to receive answers to probes");
}

static void stop(struct outside *o, unsigned i)
{
	if (o->events[i] != NULL)
		event_free(o->events[i]);
	if (o->fds[i] >= 0)
		close(o->fds[i]);
	o->events[i] = NULL;
	o->fds[i] = -1;
}

void outside_listen(struct outside *o, bool on)
{
	for (unsigned i = 0; i < FAMILIES; i++) {
		if (!on)
			stop(o, i);
		else if (o->fds[i] < 0)
			start(o, i);
	}
}

struct outside *outside_create(struct event_base *base, struct health *h)
{
	struct outside *o = calloc(1, sizeof(*o));

	if (o != NULL)
		*o = (struct outside){.base = base, .health = h, .fds = {-1, -1}};
	return o;
}

void outside_destroy(struct outside *o)
{
	if (o == NULL)
		return;
	outside_listen(o, false);
	free(o);
}
