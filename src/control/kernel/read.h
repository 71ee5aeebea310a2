/* Private to control/kernel/: reads the view from the kernel. Control thread. */
#pragma once

#include "control/kernel/view.h"
#include "control/port/port.h"

/* What to read again; bits. */
enum {
	READ_LINKS = 1,
	READ_ROUTES = 2,
	READ_NEIGHBOURS = 4,
	READ_ALL = 7,
};

/*
 * Reads it for all ports that the kernel shares. The view is not emptied before: rows that the
 * kernel no longer has are removed at the end. 0, or -errno of the last error: then removed rows
 * may remain, and the call must be repeated.
 */
int read_kernel(struct view *view, const struct port_set *ports, struct mnl_socket *nl,
		unsigned what);

/* Finds the interfaces of the ports again: their ifindex may have changed. */
void read_ports(struct view *view, const struct port_set *ports);
