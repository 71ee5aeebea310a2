/* ESP, inbound: see esp.c. */
#pragma once

#include "path/context.h"

/*
 * Opens a reassembled packet, for stage_reassemble(). @p->data is at the outer IP header, which was
 * checked. *@gone: it was handed to another worker. Else @p is the inner packet, of the family that
 * *@six says.
 */
enum drop esp_open_one(struct context *ctx, struct packet *p, bool *six, bool *gone);
