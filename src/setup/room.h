/*
 * Room: new flows can replace flows whose timeout is over, before the sweep ends those.
 *
 * Private to setup/, except for the worker's sweep. Work is bounded for each burst: all its first
 * packets together visit at most LOOKS_PER_BURST records or ports, in equal shares, so that no
 * packet uses up the share of another.
 */
#pragma once

#include "setup/setup.h"

enum {
	LOOKS_PER_BURST = 4096,
	SWEEPS_PER_PACKET = 16, /* records that a packet sweeps if its table or its site is full */
	SWEEPS_PER_BURST = 256,
};

/* The looks of one first packet of this burst: LOOKS_PER_BURST if it is the only one. */
unsigned room_share(const struct context *ctx);

/*
 * Ends the flow of @record, without rest, and releases all that setup took for it. Ends the rest of
 * a resting flow. False: a packet of this burst refers to it; the flow goes on.
 */
bool room_end_flow(struct context *ctx, bool six, uint32_t record);

/* Would room_end_flow() end it? */
bool room_may_end(struct context *ctx, bool six, uint32_t record);

/* When no record is free: ends the oldest rest early. False: no record rests. */
bool room_wake_oldest(struct context *ctx, bool six);

/* For a packet that was refused: sweeps its share of records. True: flows ended, so try again. */
bool room_make(struct setup *s);
