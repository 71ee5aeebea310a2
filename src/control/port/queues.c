/*
 * The DPDK device of a port, and its queues.
 *
 * Each worker receives from a queue of its own and transmits by one, so that no packet needs
 * another worker only to be received or sent. If the driver or the device has fewer queues, the
 * workers without one hand frames to a worker that has one (path/handover.h). If an interface has
 * more queues than there are workers, a worker receives from several: all must be served, since the
 * interface chooses the queue.
 *
 * Control thread.
 */
#include "control/port/queues.h"
#include "control/port/driver_pci.h"
#include "control/port/xdp_queues.h"

#include <stdio.h>

#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

uint16_t queues_wanted(const struct config *config, const struct config_port *port)
{
	uint16_t max = driver_find(port->driver)->queues_max;

	return config->workers < max ? (uint16_t)config->workers : max;
}

static int make_vdev(struct port_opening *o)
{
	struct port *port = o->port;
	int ret;

	if (port->config->driver == PORT_PCI)
		return driver_pci_device(o);
	if (o->driver->device == NULL)
		return driver_memory_device(o);
	snprintf(port->vdev, sizeof(port->vdev), "%s_%zu", o->driver->device, o->index);
	ret = rte_eal_hotplug_add("vdev", port->vdev, o->args);
	if (ret == 0)
		ret = rte_eth_dev_get_port_by_name(port->vdev, &port->worker.ethdev);
	if (ret != 0)
		port->vdev[0] = '\0';
	return ret;
}

/* The device may have fewer queues than its driver can. */
static int limit_queues(struct port_opening *o)
{
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(o->port->worker.ethdev, &info);

	if (ret != 0)
		return ret;
	if (info.max_rx_queues < o->n_queues)
		o->n_queues = info.max_rx_queues;
	if (info.max_tx_queues < o->n_queues)
		o->n_queues = info.max_tx_queues;
	return 0;
}

static int setup_queues(struct port_opening *o)
{
	struct port *port = o->port;
	struct rte_eth_dev_info info;
	/* 0: DPDK keeps the device's own MTU; the kernel decides what the interface takes */
	struct rte_eth_conf conf = {.rxmode.mtu = o->driver->keeps_own_mtu ? 0 : port->worker.mtu};
	uint16_t ethdev = port->worker.ethdev, n = o->n_queues;
	uint16_t rx = POOL_DESCRIPTORS, tx = POOL_DESCRIPTORS;
	int ret = rte_eth_dev_info_get(ethdev, &info);

	if (ret == 0 && port->config->driver == PORT_PCI)
		pci_spread(&info, n, &conf);
	if (ret == 0)
		ret = rte_eth_dev_configure(ethdev, n, n, &conf);
	if (ret == 0)
		ret = rte_eth_dev_adjust_nb_rx_tx_desc(ethdev, &rx, &tx);
	for (uint16_t q = 0; q < n && ret == 0; q++) {
		ret = rte_eth_rx_queue_setup(ethdev, q, rx, SOCKET_ID_ANY, NULL, o->set->pool);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(ethdev, q, tx, SOCKET_ID_ANY, NULL);
	}
	port->worker.n_queues = n;
	port->spreads = conf.rxmode.mq_mode == RTE_ETH_MQ_RX_RSS;
	return ret;
}

void queues_close_device(uint16_t ethdev)
{
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(ethdev, &info) != 0)
		return;
	rte_eth_dev_stop(ethdev);
	rte_eth_dev_close(ethdev);
	rte_dev_remove(info.device);
}

static int make_one_device(struct port_opening *o)
{
	int ret = make_vdev(o);

	if (ret == 0)
		ret = limit_queues(o);
	return ret == 0 ? setup_queues(o) : ret;
}

/* Also notes which file descriptors the driver opens and will not close. */
int queues_make(struct port_opening *o)
{
	struct strays before = {.n = 0};
	int ret;

	if (o->port->has_kernel)
		strays_look(&before);
	ret = o->port->config->driver == PORT_AF_XDP ? xdp_queues_make(o) : make_one_device(o);
	if (o->port->has_kernel)
		strays_note(&o->port->strays, &before);
	return ret;
}

/* How an operator gives the port more queues; empty: in no way. */
static void advise(const struct port *port, unsigned workers, char *how, size_t size)
{
	const char *name = port->config->interface;
	struct interface in;

	how[0] = '\0';
	if (port->memif != NULL)
		snprintf(how, size, ": let the peer have %u queues", workers);
	if (port->config->driver != PORT_AF_XDP || interface_read(name, &in) != 0)
		return;
	if (in.combined)
		snprintf(how, size, ": ethtool -L %s combined %u", name, workers);
	else
		snprintf(how, size, ": ethtool -L %s rx %u tx %u", name, workers, workers);
}

void port_queue_hint(const struct port *port, unsigned workers, char hint[PORT_HINT_SIZE])
{
	unsigned n = port->worker.n_queues, tx = port->worker.n_tx;
	char how[64];

	hint[0] = '\0';
	n = tx > 0 && tx < n ? tx : n;
	if (port_is_open(port) && port->config->driver == PORT_PCI && n > 1 && !port->spreads) {
		snprintf(hint, PORT_HINT_SIZE,
			 "device %s cannot spread packets over its %u queues: one worker receives "
			 "all of them",
			 port->config->device, n);
		return;
	}
	if (!port_is_open(port) || n == 0 || n >= workers || port->config->driver == PORT_PCAP)
		return;
	advise(port, workers, how, sizeof(how));
	snprintf(hint, PORT_HINT_SIZE,
		 "%u workers, %u queue%s: packets of the others change workers to be received or "
		 "sent%s",
		 workers, n, n == 1 ? "" : "s", how);
}
