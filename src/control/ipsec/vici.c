/*
 * The connection to charon's control socket: see vici.h.
 *
 * charon answers requests in their order, so answers need no numbers. Events come in between.
 */
#include "control/ipsec/vici.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

enum packet {
	CMD_REQUEST = 0,
	CMD_RESPONSE = 1,
	CMD_UNKNOWN = 2,
	EVENT_REGISTER = 3,
	EVENT_CONFIRM = 5,
	EVENT_UNKNOWN = 6,
	EVENT = 7,
};

enum { PACKET_MAX = 512 * 1024, AGAIN_S = 1, LENGTH = 4 };

struct request {
	STAILQ_ENTRY(request) next;
	vici_answer_fn answer;
	void *request;
};

struct vici {
	struct vici_parts parts;
	struct event_base *base;
	const char *path;
	const char *const *events;
	struct bufferevent *stream; /* NULL: no connection */
	struct event *again;
	STAILQ_HEAD(, request) waiting;
	size_t n_waiting;
	unsigned registering; /* events that charon has not confirmed yet */
	bool connected; /* all are confirmed */
	bool complained;
};

static void complain(struct vici *v, const char *why)
{
	if (!v->complained)
		log_warning("no connection to charon at %s: %s; IPsec tunnels cannot be set up or "
			    "renewed until there is one",
			    v->path, why);
	v->complained = true;
}

static void answer_first(struct vici *v, const uint8_t *data, size_t len)
{
	struct request *r = STAILQ_FIRST(&v->waiting);

	if (r == NULL)
		return;
	STAILQ_REMOVE_HEAD(&v->waiting, next);
	v->n_waiting--;
	if (r->answer != NULL)
		r->answer(v->parts.arg, r->request, data, len);
	free(r);
}

static void try_later(struct vici *v)
{
	const struct timeval later = {.tv_sec = AGAIN_S};

	event_add(v->again, &later);
}

static void disconnect(struct vici *v, const char *why)
{
	bool was_connected = v->connected;

	bufferevent_free(v->stream);
	v->stream = NULL;
	v->connected = false;
	while (v->n_waiting > 0)
		answer_first(v, NULL, 0);
	complain(v, why);
	if (was_connected)
		v->parts.disconnected(v->parts.arg);
	try_later(v);
}

/* Secrets are in it: they must not stay in memory that is given to others. */
static void wipe_sent(const void *data, size_t len, void *arg)
{
	explicit_bzero((void *)data, len);
	free((void *)data);
}

/*
 * A packet with a name, and behind it the message of @w, NULL if there is none. Its memory is given
 * to the buffer, and not copied: it is wiped when it was sent, or cannot be.
 */
static void send_packet(struct vici *v, enum packet type, const char *name, struct vici_writer *w)
{
	struct evbuffer *out = bufferevent_get_output(v->stream);
	size_t name_len = strlen(name);
	size_t len = w == NULL ? 0 : w->len;
	uint32_t total = htonl((uint32_t)(2 + name_len + len));
	const uint8_t head[2] = {(uint8_t)type, (uint8_t)name_len};

	evbuffer_add(out, &total, sizeof(total));
	evbuffer_add(out, head, sizeof(head));
	evbuffer_add(out, name, name_len);
	if (len > 0 && evbuffer_add_reference(out, w->data, len, wipe_sent, NULL) == 0)
		*w = (struct vici_writer){0};
}

static void confirmed(struct vici *v)
{
	if (v->registering == 0 || --v->registering > 0)
		return;
	v->connected = true;
	v->complained = false;
	v->parts.connected(v->parts.arg);
}

static bool take_event(struct vici *v, const uint8_t *p, size_t len)
{
	char name[VICI_NAME_MAX + 1];
	size_t name_len = len == 0 ? 0 : p[0];

	if (len < 1 + name_len)
		return false;
	memcpy(name, p + 1, name_len);
	name[name_len] = '\0';
	if (v->connected)
		v->parts.event(v->parts.arg, name, p + 1 + name_len, len - 1 - name_len);
	return true;
}

