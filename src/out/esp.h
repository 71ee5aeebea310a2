/* ESP, outbound: see esp.c. */
#pragma once

#include "path/context.h"

/*
 * Seals one packet, for stage_fragment(): @p->nexthop is a sealed tunnel. *@gone: it was handed to
 * another worker. Else @p is a finished frame.
 */
enum drop esp_seal_one(struct context *ctx, struct packet *p, bool *gone);
