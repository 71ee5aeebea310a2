/*
 * The socket for charon's plugin (ike_message.h): connections, hello, framing.
 *
 * It knows the form of messages and not what they mean. Control thread, in its event loop.
 */
#pragma once

#include "control/ipsec/ike_message.h"

#include <stdbool.h>
#include <stdint.h>

struct err_list;
struct event_base;
struct ike_server;

struct ike_server_parts {
	/*
	 * A request of a known type and of its full length. The answer goes to @answer, which is
	 * zero. The request is wiped afterwards.
	 */
	enum ike_status (*request)(void *arg, const struct ike_message *request,
				   struct ike_answer *answer);
	/* A plugin is there, of the charon with this process ID, with both connections. */
	void (*connected)(void *arg, uint32_t pid);
	void (*disconnected)(void *arg);
	void *arg;
};

/*
 * Listens on @path, with mode 0600; @instance goes into the answer to a hello. Takes the path from
 * a process that has ended, never from one that listens. NULL with a sentence in @errs.
 */
struct ike_server *ike_server_create(struct event_base *base, const char *path, uint64_t instance,
				     const struct ike_server_parts *parts, struct err_list *errs);
void ike_server_destroy(struct ike_server *s); /* NULL is fine */

bool ike_server_is_connected(const struct ike_server *s);

/* Sends @m, an event of @type. False: no plugin is there, or it does not read. */
bool ike_server_send(struct ike_server *s, enum ike_type type, struct ike_message *m);

/* Messages that were no valid request. */
uint64_t ike_server_bad(const struct ike_server *s);
