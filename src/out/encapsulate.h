/* Outer headers: see encapsulate.c. */
#pragma once

#include "path/context.h"
#include "path/family.h"

/* Encapsulates one packet of family @y, for stage_fragment(). @nexthop is resolved. */
void encapsulate_packet(struct context *ctx, struct packet *p, const struct nexthop *nexthop,
			const struct family *y);
