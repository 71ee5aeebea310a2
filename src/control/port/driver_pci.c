/*
 * The pci driver: a card, or a function of one, that DPDK drives itself.
 *
 * The kernel does not share the card with us, so the port is like the other ports without a kernel:
 * all frames go to one Ethernet address, and we answer ARP for our own. Some cards (mlx5) stay with
 * their kernel driver while DPDK uses them; all others are given to vfio-pci before.
 *
 * Without such a card the same code drives DPDK's virtual devices, which is how it is tested.
 *
 * The card spreads frames over the queues by a hash of the outer addresses and ports (RSS), by as
 * many of these as it can. Promiscuous mode stays off. Groups are received, since neighbour
 * solicitations come to groups.
 *
 * Control thread.
 */
#include "control/port/driver_pci.h"

#include "base/log.h"
#include "control/config/value.h"
#include "control/port/driver.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>

#define SPREAD_WANTED (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP)

/* kernel drivers beside which DPDK can use a card */
static const char *const shares[] = {"mlx5_core", "mlx4_core", "mana"};
/* kernel drivers that give a card to a process */
static const char *const gives[] = {"vfio-pci", "uio_pci_generic", "igb_uio"};

static bool is_one_of(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

/* The last part of what the link @path leads to; empty: there is none. */
static void read_link(const char *path, char *name, size_t size)
{
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);
	const char *slash;

	name[0] = '\0';
	if (len <= 0)
		return;
	target[len] = '\0';
	slash = strrchr(target, '/');
	snprintf(name, size, "%.*s", (int)size - 1, slash != NULL ? slash + 1 : target);
}

void pci_why_not(const char *folder, const char *device, bool huge, char *why, size_t size)
{
	char path[PATH_MAX], driver[64], group[64];

	why[0] = '\0';
	snprintf(path, sizeof(path), "%s/%s", folder, device);
	if (access(path, F_OK) != 0) {
		snprintf(why, size, "there is no PCI device %s: lspci -D shows those there are",
			 device);
		return;
	}
	snprintf(path, sizeof(path), "%s/%s/driver", folder, device);
	read_link(path, driver, sizeof(driver));
	snprintf(path, sizeof(path), "%s/%s/iommu_group", folder, device);
	read_link(path, group, sizeof(group));
	if (is_one_of(driver, shares, ARRAY_SIZE(shares)))
		return;
	if (!is_one_of(driver, gives, ARRAY_SIZE(gives)))
		snprintf(why, size,
			 "%s%s has PCI device %s: give it to us by driverctl set-override %s "
			 "vfio-pci, or use the interface with driver: af_xdp",
			 driver[0] == '\0' ? "no driver" : "the kernel's driver ", driver, device,
			 device);
	else if (group[0] == '\0' && strcmp(driver, "vfio-pci") == 0)
		snprintf(
			why, size,
			"PCI device %s is behind no IOMMU, and vfio-pci needs one: switch it on in "
			"the firmware, and by intel_iommu=on on the kernel's command line",
			device);
	else if (!huge)
		snprintf(why, size,
			 "PCI device %s needs packet buffers in huge pages: reserve some by sysctl "
			 "vm.nr_hugepages",
			 device);
}

static int refuse(struct port_opening *o, const char *why)
{
	const struct config_port *config = o->port->config;

	err_add(o->errs, o->file, config->line, config->column, "port %s: %s", config->name, why);
	return -ENODEV;
}

int driver_pci_prepare(struct port_opening *o)
{
	const char *device = o->port->config->device;
	char why[PORT_REASON_SIZE];

	driver_prepare_plain(o);
	if (!value_is_pci(device))
		return 0;
	if (!rte_eal_has_pci())
		return refuse(o, "the first pci port needs a restart");
	pci_why_not("/sys/bus/pci/devices", device, rte_eal_has_hugepages() != 0, why, sizeof(why));
	return why[0] == '\0' ? 0 : refuse(o, why);
}

int driver_pci_device(struct port_opening *o)
{
	struct port *port = o->port;
	const char *device = port->config->device;
	bool card = value_is_pci(device);
	struct rte_dev_iterator each;
	uint16_t ethdev;
	int ret = rte_eal_hotplug_add(card ? "pci" : "vdev", device, "");

	if (ret != 0 && ret != -EEXIST) /* DPDK has probed it at the start */
		return ret;
	RTE_ETH_FOREACH_MATCHING_DEV(ethdev, device, &each)
	{
		port->worker.ethdev = ethdev;
		snprintf(port->vdev, sizeof(port->vdev), "%s", device);
		rte_eth_iterator_cleanup(&each);
		return 0;
	}
	return -ENODEV;
}

void pci_spread(const struct rte_eth_dev_info *info, uint16_t n_queues, struct rte_eth_conf *conf)
{
	conf->rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads & SPREAD_WANTED;
	if (n_queues > 1 && conf->rx_adv_conf.rss_conf.rss_hf != 0)
		conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	else
		conf->rx_adv_conf.rss_conf.rss_hf = 0;
}

int driver_pci_finish(struct port_opening *o)
{
	const struct port *port = o->port;
	int ret = rte_eth_allmulticast_enable(port->worker.ethdev);

	if (port->worker.n_queues > 1 && !port->spreads)
		log_warning("port %s: device %s cannot spread packets: all arrive at the first of "
			    "its %u queues",
			    port->config->name, port->config->device, port->worker.n_queues);
	return ret == -ENOTSUP ? 0 : ret;
}

bool driver_pci_has_link(const struct port *port)
{
	struct rte_eth_link link = {0};

	return rte_eth_link_get_nowait(port->worker.ethdev, &link) != 0 ||
	       link.link_status == RTE_ETH_LINK_UP;
}
