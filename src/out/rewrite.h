/* Translation: see rewrite.c, and rewrite6.c for IPv6. */
#pragma once

#include "path/context.h"

/* Translate one packet, for stage_fragment(). */
void rewrite(struct context *ctx, struct packet *p);
void rewrite6(struct context *ctx, struct packet *p);
