/* The stages of this folder; their contracts are the rows of worker/pipeline.c. */
#pragma once

#include "path/context.h"

void stage_decapsulate(struct context *ctx, struct burst *b);
void stage_esp_open(struct context *ctx, struct burst *b);
void stage_parse(struct context *ctx, struct burst *b);
void stage_reassemble(struct context *ctx, struct burst *b);
void stage_parse6(struct context *ctx, struct burst *b);
void stage_embedded(struct context *ctx, struct burst *b);
void stage_lookup(struct context *ctx, struct burst *b);
void stage_lookup6(struct context *ctx, struct burst *b);
void stage_ask(struct context *ctx, struct burst *b);
void stage_ask6(struct context *ctx, struct burst *b);
