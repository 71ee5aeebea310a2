/* Outer headers: see decapsulate.c. */
#pragma once

#include "path/context.h"

/*
 * Processes one packet, for stage_reassemble(). @p->data is at the outer IP header. Writes to @next
 * STAGE_PARSE or STAGE_PARSE6; STAGE_ESP_OPEN: it is ESP, and @p->data is where it was.
 */
enum drop decapsulate_reassembled(struct context *ctx, struct packet *p, enum stage *next);
