/*
 * The pump makes the long answers of all clients, in turns. Private to control/api.
 *
 * In one pass of the event loop it makes a bounded number of steps, for all clients together. Then
 * everything else that waits in the loop has its turn. So the control thread is held for one or two
 * milliseconds at most, whatever the number of clients and the length of their lists.
 */
#pragma once

#include "control/api/stream.h"

#include <sys/queue.h>

struct event_base;

enum {
	PUMP_STEPS = 64, /* in one pass */
	PUMP_NS = 2 * 1000 * 1000, /* the same; whichever is reached first */
	/* passes without progress, while a worker is expected to answer; then the pump sleeps */
	PUMP_PATIENCE = 16,
	PUMP_SLEEP_US = 1000,
};

enum pump_result {
	PUMP_MORE, /* step again */
	PUMP_WAIT, /* it waits for a worker */
	PUMP_LEFT, /* it wants no step, or is freed; pump_join() when it wants steps again */
};

/* A member of a struct whose answer is made in steps. */
struct pump_client {
	TAILQ_ENTRY(pump_client) entry;
	bool joined;
	/* makes one step: see struct stream */
	enum pump_result (*step)(struct pump_client *client, struct writer *w);
};

struct pump;

struct pump *pump_create(struct event_base *base); /* NULL: out of memory */
void pump_destroy(struct pump *pump); /* nobody is joined; NULL is fine */

/* @client has its turns from now on, the first one in the next pass. It may be joined already. */
void pump_join(struct pump *pump, struct pump_client *client);
void pump_leave(struct pump *pump, struct pump_client *client); /* it may have left already */
