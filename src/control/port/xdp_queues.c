/*
 * The queues of an af_xdp port: one AF_XDP socket for each queue of the interface.
 *
 * The interface chooses the queue of a frame, so every receive queue needs a socket, however few
 * workers there are. A worker may need a queue only to transmit: then there are more sockets than
 * receive queues.
 *
 * DPDK's driver makes its sockets by the device. It knows only queues that receive and transmit
 * ("combined" in ethtool); to an interface without any, such as a veth, it gives one queue a
 * device. There each queue gets a device of its own. Elsewhere a device has DEVICE_QUEUES queues:
 * the driver of 22.11 writes the statistics of more beyond the end of their table.
 *
 * A queue whose socket cannot be made, as another program uses it, is left out: the others work,
 * and the port is `degraded` (life.c). For each device the driver attaches in/opening.bpf.c, which
 * is taken off before the next device.
 *
 * Control thread.
 */
#include "control/port/xdp_queues.h"
#include "base/log.h"
#include "control/port/queues.h"
#include "in/steer.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_xdp.h>
#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>

static_assert((int)PORT_QUEUES_MAX == (int)STEER_QUEUES_MAX, "a socket for each");

enum { DEVICE_QUEUES = 16, PROBE_BYTES = 4096, PROBE_ENTRIES = 8 };

/* A device while it is being made. */
struct device {
	unsigned first, n; /* queues of the interface */
	uint16_t ethdev;
	unsigned made; /* queues so far */
};

static int add_device(struct port_opening *o, struct device *d)
{
	struct port *port = o->port;
	char name[64], args[DRIVER_ARGS_SIZE + 64];
	int ret;

	snprintf(name, sizeof(name), "%s_%zu_%u", o->driver->device, o->index, d->first);
	snprintf(args, sizeof(args), "%s,start_queue=%u,queue_count=%u", o->args, d->first, d->n);
	ret = rte_eal_hotplug_add("vdev", name, args);
	if (ret == 0)
		ret = rte_eth_dev_get_port_by_name(name, &d->ethdev);
	if (ret != 0)
		return ret;
	port->devices[port->n_devices++] = d->ethdev;
	return 0;
}

/*
 * The socket is the one that was not there before. If it cannot be made, the buffers that the
 * driver took for it return to the pool: no card has had them.
 */
static int make_queue(struct port_opening *o, struct device *d)
{
	struct port *port = o->port;
	size_t mark = port->note.n;
	uint16_t q = (uint16_t)d->made;
	int fd = -1, ret = rte_eth_rx_queue_setup(d->ethdev, q, POOL_DESCRIPTORS, SOCKET_ID_ANY,
						  NULL, o->set->pool);

	if (ret == 0)
		ret = rte_eth_tx_queue_setup(d->ethdev, q, POOL_DESCRIPTORS, SOCKET_ID_ANY, NULL);
	if (ret == 0)
		fd = rings_find_socket(o->set);
	if (fd < 0) {
		rings_close_strays(o->set);
		pool_note_give_back_since(&port->note, o->set->pool, mark);
		return ret != 0 ? ret : -ENOENT;
	}
	port->queues[port->n_sockets] =
		(struct port_queue){d->ethdev, q, (uint16_t)(d->first + d->made)};
	port->sockets[port->n_sockets++] = fd;
	d->made++;
	return 0;
}

static int configure(const struct port_opening *o, const struct device *d, unsigned n)
{
	const struct rte_eth_conf conf = {.rxmode.mtu = o->port->worker.mtu};

	return rte_eth_dev_configure(d->ethdev, (uint16_t)n, (uint16_t)n, &conf);
}

/*
 * Makes a device for @n queues from @first on. Returns how many it has: those before the first one
 * that could not be made.
 */
