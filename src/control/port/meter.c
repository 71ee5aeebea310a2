/*
 * Counts what was lost between the cable and the workers, by the counters of sockets, drivers and
 * interfaces.
 *
 * A frame that meets a full ring is lost before any of our code runs. The kernel counts it at the
 * socket. DPDK reports only a part of these counts, so we ask the sockets themselves, one for each
 * queue. They belong to the driver: we find them among our open descriptors and keep duplicates,
 * which are closed before the device is.
 *
 * The sum must hold: what the kernel had for us = what workers received + what was lost + what lies
 * in the ring. The counters are read one after the other while packets arrive. So received and lost
 * are read twice, before and after; the true value lies between.
 *
 *   af_xdp     took: the steer program; lost: XDP_STATISTICS
 *   af_packet  took and lost: PACKET_STATISTICS, which restarts at 0 each time it is read
 *   memif      the queues' own counts: a frame that is too long is lost
 *   pci        the card's own counts
 *   others     only what the driver reports
 *
 * Control thread.
 */
#include "base/log.h"
#include "control/port/driver.h"
#include "control/port/memif.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <rte_ethdev.h>

enum {
	DESCRIPTORS_MAX = 4096,
	ON_THE_WAY = 512, /* counted by the program, not yet in the ring: one burst on each CPU */
};

struct port_meter {
	int sockets[PORT_QUEUES_MAX]; /* duplicates of the driver's sockets */
	unsigned n;
	uint64_t heard, heard_lost; /* af_packet: sums of what was read so far */
	struct card_losses card; /* the interface's counts when the port was opened */
};

/* clang-format off */
const struct drop_info port_loss_infos[PORT_LOSSES] = {
#define X(id, name, help) [PORT_LOSS_##id] = {name, help},
	PORT_LOSS_LIST(X)
#undef X
};
/* clang-format on */

uint64_t port_sum_lost(const struct port_stats *stats)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < PORT_LOSSES; i++)
		sum += stats->lost[i];
	return sum;
}

static int family_of(int fd)
{
	int family = -1;
	socklen_t len = sizeof(family);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == 0 ? family : -1;
}

/*
 * We have other packet sockets, too. The driver's is the one in a fanout group that distributes by
 * hash.
 */
static bool hears(int fd, int ifindex)
{
	struct sockaddr_ll addr = {0};
	socklen_t len = sizeof(addr), size = sizeof(int);
	int group = 0;

	return getsockname(fd, (struct sockaddr *)&addr, &len) == 0 &&
	       addr.sll_ifindex == ifindex &&
	       getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &group, &size) == 0 && group != 0;
}

static bool is_same(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino;
}

static bool is_kept(const struct port_meter *m, int fd)
{
	for (unsigned q = 0; q < m->n; q++)
		if (is_same(m->sockets[q], fd))
			return true;
	return false;
}

static void keep_socket(struct port_meter *m, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy >= 0 && m->n < PORT_QUEUES_MAX)
		m->sockets[m->n++] = copy;
}

/* Those of the driver for AF_PACKET are somewhere among our descriptors. */
static void find_sockets(struct port_meter *m, const struct port *port)
{
	long end = sysconf(_SC_OPEN_MAX);

	end = end < DESCRIPTORS_MAX ? end : DESCRIPTORS_MAX;
	for (unsigned q = 0; q < port->n_sockets; q++)
		keep_socket(m, port->sockets[q]);
	for (int fd = 0; fd < end && port->config->driver == PORT_AF_PACKET; fd++)
		if (family_of(fd) == AF_PACKET && hears(fd, port->ifindex) && !is_kept(m, fd))
			keep_socket(m, fd);
}

int port_meter_open(struct port *port)
{
	struct port_meter *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return -ENOMEM;
	if (port->has_kernel)
		find_sockets(m, port);
	if (port->has_kernel && m->n < port->worker.n_queues)
		log_warning("port %s: losses in its rings are not counted: %u of %u sockets found",
			    port->config->name, m->n, port->worker.n_queues);
	if (port->has_kernel)
		card_read_losses(port->ifindex, &m->card);
	port->meter = m;
	return 0;
}

/*
 * When the interface disappears, the kernel unbinds the socket for good. That also holds if an
 * interface of the same name and number appears, or the same one returns from another namespace.
 */
