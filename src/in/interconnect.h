/* Frames of interconnects: see interconnect.c. */
#pragma once

#include "path/context.h"

/*
 * Takes the frames of interconnects out of the list of STAGE_DECAPSULATE, and passes each on. The
 * others stay in it; some of them have lost a priority tag.
 */
void interconnects_take(struct context *ctx, struct burst *b);
