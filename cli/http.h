/* HTTP/1.1 over a Unix socket: a request and its answer, as the daemon's API needs them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct http_call {
	const char *socket;
	const char *path; /* with its query, escaped */
	const char *body; /* NULL: GET; else POST */
	size_t len; /* of @body */
	unsigned timeout_s; /* gives up after so long without a byte in either direction */
	/* Takes a part of the answer's body; false: wants no more. */
	bool (*take)(char *data, size_t n, int status, void *arg);
	void *arg;

	/* results */
	bool connected;
	int status; /* of the answer; 0: there was none */
};

/*
 * 0: the answer is complete. -errno: there was no connection, or it broke. -ETIMEDOUT; -EAGAIN: the
 * daemon had no room for another client all the time; -EPROTO: the answer is no HTTP, or was cut
 * short; -ECANCELED: take() wanted no more.
 */
int http_call(struct http_call *call);

/* Escapes @text for a query (RFC 3986 section 2.3). False: @out is too small. */
bool http_escape(const char *text, char *out, size_t size);