static bool socket_is_bound(const struct port *port, int fd)
{
	if (port->config->driver == PORT_AF_XDP)
		return recvfrom(fd, NULL, 0, MSG_DONTWAIT, NULL, NULL) >= 0 || errno != ENXIO;
	return hears(fd, port->ifindex);
}

bool port_meter_is_bound(const struct port *port)
{
	const struct port_meter *m = port->meter;

	for (unsigned q = 0; m != NULL && q < m->n; q++)
		if (!socket_is_bound(port, m->sockets[q]))
			return false;
	return true;
}

static void add_xdp_socket(int fd, struct port_stats *s)
{
	struct xdp_statistics x = {0};
	socklen_t len = sizeof(x);

	if (getsockopt(fd, SOL_XDP, XDP_STATISTICS, &x, &len) != 0)
		return;
	s->lost[PORT_LOSS_RX_DROPPED] += x.rx_dropped;
	s->lost[PORT_LOSS_RX_RING_FULL] += x.rx_ring_full;
	s->lost[PORT_LOSS_TX_INVALID] += x.tx_invalid_descs;
	s->rx_invalid += x.rx_invalid_descs;
	s->fill_ring_empty += x.rx_fill_ring_empty_descs;
	s->tx_ring_empty += x.tx_ring_empty_descs;
}

static void read_xdp_sockets(const struct port_meter *m, struct port_stats *s)
{
	s->lost[PORT_LOSS_RX_DROPPED] = s->lost[PORT_LOSS_RX_RING_FULL] = 0;
	s->lost[PORT_LOSS_TX_INVALID] = 0;
	s->rx_invalid = s->fill_ring_empty = s->tx_ring_empty = 0;
	for (unsigned q = 0; q < m->n; q++)
		add_xdp_socket(m->sockets[q], s);
}

static void read_packet_sockets(struct port_meter *m, struct port_stats *s)
{
	for (unsigned q = 0; q < m->n; q++) {
		struct tpacket_stats p = {0};
		socklen_t len = sizeof(p);

		if (getsockopt(m->sockets[q], SOL_PACKET, PACKET_STATISTICS, &p, &len) != 0)
			continue;
		m->heard += p.tp_packets;
		m->heard_lost += p.tp_drops;
	}
	s->took = m->heard;
	s->lost[PORT_LOSS_RX_RING_FULL] = m->heard_lost;
}

static void read_memif(const struct memif *memif, struct port_stats *s)
{
	struct memif_counts c;

	memif_read_counts(memif, &c);
	s->received = c.received;
	s->lost[PORT_LOSS_RX_DROPPED] = c.too_long;
	s->no_buffer = c.no_buffer;
}

static void add_device(const struct port *port, uint16_t ethdev, struct port_stats *s)
{
	struct rte_eth_stats e;

	if (rte_eth_stats_get(ethdev, &e) != 0)
		return;
	s->received += e.ipackets;
	s->no_buffer += e.rx_nombuf;
	if (driver_find(port->config->driver)->counts_losses) {
		s->lost[PORT_LOSS_RX_MISSED] += e.imissed;
		s->lost[PORT_LOSS_RX_DROPPED] += e.ierrors;
		s->lost[PORT_LOSS_TX_FAILED] += e.oerrors;
	}
	if (driver_find(port->config->driver)->swallows)
		s->lost[PORT_LOSS_TX_FAILED] += e.oerrors;
}

static void read_devices(const struct port *port, struct port_stats *s)
{
	s->received = s->no_buffer = s->lost[PORT_LOSS_TX_FAILED] = 0;
	if (driver_find(port->config->driver)->counts_losses)
		s->lost[PORT_LOSS_RX_MISSED] = s->lost[PORT_LOSS_RX_DROPPED] = 0;
	if (port->memif != NULL)
		read_memif(port->memif, s);
	else if (port->n_devices == 0)
		add_device(port, port->worker.ethdev, s);
	for (unsigned i = 0; i < port->n_devices; i++)
		add_device(port, port->devices[i], s);
}

