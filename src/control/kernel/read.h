/* Private to control/kernel/: fills the view from the kernel. Control thread. */
#pragma once

#include "control/kernel/view.h"
#include "control/port.h"

/* What to read anew; bits. */
enum {
	READ_LINKS = 1,
	READ_ROUTES = 2,
	READ_NEIGHBOURS = 4,
	READ_ALL = 7,
};

/*
 * Replaces those rows of @view, of all ports that the kernel shares. A port that cannot be read has
 * no rows; the others go on. 0, or -errno of the last that failed.
 */
int read_kernel(struct view *view, const struct port_set *ports, struct mnl_socket *nl,
		unsigned what);
