/* Translation: see rewrite.c, and rewrite6.c for IPv6. */
#pragma once

#include "path/context.h"

/* What the stages do with one packet, for stage_fragment(). */
void rewrite(struct context *ctx, struct packet *p);
void rewrite6(struct context *ctx, struct packet *p);