static void read_card(const struct port *port, struct port_stats *s)
{
	struct card_losses now;

	if (!port->has_kernel || card_read_losses(port->ifindex, &now) != 0)
		return;
	s->lost[PORT_LOSS_RX_MISSED] = now.rx - port->meter->card.rx;
	s->lost[PORT_LOSS_TX_DROPPED] = now.tx - port->meter->card.tx;
}

static void read_steer(const struct port *port, struct port_stats *s)
{
	struct port_steer_counts c;

	port_read_steer_counts(port, &c);
	s->lost[PORT_LOSS_NO_LISTENER] = c.lost;
	s->lost[PORT_LOSS_CROWDED] = c.crowded;
	s->took = c.tunnel + c.egress + c.arp;
}

static void read_limited(const struct port *port, struct port_stats *s)
{
	struct port_steer_counts c;

	port_read_steer_counts(port, &c);
	s->lost[PORT_LOSS_IKE_LIMITED] = c.ike_limited;
}

/* Of what the kernel had for us: received, or lost behind the program. */
static uint64_t count_ended(const struct port_stats *s)
{
	return s->received + s->lost[PORT_LOSS_RX_DROPPED] + s->lost[PORT_LOSS_RX_RING_FULL];
}

/* Counts of the current opening. */
static void read_open(const struct port *port, struct port_stats *s)
{
	bool is_xdp = port->config->driver == PORT_AF_XDP;
	uint64_t before, room;

	*s = (struct port_stats){0};
	read_devices(port, s);
	if (is_xdp)
		read_xdp_sockets(port->meter, s);
	before = is_xdp ? count_ended(s) : s->received;
	if (is_xdp)
		read_steer(port, s);
	else if (port->has_kernel)
		read_packet_sockets(port->meter, s);
	else
		s->took = before;
	if (is_xdp)
		read_xdp_sockets(port->meter, s);
	read_devices(port, s);
	read_card(port, s);
	read_limited(port, s);
	room = (uint64_t)port->worker.n_queues * (POOL_DESCRIPTORS + ON_THE_WAY);
	s->accounted = s->took >= before && s->took <= count_ended(s) + room;
	s->waiting = s->took > count_ended(s) ? s->took - count_ended(s) : 0;
}

static void add(struct port_stats *to, const struct port_stats *more)
{
	to->took += more->took;
	to->received += more->received;
	to->waiting = more->waiting;
	for (size_t i = 0; i < PORT_LOSSES; i++)
		to->lost[i] += more->lost[i];
	to->rx_invalid += more->rx_invalid;
	to->fill_ring_empty += more->fill_ring_empty;
	to->tx_ring_empty += more->tx_ring_empty;
	to->no_buffer += more->no_buffer;
	to->accounted = more->accounted;
}

void port_read_stats(const struct port *port, struct port_stats *out)
{
	struct port_stats now;

	*out = port->before;
	out->accounted = true;
	out->waiting = 0;
	if (port->meter == NULL)
		return;
	read_open(port, &now);
	add(out, &now);
}

enum port_copy port_queue_copy(const struct port *port, unsigned q)
{
	struct xdp_options options = {0};
	socklen_t len = sizeof(options);

	if (port->config->driver != PORT_AF_XDP || port->meter == NULL || q >= port->meter->n ||
	    getsockopt(port->meter->sockets[q], SOL_XDP, XDP_OPTIONS, &options, &len) != 0)
		return PORT_COPY_UNKNOWN;
	return options.flags & XDP_OPTIONS_ZEROCOPY ? PORT_COPY_NONE : PORT_COPY_EACH;
}

uint64_t port_queue_lost(const struct port *port, unsigned q)
{
	struct port_stats s = {0};

	if (port->config->driver == PORT_AF_XDP && port->meter != NULL && q < port->meter->n)
		add_xdp_socket(port->meter->sockets[q], &s);
	return s.lost[PORT_LOSS_RX_DROPPED] + s.lost[PORT_LOSS_RX_RING_FULL];
}

/* What still waits in the ring is lost when the port is closed. */
void port_meter_close(struct port *port)
{
	if (port->meter == NULL)
		return;
	port_read_stats(port, &port->before);
	port->before.lost[PORT_LOSS_RX_DROPPED] += port->before.waiting;
	for (unsigned q = 0; q < port->meter->n; q++)
		close(port->meter->sockets[q]);
	free(port->meter);
	port->meter = NULL;
}
