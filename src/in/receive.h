/* Where packets come in: see receive.c. */
#pragma once

#include "path/context.h"

/* Fills an empty burst from all ports in turn. Returns the number of packets. */
unsigned receive(struct context *ctx, struct burst *b);
