/*
 * The socket for charon's plugin: see server.h.
 *
 * Only root may connect, by the socket's mode and by the credentials that the kernel tells. One
 * charon has two connections; a second charon takes the place of the first, since two would give
 * us SAs for the same tunnels.
 */
#include "control/ipsec/server.h"

#include "base/err.h"
#include "base/log.h"
#include "base/types.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

enum { BACKLOG = 8, NEWCOMERS_MAX = 8 };

/* A connection; free if its fd is -1. */
struct peer {
	struct ike_server *server;
	struct event *event;
	int fd;
	uint32_t pid;
	enum ike_connection what; /* 0: no hello yet */
};

struct ike_server {
	struct ike_server_parts parts;
	struct event_base *base;
	struct event *listener;
	uint64_t instance, bad;
	struct peer peers[NEWCOMERS_MAX];
	struct peer *requests, *events; /* NULL: not there */
	bool connected;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int fd;
};

static void drop_peer(struct peer *p)
{
	struct ike_server *s = p->server;

	if (p->event != NULL)
		event_free(p->event);
	close(p->fd);
	p->event = NULL;
	p->fd = -1;
	p->what = 0;
	if (s->requests == p)
		s->requests = NULL;
	if (s->events == p)
		s->events = NULL;
	if (s->connected && (s->requests == NULL || s->events == NULL)) {
		s->connected = false;
		s->parts.disconnected(s->parts.arg);
	}
}

static bool send_message(struct peer *p, enum ike_type type, uint32_t number, uint32_t status,
			 struct ike_message *m)
{
	size_t len = ike_message_len(type);

