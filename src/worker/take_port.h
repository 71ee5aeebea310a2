/* Which queues of a port a worker uses. */
#pragma once

#include "path/context.h"

/* The worker of @ctx takes the port in slot @slot as it was published. Worker. */
void take_port(struct context *ctx, uint16_t slot, const struct worker_port *port);
