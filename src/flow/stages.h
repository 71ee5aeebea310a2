/* The stages of this folder; their contracts are the rows of pipeline.c. */
#pragma once

#include "context.h"

void stage_lookup(struct context *ctx, struct burst *b);
void stage_lookup6(struct context *ctx, struct burst *b);
void stage_forward6(struct context *ctx, struct burst *b);
void stage_forward(struct context *ctx, struct burst *b);