	m->header = (struct ike_header){.magic = IKE_MAGIC,
					.version = IKE_VERSION,
					.type = (uint16_t)type,
					.number = number,
					.status = status};
	return send(p->fd, m, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

static bool reply(struct peer *p, uint32_t number, enum ike_status status,
		  const struct ike_answer *answer)
{
	struct ike_message m = {.answer = *answer};

	return send_message(p, IKE_REPLY, number, status, &m);
}

/* Another charon, or the same one again: what is there of the former is closed. */
static void take_place(struct peer *p, enum ike_connection what)
{
	struct ike_server *s = p->server;
	struct peer *one = s->requests, *two = s->events;

	if (one != NULL && (what == IKE_REQUESTS || one->pid != p->pid))
		drop_peer(one);
	if (two != NULL && (what == IKE_EVENTS || two->pid != p->pid))
		drop_peer(two);
	p->what = what;
	if (what == IKE_REQUESTS)
		s->requests = p;
	else
		s->events = p;
}

static bool greet(struct peer *p, const struct ike_message *m)
{
	struct ike_server *s = p->server;
	uint32_t what = m->hello.connection;

	if (p->what != 0 || (what != IKE_REQUESTS && what != IKE_EVENTS))
		return false;
	p->pid = m->hello.pid;
	take_place(p, what);
	if (!reply(p, m->header.number, IKE_OK, &(struct ike_answer){.instance = s->instance}))
		return false;
	if (!s->connected && s->requests != NULL && s->events != NULL) {
		s->connected = true;
		s->parts.connected(s->parts.arg, p->pid);
	}
	return true;
}

static bool answer_request(struct peer *p, const struct ike_message *m)
{
	struct ike_answer answer = {0};
	enum ike_status status = p->server->parts.request(p->server->parts.arg, m, &answer);

	return reply(p, m->header.number, status, &answer);
}

/* False: the connection is to be closed. */
static bool handle(struct peer *p, const struct ike_message *m, size_t len)
{
	const struct ike_header *h = &m->header;

	if (len < sizeof(*h) || h->magic != IKE_MAGIC)
		return false;
	if (h->version != IKE_VERSION) {
		log_error("charon's plugin kernel-homeward has version %u of the messages, this "
			  "program %d: install both from one release",
			  h->version, IKE_VERSION);
		reply(p, h->number, IKE_OTHER_VERSION, &(struct ike_answer){0});
		return false;
	}
	if (len != ike_message_len(h->type))
		return false;
	if (h->type == IKE_HELLO)
		return greet(p, m);
	if (p->what != IKE_REQUESTS || h->type >= IKE_REPLY)
		return false;
	return answer_request(p, m);
}

static void readable(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;
	struct ike_message m;
	ssize_t n = recv(fd, &m, sizeof(m), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && !handle(p, &m, (size_t)n)) {
		p->server->bad++;
		n = -1;
	}
	explicit_bzero(&m, sizeof(m));
	if (n <= 0)
		drop_peer(p);
}

static bool is_root(int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
	       (who.uid == 0 || who.uid == geteuid());
}

static struct peer *free_peer(struct ike_server *s)
{
	for (unsigned i = 0; i < NEWCOMERS_MAX; i++)
		if (s->peers[i].fd < 0)
			return &s->peers[i];
	return NULL;
}

static void accept_peer(evutil_socket_t listener, short what, void *arg)
{
	struct ike_server *s = arg;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct peer *p = free_peer(s);

	if (fd < 0)
		return;
	if (p == NULL || !is_root(fd)) {
		close(fd);
		return;
	}
	*p = (struct peer){.server = s, .fd = fd};
	p->event = event_new(s->base, fd, EV_READ | EV_PERSIST, readable, p);
	if (p->event == NULL || event_add(p->event, NULL) != 0)
		drop_peer(p);
}

/* Does a process listen on the address? A path without one is left over. */
static bool somebody_listens(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool listens;

	if (fd < 0)
		return true;
	listens = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		  (errno != ECONNREFUSED && errno != ENOENT);
	close(fd);
	return listens;
}

static int open_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd, err;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (somebody_listens(&address)) {
		errno = EADDRINUSE;
		return -1;
	}
	unlink(path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	mask = umask(0177); /* 0600 from the first moment */
	err = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (err == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	close(fd);
	return -1;
}

struct ike_server *ike_server_create(struct event_base *base, const char *path, uint64_t instance,
				     const struct ike_server_parts *parts, struct err_list *errs)
{
	struct ike_server *s = calloc(1, sizeof(*s));

	if (s == NULL || strlen(path) >= sizeof(s->path)) {
		err_add(errs, NULL, 0, 0, "the path of charon's socket is too long: %s", path);
		free(s);
		return NULL;
	}
	*s = (struct ike_server){.parts = *parts, .base = base, .instance = instance};
	snprintf(s->path, sizeof(s->path), "%s", path);
	for (unsigned i = 0; i < NEWCOMERS_MAX; i++)
		s->peers[i].fd = -1;
	s->fd = open_socket(path);
	if (s->fd >= 0)
		s->listener = event_new(base, s->fd, EV_READ | EV_PERSIST, accept_peer, s);
	if (s->listener != NULL && event_add(s->listener, NULL) == 0)
		return s;
	err_add(errs, NULL, 0, 0, "cannot listen on %s for charon's plugin: %s", path,
		strerror(errno));
	ike_server_destroy(s);
	return NULL;
}

void ike_server_destroy(struct ike_server *s)
{
	if (s == NULL)
		return;
	s->connected = false; /* nobody is told any more */
	for (unsigned i = 0; i < NEWCOMERS_MAX; i++)
		if (s->peers[i].fd >= 0)
			drop_peer(&s->peers[i]);
	if (s->listener != NULL)
		event_free(s->listener);
	if (s->fd >= 0) {
		close(s->fd);
		unlink(s->path);
	}
	free(s);
}

bool ike_server_is_connected(const struct ike_server *s)
{
	return s->connected;
}

bool ike_server_send(struct ike_server *s, enum ike_type type, struct ike_message *m)
{
	return s->connected && send_message(s->events, type, 0, IKE_OK, m);
}

uint64_t ike_server_bad(const struct ike_server *s)
{
	return s->bad;
}
