/*
 * The server's own state, and what its files ask of each other. Private to control/api.
 *
 *   api.c          starts and stops; finds the route and asks it
 *   listen.c       the socket: whose it is, who is let in
 *   connection.c   one client: HTTP in, HTTP out
 *   peer.c         who it is
 */
#pragma once

#include "control/api/route.h"

#include <sys/queue.h>
#include <sys/types.h>

enum { CONNECTIONS_MAX = 128 };

struct connection;
struct event;
struct evconnlistener;
struct flows_job;
TAILQ_HEAD(connection_list, connection);

/* The listening socket. */
struct listener {
	struct evconnlistener *events;
	struct event *retry; /* listens again */
	bool paused;
	dev_t dev; /* of the socket's file, as long as it is ours */
	ino_t ino;
};

struct api {
	struct event_base *base;
	struct event *sampler; /* once a second: how busy are the workers */
	struct api_context ctx;
	struct listener listener;
	struct connection_list connections; /* who has waited longest for progress comes first */
	size_t n_connections;
	struct load {
		uint64_t turns, idle_turns; /* at the last sample */
	} loads[WORKERS_MAX];
	double busy[WORKERS_MAX];
	size_t bodies; /* bytes of the bodies that are being received */
	struct flows_job *left; /* listings whose client has left while a worker was asked */
};

/* What a client has asked. */
struct api_call {
	const char *method, *url;
	const char *body; /* NULL: none */
	size_t body_len;
	const char *who; /* peer_name() */
};

/* Answers, or refuses. */
void api_answer(struct api *api, const struct api_call *call, struct api_reply *reply);

/* How many bytes a body sent to @url may have. 0: it is thrown away. */
size_t api_body_max(const char *url);

/* The user at the other end of @fd. */
void peer_name(int fd, char *who, size_t size);

/*
 * May we have a socket at @path? 0: nothing is there, or what a killed daemon left. -1 and a
 * sentence in @errs: something else is there, or another program listens.
 */
int listen_check(const char *path, struct err_list *errs);

int listen_start(struct api *api, struct err_list *errs); /* 0, or -1 and a sentence */
void listen_hold(struct api *api); /* the socket is where clients look for it, or an alarm */
void listen_stop(struct api *api); /* removes the socket, if it is still ours */
void listen_room(struct api *api); /* a connection has ended */

/* Takes over @fd, also on failure: -ENOMEM. */
int connection_open(struct api *api, int fd);
void connection_close(struct connection *c);

/* Ends whoever has waited longest for progress, if that is at least @ms. */
bool connection_evict(struct api *api, uint64_t ms);

/* Frees listings whose worker has answered. @wait: waits for it; the workers must still run. */
void flows_reap(struct api *api, bool wait);
