/*
 * One client of the API: HTTP/1.1 requests and answers.
 *
 * http_parser parses; a bufferevent waits, so that the control thread never blocks. The cost of a
 * client is bounded: a limited amount of input is read (the socket holds the rest), one request is
 * processed at a time, and a limited amount of output waits for the client. A long answer
 * (stream.h) is made in steps by the pump, while there is room for output. Every refusal is JSON,
 * even if the request is not HTTP.
 *
 * A connection lives from connection_open() until connection_close(). It is closed when the client
 * has left, when the last answer is sent, or when it has made no progress for TIMEOUT_S. Progress
 * is: the connection was made, an answer was finished, or a part of an answer was read. Bytes that
 * trickle in are no progress. A stream may have more patience with its reader.
 */
#include "base/mono.h"
#include "control/api/expect.h"
#include "control/api/pump.h"
#include "control/api/server.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <http_parser.h>

enum {
	URL_MAX = 2048,
	HEADERS_MAX = 8192, /* bytes, with the request line */
	BODY_MAX = 4096, /* for routes that need no body */
	BODY_ROOM = 16 * 1024, /* first size */
	BODY_READ = 64 * 1024, /* of one system call */
	BODY_READS = 16, /* before other clients have their turn */
	OUTPUT_HIGH = 64 * 1024, /* above this no more output is made, */
	OUTPUT_LOW = 16 * 1024, /* until it has fallen to this */
	WRITE_MAX = 64 * 1024, /* of one system call */
	TIMEOUT_S = 30,
	WHO_SIZE = 64,
	REAL_DIGITS = 6, /* reals are shares, which need no more digits */
};

#define JSON_TYPE "application/json"

struct connection {
	TAILQ_ENTRY(connection) entry; /* in api->connections */
	struct api *api;
	struct bufferevent *bev;
	struct pump_client pumped; /* while the stream has room for output */
	struct event *deadline;
	struct evbuffer *part; /* output of the stream, not yet framed */
	struct stream *stream; /* NULL: the whole answer is in the output */
	http_parser parser;
	uint64_t progress_ms;
	size_t body_len, body_max;
	char *body; /* NULL: the body is ignored, or has not begun */
	size_t body_room; /* its part of api->bodies */
	int refused; /* HTTP status of an error found while reading; 0: none */
	bool keep_body; /* the route takes the body */
	bool busy; /* a request is being processed */
	bool keep; /* another request may follow */
	bool chunked;
	bool half_closed; /* the client has shut down its side */
	struct expect expect;
	size_t url_len;
	char url[URL_MAX + 1];
};

/* The connection that has waited longest is first. */
static void note_progress(struct connection *c)
{
	bool is_patient = c->stream != NULL && c->stream->patience_s > 0;
	const struct timeval timeout = {.tv_sec = is_patient ? c->stream->patience_s : TIMEOUT_S};

	c->progress_ms = mono_ms();
	TAILQ_REMOVE(&c->api->connections, c, entry);
	TAILQ_INSERT_TAIL(&c->api->connections, c, entry);
	event_add(c->deadline, &timeout);
}

/* @more: further headers, each with its end of line. */
static void write_head(struct connection *c, int status, const char *type, const char *more)
{
	evbuffer_add_printf(bufferevent_get_output(c->bev),
			    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n"
			    "Cache-Control: no-store\r\n%s%s\r\n",
			    status, http_status_str((enum http_status)status), type,
			    c->keep ? "" : "Connection: close\r\n", more);
}

static void start_stream(struct connection *c, struct stream *stream)
{
	c->stream = stream;
	c->chunked = c->parser.http_major > 1 || c->parser.http_minor > 0;
	c->keep = c->keep && c->chunked; /* false: the end of the connection ends the answer */
	write_head(c, 200, stream->type != NULL ? stream->type : JSON_TYPE,
		   c->chunked ? "Transfer-Encoding: chunked\r\n" : "");
	bufferevent_setwatermark(c->bev, EV_WRITE, OUTPUT_LOW, 0);
	pump_join(c->api->pump, &c->pumped);
}

static int write_part(const char *text, size_t len, void *arg)
{
	return evbuffer_add(arg, text, len);
}

