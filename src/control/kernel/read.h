/* Private to control/kernel/: fills the view from the kernel. Control thread. */
#pragma once

#include "control/kernel/view.h"
#include "control/port/port.h"

/* What to read anew; bits. */
enum {
	READ_LINKS = 1,
	READ_ROUTES = 2,
	READ_NEIGHBOURS = 4,
	READ_ALL = 7,
};

/*
 * Reads that of all ports that the kernel shares. Nothing of the view is emptied before: rows that
 * the kernel does not have any more go when all is read. 0, or -errno of the last that failed: then
 * rows stay that may be gone, and it is to be done again.
 */
int read_kernel(struct view *view, const struct port_set *ports, struct mnl_socket *nl,
		unsigned what);

/* Which interfaces the ports stand on: they may have been made again under another number. */
void read_ports(struct view *view, const struct port_set *ports);
