/* Outer headers: see encapsulate.c. */
#pragma once

#include "path/context.h"

/* Encapsulate one packet, for stage_fragment(). @nexthop is resolved. */
void encapsulate(struct context *ctx, struct packet *p, const struct nexthop *nexthop);
void encapsulate6(struct context *ctx, struct packet *p, const struct nexthop *nexthop);
