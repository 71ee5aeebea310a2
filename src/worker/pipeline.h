/*
 * The pipeline: THE table of stages, and running one burst through it.
 */
#pragma once

#include "path/context.h"

struct stage_info {
	const char *name;
	void (*run)(struct context *ctx, struct burst *b);
	const char *help; /* its input and its output */
};

extern const struct stage_info pipeline[STAGE_COUNT];

/* Receives one burst and processes all its packets. Returns the number of packets. */
unsigned pipeline_run(struct context *ctx, struct burst *b);

/*
 * Gives up packets whose fragments have waited too long, and sends the ICMP errors. Returns the
 * number of packets given up.
 */
unsigned pipeline_expire(struct context *ctx, struct burst *b);

struct inject;

/* Sends the next packets of the control thread. Returns how many. */
unsigned pipeline_inject(struct context *ctx, struct burst *b, struct inject *in);
