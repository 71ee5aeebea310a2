/*
 * The server's state, and functions that its files share. Private to control/api.
 *
 *   api.c          starts and stops; finds the route and calls it
 *   listen.c       the socket: who owns it, which clients are accepted
 *   connection.c   one client: HTTP requests and answers
 *   pump.c         long answers, in turns
 *   peer.c         the user of a client
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
struct pump;
TAILQ_HEAD(connection_list, connection);

/* The listening socket. */
struct listener {
	struct evconnlistener *events;
	struct event *retry; /* timer: listens again */
	bool paused;
	dev_t dev; /* of the socket's file, while it is ours */
	ino_t ino;
};

struct api {
	struct event_base *base;
	struct event *sampler; /* timer, once a second: measures the load of the workers */
	struct api_context ctx;
	struct listener listener;
	/* sorted: the one without progress for longest is first */
	struct connection_list connections;
	size_t n_connections;
	struct load {
		uint64_t turns, idle_turns; /* at the last measurement */
	} loads[WORKERS_MAX];
	double busy[WORKERS_MAX];
	struct pump *pump; /* makes the long answers of the connections */
	size_t bodies; /* bytes of all bodies that are being received */
	struct flows_job *left; /* listings whose client left while a worker had the query */
};

/* The request of a client. */
struct api_call {
	const char *method, *url;
	const char *body; /* NULL: none */
	size_t body_len;
	const char *who; /* from peer_name() */
};

/* Answers the request, or refuses it. */
void api_answer(struct api *api, const struct api_call *call, struct api_reply *reply);

/* The largest body that @url takes, bytes. 0: a body is ignored. */
size_t api_body_max(const char *url);

/* The user of the client at @fd. */
void peer_name(int fd, char *who, size_t size);

/*
 * May we create a socket at @path? 0: nothing is there, or only the socket of a killed daemon. -1
 * and a sentence in @errs: another file is there, or another program listens.
 */
int listen_check(const char *path, struct err_list *errs);

int listen_start(struct api *api, struct err_list *errs); /* 0, or -1 and a sentence */
/* checks that clients find our socket at its path; otherwise raises an alarm */
void listen_hold(struct api *api);
void listen_stop(struct api *api); /* removes the socket, if it is still ours */
void listen_room(struct api *api); /* call it when a connection has ended */

/* Takes over @fd, even on failure: -ENOMEM. */
int connection_open(struct api *api, int fd);
void connection_close(struct connection *c);

/* Closes the connection without progress for longest, if that is at least @ms. */
bool connection_evict(struct api *api, uint64_t ms);

/* Frees listings whose worker has answered. @wait: waits for that; the workers must still run. */
void flows_reap(struct api *api, bool wait);
