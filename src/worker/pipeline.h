/*
 * The pipeline: THE table of stages, and running one burst through it.
 */
#pragma once

#include "path/context.h"

struct stage_info {
	const char *name;
	void (*run)(struct context *ctx, struct burst *b);
	const char *help; /* what it takes in, what it passes on */
};

extern const struct stage_info pipeline[STAGE_COUNT];

/* Receives one burst and takes every packet of it to its end. Returns how many there were. */
unsigned pipeline_run(struct context *ctx, struct burst *b);

/*
 * Gives up fragments that have waited too long, and says so. Returns how many packets they were of.
 */
unsigned pipeline_expire(struct context *ctx, struct burst *b);
