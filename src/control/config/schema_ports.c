/* The settings of ports: see schema.h. */
#include "control/config/schema_rows.h"

#include <net/if.h>

enum {
	KERNEL_DRIVERS = BIT(PORT_AF_XDP) | BIT(PORT_AF_PACKET),
	/* no kernel and no interface knows where packets go */
	BLIND_DRIVERS = BIT(PORT_PCAP) | BIT(PORT_MEMORY) | BIT(PORT_MEMIF) | BIT(PORT_PCI),
};

static const char *const drivers[] = {
	[PORT_AF_XDP] = "af_xdp", [PORT_AF_PACKET] = "af_packet", [PORT_TAP] = "tap",
	[PORT_PCAP] = "pcap",	  [PORT_MEMORY] = "memory",	  [PORT_MEMIF] = "memif",
	[PORT_PCI] = "pci",	  [PORT_DRIVERS] = NULL,
};

static const char *const roles[] = {
	[MEMIF_SERVER] = "server",
	[MEMIF_CLIENT] = "client",
	NULL,
};

/* clang-format off */
enum { PORT_DRIVER_ROW = 1 };

static const struct setting port_rows[] = {
	{
		.name = "name", .type = SETTING_NAME, AT(config_port, name), .required = true,
		.reloadable = true,
		.help = "Its name. No other port may have it.",
	}, {
		.name = "driver", .type = SETTING_CHOICE, AT(config_port, driver),
		.choices = drivers, .fallback = "af_xdp",
		.reloadable = true,
		.help = "How packets are received and sent: `af_xdp` and `af_packet` share an "
			"interface with the kernel, `tap` makes a new one, `pcap` reads and "
			"writes capture files, `memif` shares memory with another process, `pci` "
			"drives a card itself, `memory` is for tests.",
	}, {
		.name = "interface", .type = SETTING_INTERFACE, AT(config_port, interface),
		.needed_by = KERNEL_DRIVERS | BIT(PORT_TAP),
		.taken_by = KERNEL_DRIVERS | BIT(PORT_TAP),
		.reloadable = true,
		.help = "The kernel's interface; with `tap` the name of the one to make.",
	}, {
		.name = "device", .type = SETTING_DEVICE, AT(config_port, device),
		.needed_by = BIT(PORT_PCI), .taken_by = BIT(PORT_PCI),
		.reloadable = true,
		.help = "The address of the card as `lspci -D` shows it. Or the name of a virtual "
			"device of DPDK, for tests: `net_tap0`.",
	}, {
		.name = "mtu", .type = SETTING_NUMBER, AT(config_port, mtu),
		.min = 576, .max = 9216, .fallback_words = "that of the interface", .unit = "bytes",
		.reloadable = true, .effect = EFFECT_PATH,
		.help = "The largest IP packet that may leave by this port.",
	}, {
		.name = "rx-file", .type = SETTING_PATH, AT(config_port, rx_file),
		.taken_by = BIT(PORT_PCAP), .fallback_words = "nothing comes in",
		.reloadable = true,
		.help = "The capture file whose packets come in.",
	}, {
		.name = "tx-file", .type = SETTING_PATH, AT(config_port, tx_file),
		.taken_by = BIT(PORT_PCAP), .fallback_words = "they are thrown away",
		.reloadable = true,
		.help = "The capture file to which packets that leave are written.",
	}, {
		.name = "socket", .type = SETTING_PATH, AT(config_port, socket),
		.needed_by = BIT(PORT_MEMIF), .taken_by = BIT(PORT_MEMIF),
		.reloadable = true,
		.help = "The Unix socket by which the two ends of a memif find each other. No "
			"other port may have it.",
	}, {
		.name = "role", .type = SETTING_CHOICE, AT(config_port, role),
		HAS(config_port, has_role), .choices = roles,
		.needed_by = BIT(PORT_MEMIF), .taken_by = BIT(PORT_MEMIF),
		.reloadable = true,
		.help = "`server` listens on the socket. `client` connects to it, and makes the "
			"shared memory.",
	}, {
		.name = "id", .type = SETTING_NUMBER, AT(config_port, id),
		.min = 0, .max = UINT32_MAX, .fallback_words = "0", .taken_by = BIT(PORT_MEMIF),
		.reloadable = true,
		.help = "The number of the memif. Both ends must have the same.",
	}, {
		.name = "ring-size", .type = SETTING_NUMBER, AT(config_port, ring_size),
		.min = 64, .max = 16384, .power_of_two = true, .fallback_words = "1024",
		.unit = "frames", .taken_by = BIT(PORT_MEMIF),
		.reloadable = true,
		.help = "How many frames a ring of a memif has. The rings are smaller if the peer "
			"wants that.",
	}, {
		.name = "next-hop-mac", .type = SETTING_MAC, AT(config_port, next_hop_mac),
		HAS(config_port, has_next_hop_mac),
		.needed_by = BLIND_DRIVERS,
		.taken_by = BLIND_DRIVERS | BIT(PORT_TAP),
		.fallback_words = "with `tap` the new interface",
		.reloadable = true,
		.help = "The Ethernet address to which every packet is sent. With a kernel driver "
			"the kernel resolves it.",
	},
};

const struct block schema_port = {
	.title = "Ports", .noun = "a port", BLOCK_OF(port_rows),
	.item_size = sizeof(struct config_port), .variant = &port_rows[PORT_DRIVER_ROW],
};
/* clang-format on */

static_assert(ARRAY_SIZE(port_rows) <= SETTINGS_MAX,
	      "a block has more settings than the parser remembers");
static_assert(sizeof(((struct config_port *)0)->interface) == IFNAMSIZ, "interface is a name");

const char *config_driver_name(enum port_driver driver)
{
	return drivers[driver];
}