/* Writes @json, a whole answer, and releases it. */
static void write_json(struct evbuffer *out, json_t *json)
{
	json_dump_callback(json, write_part, out, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
	json_decref(json);
	evbuffer_add(out, "\n", 1);
}

/* Takes ownership of what is in @reply. */
static void send_reply(struct connection *c, struct api_reply *reply)
{
	char more[64];
	size_t len;

	if (reply->stream != NULL) {
		start_stream(c, reply->stream);
		return;
	}
	if (reply->body == NULL)
		reply_error(reply, 500, "out of memory");
	write_json(c->part, reply->body);
	len = evbuffer_get_length(c->part);
	snprintf(more, sizeof(more), "%s%s%sContent-Length: %zu\r\n",
		 reply->allow != NULL ? "Allow: " : "", reply->allow != NULL ? reply->allow : "",
		 reply->allow != NULL ? "\r\n" : "", len);
	write_head(c, reply->status, JSON_TYPE, more);
	if (c->parser.method == HTTP_HEAD)
		evbuffer_drain(c->part, len);
	bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
	evbuffer_add_buffer(bufferevent_get_output(c->bev), c->part);
}

static void drop_body(struct connection *c)
{
	free(c->body);
	c->body = NULL;
	c->api->bodies -= c->body_room;
	c->body_room = 0;
}

static void handle_request(struct connection *c)
{
	struct api_reply reply = {.status = 200};
	char who[WHO_SIZE] = "";
	const struct api_call call = {
		.method = http_method_str((enum http_method)c->parser.method),
		.url = c->url,
		.body = c->body,
		.body_len = c->body != NULL ? c->body_len : 0,
		.who = who,
	};

	c->busy = true;
	if (c->parser.method == HTTP_POST)
		peer_name(bufferevent_getfd(c->bev), who, sizeof(who));
	api_answer(c->api, &call, &reply);
	drop_body(c);
	send_reply(c, &reply);
}

/* A request that cannot be parsed ends the connection: the begin of the next one is unknown. */
static void refuse(struct connection *c)
{
	enum http_errno err = HTTP_PARSER_ERRNO(&c->parser);
	struct api_reply reply = {.status = 200};

	c->busy = true;
	c->keep = false;
	if (c->refused == 413)
		reply_error(&reply, 413, "a request's body may have %zu bytes", c->body_max);
	else if (c->refused == 503)
		reply_error(&reply, 503, "there is no room for this body now: try again");
	else if (c->refused == 414)
		reply_error(&reply, 414, "a path may have %d bytes, with its arguments", URL_MAX);
	else if (err == HPE_HEADER_OVERFLOW)
		reply_error(&reply, 431, "a request's headers may have %d bytes", HEADERS_MAX);
	else if (err == HPE_INVALID_METHOD)
		reply_error(&reply, 501, "no such method: there are GET and POST");
	else
		reply_error(&reply, 400, "this is not HTTP/1.1: %s", http_errno_description(err));
	send_reply(c, &reply);
}

static int take_url(http_parser *parser, const char *text, size_t len)
{
	struct connection *c = parser->data;

	if (len > URL_MAX - c->url_len) {
		c->refused = 414;
		return -1;
	}
	memcpy(c->url + c->url_len, text, len);
	c->url_len += len;
	return 0;
}

static int take_header_name(http_parser *parser, const char *text, size_t len)
{
	struct connection *c = parser->data;

	expect_name(&c->expect, text, len);
	return 0;
}

static int take_header_value(http_parser *parser, const char *text, size_t len)
{
	struct connection *c = parser->data;

	expect_value(&c->expect, text, len);
	return 0;
}

/* An HTTP/1.0 client would take it for the answer. */
static void consent(struct connection *c)
{
	if (c->expect.is_asked && (c->parser.http_major > 1 || c->parser.http_minor > 0))
		evbuffer_add_printf(bufferevent_get_output(c->bev),
				    "HTTP/1.1 100 Continue\r\n\r\n");
}

static int take_headers(http_parser *parser)
{
	struct connection *c = parser->data;
	bool announced = (parser->flags & F_CONTENTLENGTH) != 0;
	size_t kept;

	expect_end(&c->expect);
	c->url[c->url_len] = '\0';
	kept = parser->method == HTTP_POST ? api_body_max(c->url) : 0;
	c->keep_body = kept > 0;
	c->body_max = kept > 0 ? kept : BODY_MAX;
	if (announced && parser->content_length > c->body_max)
		c->refused = 413;
	if (c->refused != 0)
		return -1;
	if (announced || (parser->flags & F_CHUNKED) != 0)
		consent(c);
	return 0;
}

/* Makes room for @len bytes and a NUL. All bodies together are bounded, too. */
static bool make_room(struct connection *c, size_t len)
{
	size_t room = c->body_room > 0 ? c->body_room : BODY_ROOM;
	char *body;

	while (room <= len)
		room *= 2;
	if (room == c->body_room)
		return true;
	if (c->api->bodies - c->body_room + room > 2 * (size_t)CONFIG_FILE_MAX)
		return false;
	body = realloc(c->body, room);
	if (body == NULL)
		return false;
	c->body = body;
	c->api->bodies += room - c->body_room;
	c->body_room = room;
	return true;
}

static int take_body(http_parser *parser, const char *text, size_t len)
{
	struct connection *c = parser->data;

	if (len > c->body_max - c->body_len)
		c->refused = 413;
	else if (c->keep_body && !make_room(c, c->body_len + len))
		c->refused = 503;
	if (c->refused != 0)
		return -1;
	if (c->keep_body) {
		memcpy(c->body + c->body_len, text, len);
		c->body[c->body_len + len] = '\0';
	}
	c->body_len += len;
	return 0;
}

static int take_end(http_parser *parser)
{
	struct connection *c = parser->data;

	c->keep = http_should_keep_alive(parser) && !parser->upgrade;
	http_parser_pause(parser, 1); /* one request at a time */
	return 0;
}

static const http_parser_settings parser_settings = {
	.on_url = take_url,
	.on_header_field = take_header_name,
	.on_header_value = take_header_value,
	.on_headers_complete = take_headers,
	.on_body = take_body,
	.on_message_complete = take_end,
};

static void begin_request(struct connection *c)
{
	http_parser_init(&c->parser, HTTP_REQUEST);
	c->parser.data = c;
	c->url_len = 0;
	c->body_len = 0;
	c->refused = 0;
	c->expect = (struct expect){0};
	c->busy = false;
	note_progress(c);
}

/* After the parser has read something: is a request complete, or wrong? */
static void look_at_parser(struct connection *c)
{
	enum http_errno err = HTTP_PARSER_ERRNO(&c->parser);

	if (err == HPE_PAUSED)
		handle_request(c);
	else if (err != HPE_OK)
		refuse(c);
}

/* How much of a body whose length was announced has not come yet. */
static uint64_t body_left(const struct connection *c)
{
	bool begun = !c->busy && c->keep_body && c->body_len > 0;

	return begun && (c->parser.flags & F_CONTENTLENGTH) != 0 ? c->parser.content_length : 0;
}

/*
 * A body is read from the socket itself: libevent reads 4 KiB at a time, and a configuration has a
 * megabyte. The end of the connection, and errors, are left to libevent.
 */
static void read_body(struct connection *c)
{
	static char text[BODY_READ];
	int fd = bufferevent_getfd(c->bev);

	for (unsigned i = 0; i < BODY_READS && body_left(c) > 0; i++) {
		uint64_t left = body_left(c);
		size_t room = left < sizeof(text) ? (size_t)left : sizeof(text);
		ssize_t n = recv(fd, text, room, MSG_DONTWAIT);

		if (n <= 0)
			return;
		http_parser_execute(&c->parser, &parser_settings, text, (size_t)n);
		look_at_parser(c);
	}
}

static void read_requests(struct connection *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer_iovec text;

	while (!c->busy && evbuffer_peek(in, -1, NULL, &text, 1) > 0 && text.iov_len > 0) {
		size_t n = http_parser_execute(&c->parser, &parser_settings, text.iov_base,
					       text.iov_len);

		evbuffer_drain(in, n);
		look_at_parser(c);
	}
	read_body(c);
	if (!c->busy && c->half_closed)
		connection_close(c);
}

/* The whole answer was read by the client, or at least by its socket. */
static void answered(struct connection *c)
{
	if (!c->keep) {
		connection_close(c);
		return;
	}
	begin_request(c);
	read_requests(c);
}

/* Moves the stream's output into the connection's. */
static void send_part(struct connection *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	size_t len = evbuffer_get_length(c->part);

	if (len == 0)
		return;
	if (c->chunked)
		evbuffer_add_printf(out, "%zx\r\n", len);
	evbuffer_add_buffer(out, c->part);
	if (c->chunked)
		evbuffer_add(out, "\r\n", 2);
}

static void end_stream(struct connection *c)
{
	c->stream->end(c->stream);
	c->stream = NULL;
	if (c->chunked)
		evbuffer_add(bufferevent_get_output(c->bev), "0\r\n\r\n", 5);
	bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
}

static bool is_output_full(const struct connection *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev)) >= OUTPUT_HIGH;
}

