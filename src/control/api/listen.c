/*
 * The API's socket: who owns it, and which clients are accepted.
 *
 * Two resources may be exhausted. Connections: at CONNECTIONS_MAX we stop accepting, and close the
 * connection that has made no progress for longest. Descriptors: accept() fails at once while a
 * client waits, so we stop accepting for a second, and an alarm says why. In both cases clients
 * wait in the backlog and the event loop does not spin.
 */
#include "base/err.h"
#include "base/log.h"
#include "control/alarm.h"
#include "control/api/server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/listener.h>

enum {
	BACKLOG = 64,
	/* after this time without progress a connection may be closed for another one */
	STALLED_MS = 1000,
	ROOM_RETRY_MS = 100,
	DESCRIPTORS_RETRY_MS = 1000,
};

static socklen_t make_address(struct sockaddr_un *addr, const char *path)
{
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(addr->sun_path, sizeof(addr->sun_path), "%s", path);
	return sizeof(*addr);
}

/* Only the kernel knows whether a process listens, of any socket type, however busy. */
static bool somebody_listens(const char *path)
{
	struct sockaddr_un addr;
	socklen_t len = make_address(&addr, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool listens;

	if (fd < 0)
		return true;
	listens = connect(fd, (struct sockaddr *)&addr, len) == 0 ||
		  (errno != ECONNREFUSED && errno != ENOENT);
	close(fd);
	return listens;
}

int listen_check(const char *path, struct err_list *errs)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		err_add(errs, NULL, 0, 0, "the API needs the path %s, but it is not a socket",
			path);
		return -1;
	}
	if (!somebody_listens(path))
		return 0;
	err_add(errs, NULL, 0, 0,
		"another program listens on %s: stop it, or give the API another socket "
		"(api.socket)",
		path);
	return -1;
}

static int open_socket(const char *path, struct err_list *errs)
{
	struct sockaddr_un addr;
	socklen_t len = make_address(&addr, path);
	mode_t mask;
	int fd, err;

	if (listen_check(path, errs) < 0)
		return -1;
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	mask = umask(0117); /* 0660 from the first moment */
	err = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&addr, len);
	umask(mask);
	if (err == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	err_add(errs, NULL, 0, 0, "cannot listen on %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static void pause_listener(struct api *api, unsigned ms)
{
	const struct timeval later = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	evconnlistener_disable(api->listener.events);
	api->listener.paused = true;
	event_add(api->listener.retry, &later);
}

/* Is there room for another connection? If not, pauses. */
static bool have_room(struct api *api)
{
	if (api->n_connections < CONNECTIONS_MAX || connection_evict(api, STALLED_MS))
		return true;
	pause_listener(api, ROOM_RETRY_MS);
	return false;
}

static void retry_listening(evutil_socket_t fd, short what, void *arg)
{
	struct api *api = arg;

	if (!have_room(api))
		return;
	api->listener.paused = false;
	evconnlistener_enable(api->listener.events);
}

void listen_room(struct api *api)
{
	const struct timeval now = {0};

	/* out of descriptors: do not take the last free one; wait as planned */
	if (api->listener.paused && api->n_connections == CONNECTIONS_MAX - 1)
		event_add(api->listener.retry, &now);
}

static void let_in(struct evconnlistener *events, evutil_socket_t fd, struct sockaddr *addr,
		   int len, void *arg)
{
	struct api *api = arg;

	if (connection_open(api, fd) < 0)
		return;
	alarm_clear(api->ctx.alarms, ALARM_DESCRIPTORS, "api");
	have_room(api);
}

static void accept_failed(struct evconnlistener *events, void *arg)
{
	struct api *api = arg;
	int err = EVUTIL_SOCKET_ERROR();

	alarm_raise(api->ctx.alarms, ALARM_DESCRIPTORS, "api", "cannot accept an API client: %s",
		    strerror(err));
	connection_evict(api, STALLED_MS);
	pause_listener(api, DESCRIPTORS_RETRY_MS);
}

/* Is the file at the path our socket? */
static bool is_ours(const struct api *api)
{
	struct stat st;

	return lstat(api->ctx.config->api_socket, &st) == 0 && st.st_dev == api->listener.dev &&
	       st.st_ino == api->listener.ino;
}

/* Replaces the previous listener, if there was one. */
static int listen_begin(struct api *api, struct err_list *errs)
{
	struct listener *l = &api->listener;
	const char *path = api->ctx.config->api_socket;
	int fd = open_socket(path, errs);
	struct evconnlistener *events;
	struct stat st;

	if (fd < 0)
		return -1;
	events = evconnlistener_new(api->base, let_in, api,
				    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (events == NULL || lstat(path, &st) < 0) {
		err_add(errs, NULL, 0, 0, "not enough memory for the API");
		if (events != NULL)
			evconnlistener_free(events);
		else
			close(fd);
		return -1;
	}
	if (l->events != NULL)
		evconnlistener_free(l->events);
	l->events = events;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	evconnlistener_set_error_cb(events, accept_failed);
	if (l->paused)
		evconnlistener_disable(events);
	return 0;
}

int listen_start(struct api *api, struct err_list *errs)
{
	api->listener.retry = evtimer_new(api->base, retry_listening, api);
	if (api->listener.retry != NULL)
		return listen_begin(api, errs);
	err_add(errs, NULL, 0, 0, "not enough memory for the API");
	return -1;
}

/* Programs that clean up directories may delete sockets as old files. */
void listen_hold(struct api *api)
{
	struct err_list errs = ERR_LIST_EMPTY;

	if (is_ours(api))
		return;
	if (listen_begin(api, &errs) == 0) {
		log_warning("another program removed %s; it has been made again",
			    api->ctx.config->api_socket);
		alarm_clear(api->ctx.alarms, ALARM_API_SOCKET, "api");
	} else {
		alarm_raise(api->ctx.alarms, ALARM_API_SOCKET, "api", "%s", errs.errs[0].text);
	}
	err_list_fini(&errs);
}

void listen_stop(struct api *api)
{
	struct listener *l = &api->listener;

	if (l->events != NULL && is_ours(api))
		unlink(api->ctx.config->api_socket);
	if (l->events != NULL)
		evconnlistener_free(l->events);
	if (l->retry != NULL)
		event_free(l->retry);
	l->paused = false; /* for listen_room() */
}
