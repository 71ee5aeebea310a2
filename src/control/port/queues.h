/* The queues of a port: see queues.c, and xdp_queues.c for af_xdp. */
#pragma once

#include "control/port/driver.h"

/* Makes the DPDK devices of the port and its queues. 0 or -errno. */
int queues_make(struct port_opening *o);
void queues_close_device(uint16_t ethdev);