/* False: charon breaks the protocol. */
static bool take_packet(struct vici *v, const uint8_t *p, size_t len)
{
	switch (p[0]) {
	case CMD_RESPONSE:
		answer_first(v, p + 1, len - 1);
		return true;
	case CMD_UNKNOWN:
		answer_first(v, NULL, 0);
		return true;
	case EVENT_CONFIRM:
	case EVENT_UNKNOWN:
		confirmed(v);
		return true;
	case EVENT:
		return take_event(v, p + 1, len - 1);
	default:
		return false;
	}
}

/* An answer may close the connection: then the stream is another one, or none. */
static void readable(struct bufferevent *stream, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(stream);
	struct vici *v = arg;
	uint32_t len;

	while (v->stream == stream && evbuffer_copyout(in, &len, LENGTH) == LENGTH) {
		const uint8_t *p;

		len = ntohl(len);
		if (len == 0 || len > PACKET_MAX) {
			disconnect(v, "it does not speak vici");
			return;
		}
		if (evbuffer_get_length(in) < LENGTH + (size_t)len)
			return;
		p = evbuffer_pullup(in, (ev_ssize_t)(LENGTH + len));
		if (p == NULL || !take_packet(v, p + LENGTH, len)) {
			if (v->stream == stream)
				disconnect(v, "it does not speak vici");
			return;
		}
		if (v->stream == stream)
			evbuffer_drain(in, LENGTH + len);
	}
}

static void happened(struct bufferevent *stream, short what, void *arg)
{
	struct vici *v = arg;

	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		disconnect(v, what & BEV_EVENT_EOF ? "charon has ended" : strerror(errno));
}

static int open_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void connect_charon(evutil_socket_t fd, short what, void *arg)
{
	struct vici *v = arg;
	int s = open_socket(v->path);

	if (s < 0) {
		complain(v, strerror(errno));
		try_later(v);
		return;
	}
	v->stream = bufferevent_socket_new(v->base, s, BEV_OPT_CLOSE_ON_FREE);
	if (v->stream == NULL) {
		close(s);
		try_later(v);
		return;
	}
	bufferevent_setcb(v->stream, readable, NULL, happened, v);
	bufferevent_enable(v->stream, EV_READ | EV_WRITE);
	v->registering = 0;
	for (const char *const *name = v->events; *name != NULL; name++, v->registering++)
		send_packet(v, EVENT_REGISTER, *name, NULL);
}

struct vici *vici_create(struct event_base *base, const char *path, const char *const *events,
			 const struct vici_parts *parts)
{
	const struct timeval now = {0};
	struct vici *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	*v = (struct vici){.parts = *parts, .base = base, .path = path, .events = events};
	STAILQ_INIT(&v->waiting);
	v->again = evtimer_new(base, connect_charon, v);
	if (v->again != NULL && event_add(v->again, &now) == 0)
		return v;
	vici_destroy(v);
	return NULL;
}

void vici_destroy(struct vici *v)
{
	struct request *r;

	if (v == NULL)
		return;
	while ((r = STAILQ_FIRST(&v->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&v->waiting, next);
		free(r);
	}
	if (v->stream != NULL)
		bufferevent_free(v->stream);
	if (v->again != NULL)
		event_free(v->again);
	free(v);
}

bool vici_is_connected(const struct vici *v)
{
	return v->connected;
}

void vici_request(struct vici *v, const char *command, struct vici_writer *w, vici_answer_fn answer,
		  void *request)
{
	struct request *r = NULL;

	if (v->stream != NULL && (w == NULL || !w->failed))
		r = calloc(1, sizeof(*r));
	if (r == NULL) {
		if (answer != NULL)
			answer(v->parts.arg, request, NULL, 0);
	} else {
		*r = (struct request){.answer = answer, .request = request};
		STAILQ_INSERT_TAIL(&v->waiting, r, next);
		v->n_waiting++;
		send_packet(v, CMD_REQUEST, command, w);
	}
	if (w != NULL)
		vici_free(w);
}

size_t vici_waiting(const struct vici *v)
{
	return v->n_waiting;
}