static unsigned make_device(struct port_opening *o, unsigned first, unsigned n)
{
	struct device d = {.first = first, .n = n};
	struct port *port = o->port;

	if (port->n_devices > 0)
		bpf_xdp_detach(port->ifindex, 0, NULL); /* the driver attaches it again */
	if (add_device(o, &d) != 0)
		return 0;
	if (configure(o, &d, n) == 0)
		while (d.made < n && make_queue(o, &d) == 0)
			;
	if (d.made == n || (d.made > 0 && configure(o, &d, d.made) == 0))
		return d.made;
	queues_close_device(port->devices[--port->n_devices]);
	return 0;
}

static void leave_out(struct port *port, unsigned queue)
{
	if (queue < port->nic_queues)
		port->unserved |= UINT64_C(1) << queue;
}

int xdp_queues_make(struct port_opening *o)
{
	struct port *port = o->port;
	unsigned per = o->interface.combined ? DEVICE_QUEUES : 1, first = 0;

	port->unserved = 0;
	while (first < o->n_queues) {
		unsigned n = o->n_queues - first < per ? o->n_queues - first : per;
		unsigned made = make_device(o, first, n);

		first += made;
		if (made < n)
			leave_out(port, first++);
	}
	if (port->n_sockets == 0)
		return -EIO;
	if (port->unserved != 0)
		log_warning("port %s: not all queues of interface %s can be used: %s",
			    port->config->name, o->interface.name, eal_first_message());
	snprintf(port->vdev, sizeof(port->vdev), "%s_%zu", o->driver->device, o->index);
	port->worker.ethdev = port->devices[0];
	port->worker.queues = port->queues;
	port->worker.n_queues = (uint16_t)port->n_sockets;
	port->worker.n_tx = 0;
	for (unsigned i = 0; i < port->n_sockets; i++)
		port->worker.n_tx += port->queues[i].of_nic < port->nic_tx;
	return 0;
}

int xdp_queues_count(const struct port_set *set, const struct port *port,
		     const struct interface *in)
{
	unsigned workers = set->config->workers, tx = in->tx_queues;
	unsigned n, more = 0;

	tx = tx < workers ? tx : workers;
	n = in->queues > tx ? in->queues : tx;
	if (n > PORT_QUEUES_MAX)
		return -E2BIG;
	for (size_t i = 0; i < set->n; i++)
		if (&set->ports[i] != port && set->ports[i].n_sockets > workers)
			more += set->ports[i].n_sockets - workers;
	if (n > workers && more + n - workers > set->more_queues)
		return -ENOBUFS;
	return (int)n;
}

/* Binds a socket with one page of memory to the queue. 0 or -errno. */
static int try_queue(int fd, void *page, int ifindex, uint32_t queue)
{
	const struct xdp_umem_reg memory = {
		.addr = (uintptr_t)page, .len = PROBE_BYTES, .chunk_size = PROBE_BYTES};
	const struct sockaddr_xdp to = {.sxdp_family = AF_XDP,
					.sxdp_flags = XDP_COPY,
					.sxdp_ifindex = (uint32_t)ifindex,
					.sxdp_queue_id = queue};
	const int entries = PROBE_ENTRIES;

	if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &memory, sizeof(memory)) != 0 ||
	    setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &entries, sizeof(entries)) != 0 ||
	    setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &entries, sizeof(entries)) != 0 ||
	    setsockopt(fd, SOL_XDP, XDP_RX_RING, &entries, sizeof(entries)) != 0 ||
	    bind(fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
		return -errno;
	return 0;
}

static bool is_free(int ifindex, uint32_t queue)
{
	void *page =
		mmap(NULL, PROBE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	bool free = page != MAP_FAILED && fd >= 0 && try_queue(fd, page, ifindex, queue) == 0;

	if (fd >= 0)
		close(fd);
	if (page != MAP_FAILED)
		munmap(page, PROBE_BYTES);
	return free;
}

bool xdp_queues_are_free(const struct port *port)
{
	for (uint32_t q = 0; q < PORT_QUEUES_MAX; q++)
		if (port->unserved >> q & 1 && !is_free(port->ifindex, q))
			return false;
	return true;
}
