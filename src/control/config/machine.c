/*
 * Checks of a configuration that depend on the machine. Are its capture files there, does a TAP
 * interface belong to somebody else, do two names mean one interface, is there memory for its
 * flows? If such a check fails, the file may still be right and pass later.
 *
 * Needs no privileges but those to read the files.
 */
#include "base/err.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "control/config/config.h"
#include "flow/kept.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool config_nearest_interface(const char *name, char near[16])
{
	struct if_nameindex *list = if_nameindex();
	struct nearest found = nearest_begin(name);

	for (struct if_nameindex *i = list; i != NULL && i->if_index != 0; i++)
		nearest_offer(&found, i->if_name);
	snprintf(near, IF_NAMESIZE, "%s", found.best != NULL ? found.best : "");
	if (list != NULL)
		if_freenameindex(list);
	return near[0] != '\0';
}

void config_note_interfaces(const struct config *config, struct err_list *notes)
{
	for (size_t i = 0; i < config->n_ports; i++) {
		const struct config_port *port = &config->ports[i];
		char near[16];

		if ((port->driver != PORT_AF_XDP && port->driver != PORT_AF_PACKET) ||
		    if_nametoindex(port->interface) != 0)
			continue;
		if (config_nearest_interface(port->interface, near))
			err_add(notes, config->file, port->line, port->column,
				"this machine has no interface %s: did you mean %s? Otherwise port "
				"%s waits for it",
				port->interface, near, port->name);
		else
			err_add(notes, config->file, port->line, port->column,
				"this machine has no interface %s: port %s waits for it",
				port->interface, port->name);
	}
}

/* An interface may have several names. Two ports must not use one interface under two names. */
static void check_kernel_interface(const struct config *config, const struct config_port *port,
				   struct err_list *errs)
{
	unsigned index = if_nametoindex(port->interface);

	if (index == 0)
		return; /* the interface may appear later: control/port waits for it */
	for (const struct config_port *p = config->ports; p < port; p++) {
		if (p->interface[0] != '\0' && if_nametoindex(p->interface) == index)
			err_add(errs, config->file, port->line, port->column,
				"%s is the same interface as %s, which is on line %u already",
				port->interface, p->interface, p->line);
	}
}

static void check_rx_file(const struct config *config, const struct config_port *port,
			  struct err_list *errs)
{
	struct stat st;

	if (port->rx_file[0] == '\0')
		return;
	if (stat(port->rx_file, &st) < 0 || access(port->rx_file, R_OK) < 0)
		err_add(errs, config->file, port->line, port->column,
			"the capture file %s can not be read: %s", port->rx_file, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		err_add(errs, config->file, port->line, port->column,
			"the capture file %s is not a file", port->rx_file);
}

int config_check_machine(const struct config *config, struct err_list *errs)
{
	uint64_t memory = memory_available();
	size_t before = errs->n;

	for (size_t i = 0; i < config->n_ports; i++) {
		const struct config_port *port = &config->ports[i];

		switch (port->driver) {
		case PORT_AF_XDP:
		case PORT_AF_PACKET:
			if (port->interface[0] != '\0') /* empty: the file has an error */
				check_kernel_interface(config, port, errs);
			break;
		case PORT_TAP:
			if (if_nametoindex(port->interface) != 0)
				err_add(errs, config->file, port->line, port->column,
					"a TAP interface %s can not be made: there is one of this "
					"name already",
					port->interface);
			break;
		case PORT_PCAP:
			check_rx_file(config, port, errs);
			break;
		case PORT_MEMORY:
		case PORT_PCI: /* it may be given to vfio-pci later */
		case PORT_MEMIF: /* its socket may come with the peer */
		case PORT_DRIVERS:
			break;
		}
	}
	if (memory < UINT64_MAX)
		memory += kept_held(config->flows_directory); /* a start takes these over */
	if (config->workers > 0) /* 0: the file has an error */
		config_check_memory(config, memory, memory_huge_available(), errs);
	return errs->n == before ? 0 : -ENODEV;
}
