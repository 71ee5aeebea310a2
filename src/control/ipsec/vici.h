/*
 * The connection to charon's control socket: requests one after the other, each with its answer,
 * and events. It is opened again each second when it is away.
 *
 * Control thread, in its event loop: nothing here waits.
 */
#pragma once

#include "control/ipsec/vici_message.h"

#define VICI_SOCKET "/run/charon.vici"

struct event_base;
struct vici;

struct vici_parts {
	void (*connected)(void *arg);
	void (*disconnected)(void *arg); /* all requests have been answered by NULL before */
	/* an event of charon, a message of @len bytes */
	void (*event)(void *arg, const char *name, const uint8_t *data, size_t len);
	void *arg;
};

/*
 * The answer, a message of @len bytes; NULL: charon does not know the command, or the connection
 * broke.
 */
typedef void (*vici_answer_fn)(void *arg, void *request, const uint8_t *data, size_t len);

/* @path and the names in @events, which NULL ends, are borrowed. NULL if memory ran out. */
struct vici *vici_create(struct event_base *base, const char *path, const char *const *events,
			 const struct vici_parts *parts);
void vici_destroy(struct vici *v); /* NULL is fine; nobody is told */

bool vici_is_connected(const struct vici *v);

/*
 * Sends @command with the message of @w, which is taken over, and wiped when it was sent; NULL: an
 * empty one. @answer gets @request back, exactly once, at once if there is no connection. It may be
 * NULL.
 */
void vici_request(struct vici *v, const char *command, struct vici_writer *w, vici_answer_fn answer,
		  void *request);

/* Requests without an answer yet. */
size_t vici_waiting(const struct vici *v);
