/* Compares the MTUs of the machine's interfaces with those that tunnels need: see config.h. */
#include "base/err.h"
#include "control/config/config.h"

#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* 0: this interface does not exist. */
static uint32_t interface_mtu(int fd, const char *name)
{
	struct ifreq ifr = {0};

	memcpy(ifr.ifr_name, name, strnlen(name, sizeof(ifr.ifr_name) - 1));
	return ioctl(fd, SIOCGIFMTU, &ifr) != 0 || ifr.ifr_mtu < 0 ? 0 : (uint32_t)ifr.ifr_mtu;
}

static void note_tunnel(const struct config *config, const struct spec_tunnel *t, uint32_t has,
			struct err_list *notes)
{
	const struct config_port *port = &config->ports[t->port];
	uint32_t fits = spec_inner_mtu(t, has);

	if (has == 0 || !t->mtu_given || t->mtu <= fits)
		return;
	err_add(notes, config->file, port->line, port->column,
		"interface %s carries packets of %u bytes: tunnel %s takes up to %u, not %u as its "
		"\"mtu\" says",
		port->interface, has, t->name, fits, t->mtu);
}

void config_note_mtus(const struct config *config, struct err_list *notes)
{
	uint32_t has[UINT8_MAX + 1] = {0}; /* the snapshot stores a port in a byte */
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	for (size_t i = 0; i < config->n_ports; i++)
		if (config_driver_has_kernel(config->ports[i].driver))
			has[i] = interface_mtu(fd, config->ports[i].interface);
	close(fd);
	for (size_t i = 0; i < config->network.n_sites; i++) {
		const struct spec_site *site = &config->network.sites[i];

		for (size_t k = 0; k < site->n_tunnels; k++)
			note_tunnel(config, &site->tunnels[k], has[site->tunnels[k].port], notes);
	}
}
