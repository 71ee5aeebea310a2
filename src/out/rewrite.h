/* Translation: see rewrite.c. */
#pragma once

#include "path/context.h"
#include "path/family.h"

/* Translates one packet of family @y, for stage_fragment(). */
void rewrite_packet(struct context *ctx, struct packet *p, const struct family *y);