static struct connection *of_pumped(struct pump_client *client)
{
	return (struct connection *)((char *)client - offsetof(struct connection, pumped));
}

/* One step of the stream; see pump.h. */
static enum pump_result make_step(struct pump_client *client, struct writer *w)
{
	struct connection *c = of_pumped(client);
	enum step step;

	writer_init(w, c->part);
	w->comma = c->stream->comma;
	step = c->stream->step(c->stream, w);
	writer_flush(w);
	c->stream->comma = w->comma;
	if (step == STEP_FAILED || w->failed) {
		connection_close(c);
		return PUMP_LEFT;
	}
	send_part(c);
	if (step == STEP_DONE) {
		end_stream(c);
		return PUMP_LEFT;
	}
	if (is_output_full(c))
		return PUMP_LEFT; /* was_written() continues */
	return step == STEP_WAIT ? PUMP_WAIT : PUMP_MORE;
}

static void was_read(struct bufferevent *bev, void *arg)
{
	read_requests(arg);
}

static void was_written(struct bufferevent *bev, void *arg)
{
	struct connection *c = arg;

	if (!c->busy)
		return;
	if (c->stream == NULL) {
		answered(c);
		return;
	}
	note_progress(c);
	pump_join(c->api->pump, &c->pumped);
}

/*
 * A client that has shut down its side may still wait for the answer; if it has left, writing
 * fails.
 */
