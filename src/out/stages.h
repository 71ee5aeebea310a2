/* The stages of this folder; their contracts are the rows of worker/pipeline.c. */
#pragma once

#include "path/context.h"

void stage_forward(struct context *ctx, struct burst *b);
void stage_forward6(struct context *ctx, struct burst *b);
void stage_rewrite(struct context *ctx, struct burst *b);
void stage_rewrite6(struct context *ctx, struct burst *b);
void stage_rewrite_embedded(struct context *ctx, struct burst *b);
void stage_fragment(struct context *ctx, struct burst *b);
void stage_encapsulate(struct context *ctx, struct burst *b);
void stage_encapsulate6(struct context *ctx, struct burst *b);
void stage_esp_seal(struct context *ctx, struct burst *b);
void stage_hairpin(struct context *ctx, struct burst *b);
void stage_transmit(struct context *ctx, struct burst *b);
void stage_drop(struct context *ctx, struct burst *b);
