/* Outer headers: see decapsulate.c. */
#pragma once

#include "path/context.h"

/*
 * What the stage does with one packet, for stage_reassemble(), @p->data at the outer IP header.
 * @next: STAGE_PARSE, or STAGE_PARSE6.
 */
enum drop decapsulate_reassembled(struct context *ctx, struct packet *p, enum stage *next);