static void was_ended(struct bufferevent *bev, short what, void *arg)
{
	struct connection *c = arg;

	if ((what & BEV_EVENT_EOF) == 0 || (what & BEV_EVENT_WRITING) != 0 || !c->busy) {
		connection_close(c);
		return;
	}
	c->half_closed = true;
}

static void timed_out(evutil_socket_t fd, short what, void *arg)
{
	connection_close(arg);
}

int connection_open(struct api *api, int fd)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return -ENOMEM;
	}
	c->api = api;
	TAILQ_INSERT_TAIL(&api->connections, c, entry);
	api->n_connections++;
	c->bev = bufferevent_socket_new(api->base, fd, BEV_OPT_CLOSE_ON_FREE);
	c->pumped.step = make_step;
	c->deadline = evtimer_new(api->base, timed_out, c);
	c->part = evbuffer_new();
	if (c->bev == NULL || c->deadline == NULL || c->part == NULL) {
		if (c->bev == NULL)
			close(fd);
		connection_close(c);
		return -ENOMEM;
	}
	http_parser_set_max_header_size(HEADERS_MAX);
	begin_request(c);
	bufferevent_setcb(c->bev, was_read, was_written, was_ended, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, HEADERS_MAX);
	bufferevent_set_max_single_write(c->bev, WRITE_MAX);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	return 0;
}

void connection_close(struct connection *c)
{
	struct api *api = c->api;

	TAILQ_REMOVE(&api->connections, c, entry);
	api->n_connections--;
	pump_leave(api->pump, &c->pumped);
	if (c->stream != NULL)
		c->stream->end(c->stream);
	drop_body(c);
	if (c->part != NULL)
		evbuffer_free(c->part);
	if (c->deadline != NULL)
		event_free(c->deadline);
	if (c->bev != NULL)
		bufferevent_free(c->bev);
	free(c);
	listen_room(api);
}

bool connection_evict(struct api *api, uint64_t ms)
{
	struct connection *oldest = TAILQ_FIRST(&api->connections);

	if (oldest == NULL || mono_ms() - oldest->progress_ms < ms)
		return false;
	connection_close(oldest);
	return true;
}
