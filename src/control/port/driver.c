/* The table of drivers: one row each. See driver.h. */
#include "control/port/driver.h"

#include "control/port/memif.h"

#include <assert.h>

static const struct driver drivers[] = {
	[PORT_AF_XDP] =
		{
			.device = "net_af_xdp",
			.advice = "; if another program uses its queues, stop that; if the "
				  "interface cannot do XDP, set driver: af_packet",
			.prepare = driver_af_xdp_prepare,
			.finish = driver_af_xdp_finish,
		},
	[PORT_AF_PACKET] =
		{
			.device = "net_af_packet",
			.queues_max = 16, /* RTE_PMD_AF_PACKET_MAX_RINGS */
			.keeps_own_mtu = true,
			.swallows = true,
			.advice = "",
			.prepare = driver_af_packet_prepare,
			.finish = driver_af_packet_finish,
		},
	[PORT_TAP] =
		{
			.device = "net_tap",
			.queues_max = 16, /* RTE_PMD_TAP_MAX_QUEUES */
			.advice = "; is /dev/net/tun there, and the name free?",
			.prepare = driver_tap_prepare,
			.started = driver_tap_started,
		},
	[PORT_PCAP] =
		{
			.device = "net_pcap",
			.queues_max = 1,
			.swallows = true,
			.advice = "; can its files be read and written?",
			.prepare = driver_pcap_prepare,
			.finish = driver_own_mac,
		},
	[PORT_MEMORY] =
		{
			.queues_max = DRIVER_MEMORY_QUEUES,
			.advice = "",
			.prepare = driver_memory_prepare,
			.finish = driver_own_mac,
		},
	[PORT_PCI] =
		{
			.queues_max = PORT_QUEUES_MAX,
			.counts_losses = true,
			.advice = "; is the MTU more than it takes?",
			.prepare = driver_pci_prepare,
			.finish = driver_pci_finish,
		},
	[PORT_MEMIF] =
		{
			.queues_max = MEMIF_QUEUES_MAX,
			.advice = "",
			.prepare = driver_memif_prepare,
			.open = driver_memif_open,
		},
};

const struct driver *driver_find(enum port_driver driver)
{
	assert((size_t)driver < ARRAY_SIZE(drivers));
	return &drivers[driver];
}

bool driver_has_kernel(enum port_driver driver)
{
	return config_driver_has_kernel(driver);
}

uint32_t driver_mtu(const struct config_port *config)
{
	struct interface in;
	uint32_t mtu = DRIVER_MTU_DEFAULT;

	if (config->mtu != 0)
		mtu = config->mtu;
	else if (driver_has_kernel(config->driver) && interface_read(config->interface, &in) == 0)
		mtu = in.mtu < DRIVER_MTU_DEFAULT ? DRIVER_MTU_DEFAULT : in.mtu;
	return mtu < DRIVER_MTU_MAX ? mtu : DRIVER_MTU_MAX;
}

uint32_t driver_largest_mtu(const struct config *config)
{
	uint32_t largest = 0;

	for (size_t i = 0; i < config->n_ports; i++) {
		uint32_t mtu = driver_mtu(&config->ports[i]);

		largest = mtu > largest ? mtu : largest;
	}
	return largest;
}
