/*
 * Drivers whose interface the kernel does not share with us: tap, pcap and memory.
 *
 * No kernel resolves neighbours on these ports. Packets leave to one Ethernet address
 * (control/kernel), and we answer ARP for tunnel ends ourselves.
 *
 * The two ends of a tap interface need different Ethernet addresses. DPDK gives both the same, so
 * ours differs in the last bit. pcap and memory ports derive theirs from the port number: it is the
 * same in every run.
 *
 * Control thread.
 */
#include "control/port/driver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

enum { MEMORY_SLOTS = 4096 };

void driver_prepare_plain(struct port_opening *o)
{
	o->port->worker.mtu = (uint16_t)driver_mtu(o->port->config);
	o->port->worker.answer_arp_for_tunnels = true;
}

int driver_tap_prepare(struct port_opening *o)
{
	struct interface in;
	const struct config_port *config = o->port->config;

	driver_prepare_plain(o);
	if (interface_read(config->interface, &in) == 0) {
		err_add(o->errs, o->file, config->line, 0,
			"port %s: interface %s is there already: take another name, or remove it "
			"with: ip link del %s",
			config->name, config->interface, config->interface);
		return -EEXIST;
	}
	snprintf(o->args, sizeof(o->args), "iface=%s", config->interface);
	return 0;
}

int driver_tap_started(struct port_opening *o)
{
	uint16_t mtu = o->port->worker.mtu;
	int ret = interface_read(o->port->config->interface, &o->interface);

	if (ret == 0 && mtu != o->interface.mtu)
		ret = rte_eth_dev_set_mtu(o->port->worker.ethdev, mtu);
	if (ret != 0)
		return ret;
	o->port->ifindex = o->interface.index;
	memcpy(o->port->worker.mac, o->interface.mac, sizeof(o->port->worker.mac));
	o->port->worker.mac[5] ^= 1;
	return 0;
}

/* DPDK splits its arguments at these characters and cannot quote them. */
static int check_file(struct port_opening *o, const char *file)
{
	if (strpbrk(file, ",=[]()") == NULL)
		return 0;
	err_add(o->errs, o->file, o->port->config->line, 0,
		"port %s: the name of file %s has one of , = [ ] ( ) in it: rename it",
		o->port->config->name, file);
	return -EINVAL;
}

int driver_pcap_prepare(struct port_opening *o)
{
	const struct config_port *config = o->port->config;
	bool rx = config->rx_file[0] != '\0', tx = config->tx_file[0] != '\0';

	driver_prepare_plain(o);
	if (check_file(o, config->rx_file) != 0 || check_file(o, config->tx_file) != 0)
		return -EINVAL;
	if (!rx && !tx) {
		err_add(o->errs, o->file, config->line, 0,
			"port %s: name a file to read, a file to write, or both", config->name);
		return -EINVAL;
	}
	snprintf(o->args, sizeof(o->args), "%s%s%s%s%s", rx ? "rx_pcap=" : "", config->rx_file,
		 rx && tx ? "," : "", tx ? "tx_pcap=" : "", config->tx_file);
	return 0;
}

int driver_own_mac(struct port_opening *o)
{
	const uint8_t mac[6] = {0x02, 'H', 'W', 0, 0, (uint8_t)(o->index + 1)};

	memcpy(o->port->worker.mac, mac, sizeof(mac));
	return 0;
}

int driver_memory_prepare(struct port_opening *o)
{
	driver_prepare_plain(o);
	return 0;
}

static struct rte_ring *memory_ring(const char *kind, unsigned port, unsigned queue)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "memory%u_%s%u", port, kind, queue);
	return rte_ring_create(name, MEMORY_SLOTS, SOCKET_ID_ANY, 0);
}

int driver_memory_device(struct port_opening *o)
{
	struct port *port = o->port;
	char name[22];
	unsigned index = (unsigned)o->index;
	uint16_t n = o->n_queues;
	int ethdev;

	for (unsigned q = 0; q < n; q++) {
		port->memory_rx[q] = memory_ring("rx", index, q);
		port->memory_tx[q] = memory_ring("tx", index, q);
		if (port->memory_rx[q] == NULL || port->memory_tx[q] == NULL)
			return -ENOMEM;
	}
	snprintf(name, sizeof(name), "memory%u", index);
	ethdev = rte_eth_from_rings(name, port->memory_rx, n, port->memory_tx, n, SOCKET_ID_ANY);
	if (ethdev < 0)
		return -rte_errno;
	port->worker.ethdev = (uint16_t)ethdev;
	snprintf(port->vdev, sizeof(port->vdev), "net_ring_%s", name);
	return 0;
}

static void ring_close(struct rte_ring *ring)
{
	void *packet;

	while (ring != NULL && rte_ring_dequeue(ring, &packet) == 0)
		rte_pktmbuf_free(packet);
	rte_ring_free(ring); /* accepts NULL */
}

void driver_memory_close(struct port *port)
{
	for (unsigned q = 0; q < DRIVER_MEMORY_QUEUES; q++) {
		ring_close(port->memory_rx[q]);
		ring_close(port->memory_tx[q]);
		port->memory_rx[q] = port->memory_tx[q] = NULL;
	}
}
