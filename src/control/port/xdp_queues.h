/* The queues of an af_xdp port: see xdp_queues.c. */
#pragma once

#include "control/port/driver.h"

/* As queues_make(); a queue whose socket cannot be made is left out. */
int xdp_queues_make(struct port_opening *o);
