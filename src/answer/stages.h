/* The stages of this folder; their contracts are the rows of worker/pipeline.c. */
#pragma once

#include "path/context.h"

void stage_answer(struct context *ctx, struct burst *b);
