/*
 * A small HTTP client: see http.h.
 *
 * libcurl would do, but it brings thirty libraries, and loading them takes longer than most
 * commands do. http_parser, which the daemon uses, reads the answer.
 *
 * Request and answer overlap: a daemon that refuses a large body answers before it has read all of
 * it. What is not sent by then is not sent any more.
 */
#include "http.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <http_parser.h>

enum {
	HEAD_MAX = 8192,
	READ_SIZE = 64 << 10,
	RETRY_NS = 50 * 1000 * 1000, /* if the daemon has no room for another client */
	MS_PER_S = 1000,
};

/* A call that is under way. */
struct exchange {
	struct http_call *call;
	int fd;
	struct iovec unsent[2]; /* head and body */
	http_parser parser;
	bool complete, stopped;
	char *buffer; /* [READ_SIZE] */
};

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

bool http_escape(const char *text, char *out, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (n + 4 > size)
			return false;
		if (is_unreserved(*text)) {
			out[n++] = *text;
			continue;
		}
		out[n++] = '%';
		out[n++] = digits[c >> 4];
		out[n++] = digits[c & 15];
	}
	if (n >= size)
		return false;
	out[n] = '\0';
	return true;
}

static time_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* A socket with a full backlog refuses at once: tries again until the timeout. */
static int connect_to(const struct http_call *call)
{
	const struct timespec pause = {.tv_nsec = RETRY_NS};
	const time_t until = now_s() + (time_t)call->timeout_s;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, error;

	if (strlen(call->socket) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, call->socket);
	for (;;) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
			return fd;
		error = errno;
		close(fd);
		if (error != EAGAIN || now_s() >= until)
			return -error;
		nanosleep(&pause, NULL);
	}
}

static int on_body(http_parser *parser, const char *at, size_t n)
{
	struct exchange *x = parser->data;

	x->call->status = parser->status_code;
	/* it lies in our own buffer */
	x->stopped = !x->call->take((char *)at, n, parser->status_code, x->call->arg);
	return x->stopped;
}

static int on_complete(http_parser *parser)
{
	struct exchange *x = parser->data;

	x->call->status = parser->status_code;
	x->complete = true;
	http_parser_pause(parser, 1);
	return 0;
}

static bool has_unsent(const struct exchange *x)
{
	return x->unsent[0].iov_len + x->unsent[1].iov_len > 0;
}

static void skip_sent(struct exchange *x, size_t n)
{
	for (unsigned i = 0; i < 2; i++) {
		size_t part = n < x->unsent[i].iov_len ? n : x->unsent[i].iov_len;

		x->unsent[i].iov_base = (char *)x->unsent[i].iov_base + part;
		x->unsent[i].iov_len -= part;
		n -= part;
	}
}

/* 0 or -errno. Who refuses the rest of a body may have answered: the answer is read. */
static int send_some(struct exchange *x)
{
	const struct msghdr message = {.msg_iov = x->unsent, .msg_iovlen = 2};
	ssize_t n = sendmsg(x->fd, &message, MSG_NOSIGNAL);

	if (n >= 0)
		skip_sent(x, (size_t)n);
	else if (errno == EPIPE || errno == ECONNRESET)
		x->unsent[0].iov_len = x->unsent[1].iov_len = 0;
	else if (errno != EAGAIN && errno != EINTR)
		return -errno;
	return 0;
}

/* The same. The end of the connection is the end of an answer without a length. */
static int receive_some(struct exchange *x)
{
	static const http_parser_settings settings = {.on_body = on_body,
						      .on_message_complete = on_complete};
	ssize_t n = read(x->fd, x->buffer, READ_SIZE);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	http_parser_execute(&x->parser, &settings, x->buffer, (size_t)n);
	if (x->stopped)
		return -ECANCELED;
	if (x->complete)
		return 0;
	return n == 0 || HTTP_PARSER_ERRNO(&x->parser) != HPE_OK ? -EPROTO : 0;
}

static int run(struct exchange *x)
{
	int ret = 0;

	while (ret == 0 && !x->complete) {
		struct pollfd p = {x->fd, (short)(POLLIN | (has_unsent(x) ? POLLOUT : 0)), 0};
		int n = poll(&p, 1, (int)(x->call->timeout_s * MS_PER_S));

		if (n == 0)
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && (p.revents & POLLOUT) != 0 && has_unsent(x))
			ret = send_some(x);
		if (n > 0 && ret == 0 && (p.revents & ~POLLOUT) != 0)
			ret = receive_some(x);
	}
	return ret;
}

static int write_head(const struct http_call *call, char head[static HEAD_MAX])
{
	int n = call->body == NULL
			? snprintf(head, HEAD_MAX,
				   "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
				   call->path)
			: snprintf(head, HEAD_MAX,
				   "POST %s HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n"
				   "Content-Length: %zu\r\n\r\n",
				   call->path, call->len);

	return n < HEAD_MAX ? n : -ENAMETOOLONG;
}

int http_call(struct http_call *call)
{
	struct exchange x = {.call = call};
	char head[HEAD_MAX];
	int n = write_head(call, head), ret;

	call->connected = false;
	call->status = 0;
	if (n < 0)
		return n;
	x.buffer = malloc(READ_SIZE);
	if (x.buffer == NULL)
		return -ENOMEM;
	x.fd = connect_to(call);
	ret = x.fd;
	if (x.fd >= 0) {
		call->connected = true;
		x.unsent[0] = (struct iovec){head, (size_t)n};
		x.unsent[1] =
			(struct iovec){(char *)call->body, call->body != NULL ? call->len : 0};
		http_parser_init(&x.parser, HTTP_RESPONSE);
		x.parser.data = &x;
		ret = run(&x);
		close(x.fd);
	}
	free(x.buffer);
	return ret;
}
