/*
 * Room: flows whose time is over make place for new ones when those come, not only when the hand
 * comes by.
 *
 * Private to setup/, but for the worker's hand. All work is bounded for each burst: LOOKS_PER_BURST
 * records or ports are looked at for all its first packets together, and each has an equal share,
 * so that none waits for another's.
 */
#pragma once

#include "setup/setup.h"

enum {
	LOOKS_PER_BURST = 4096,
	SWEEPS_PER_PACKET = 16, /* records that a packet sweeps if its table or its site is full */
	SWEEPS_PER_BURST = 256,
};

/* How many looks a first packet of this burst has: LOOKS_PER_BURST if it is the only one. */
unsigned room_share(const struct context *ctx);

/*
 * Ends the flow of record @record, and gives all back that setup took for it; nothing of it rests.
 * A flow that rests ends its rest. False: a packet of this burst has met it, and it lives on.
 */
bool room_end_flow(struct context *ctx, bool six, uint32_t record);

/* Would it? */
bool room_may_end(struct context *ctx, bool six, uint32_t record);

/* There is no free record: a port rests less than it should. False: none rests. */
bool room_wake_oldest(struct context *ctx, bool six);

/* For a packet that was refused: has the hand come to flows that were over? Then try again. */
bool room_make(struct setup *s);
