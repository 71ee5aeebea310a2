/*
 * The HTTP client against a server that says what a row wants, whatever it was asked: answers of
 * all kinds, broken ones, and none.
 */
#include "http.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { BODY_LEN = 1 << 20, TEXT_MAX = 256 };

struct server {
	int listener;
	const char *answer;
	size_t wants; /* bytes of the request that are read before the answer */
	size_t got;
	bool waits; /* for the client to leave; else the connection is closed */
	char request[TEXT_MAX]; /* its beginning */
	pthread_t thread;
};

static char path[64];

static void *serve(void *arg)
{
	struct server *s = arg;
	int fd = accept(s->listener, NULL, NULL);
	char bytes[4096];
	ssize_t n = 1;

	while (fd >= 0 && s->got < s->wants && n > 0) {
		n = read(fd, bytes, sizeof(bytes));
		if (s->got == 0 && n > 0)
			snprintf(s->request, sizeof(s->request), "%.*s", (int)n, bytes);
		s->got += n > 0 ? (size_t)n : 0;
	}
	n = send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL);
	while (s->waits && n > 0)
		n = read(fd, bytes, sizeof(bytes));
	close(fd);
	return NULL;
}

static void server_start(struct server *s)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	snprintf(path, sizeof(path), "/tmp/homeward-http-%d", (int)getpid());
	strcpy(addr.sun_path, path);
	unlink(path);
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(s->listener, 1), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_end(struct server *s)
{
	pthread_join(s->thread, NULL);
	close(s->listener);
	unlink(path);
}

struct text {
	char bytes[TEXT_MAX];
	size_t n, limit;
};

static bool take(char *data, size_t n, int status, void *arg)
{
	struct text *t = arg;

	assert_int_not_equal(status, 0);
	assert_true(t->n + n < sizeof(t->bytes));
	memcpy(t->bytes + t->n, data, n);
	t->n += n;
	return t->limit == 0 || t->n < t->limit;
}

static const struct {
	const char *why;
	const char *answer;
	const char *body; /* of the answer */
	size_t limit; /* take() ends it */
	int result, status;
	bool waits;
} rows[] = {
	{"an answer with a length: its end is known although the connection stays",
	 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", 0, 0, 200, true},
	{"nothing in it", "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", "", 0, 0, 202,
	 true},
	{"parts, as of a list without a known length",
	 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
	 "abcde", 0, 0, 200, true},
	{"no length: until the connection ends", "HTTP/1.1 404 Not Found\r\n\r\nno", "no", 0, 0,
	 404, false},
	{"the server dies in the middle", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
	 "hello", 0, -EPROTO, 200, false},
	{"the last part is missing",
	 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "abc", 0, -EPROTO,
	 200, false},
	{"no answer at all", "", "", 0, -EPROTO, 0, false},
	{"another protocol", "SSH-2.0-OpenSSH_9.2\r\n", "", 0, -EPROTO, 0, false},
	{"silence", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "hello", 0, -ETIMEDOUT,
	 200, true},
	{"the caller has enough", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "hello", 5,
	 -ECANCELED, 200, true},
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct server s = {.answer = rows[i].answer, .wants = 1, .waits = rows[i].waits};
		struct text text = {.limit = rows[i].limit};
		struct http_call call = {.socket = path,
					 .path = "/v1/x?a=b",
					 .timeout_s = 1,
					 .take = take,
					 .arg = &text};
		int result;

		server_start(&s);
		result = http_call(&call);
		server_end(&s);
		if (result != rows[i].result || call.status != rows[i].status ||
		    strcmp(text.bytes, rows[i].body) != 0)
			fail_msg("%s: %d, status %d, \"%s\"", rows[i].why, result, call.status,
				 text.bytes);
		assert_true(call.connected);
		assert_memory_equal(s.request, "GET /v1/x?a=b HTTP/1.1\r\n", 24);
	}
}

/* A large body goes out whole; a refusal before its end is read. */
static void test_body(void **state)
{
	static const char refusal[] = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig";
	char *body = calloc(1, BODY_LEN + 1);

	(void)state;
	memset(body, 'b', BODY_LEN);
	for (unsigned round = 0; round < 2; round++) {
		struct server s = {.answer = refusal, .wants = round == 0 ? BODY_LEN : 1};
		struct text text = {0};
		struct http_call call = {.socket = path,
					 .path = "/v1/y",
					 .body = body,
					 .len = BODY_LEN,
					 .timeout_s = 5,
					 .take = take,
					 .arg = &text};

		server_start(&s);
		assert_int_equal(http_call(&call), 0);
		server_end(&s);
		assert_int_equal(call.status, 413);
		assert_string_equal(text.bytes, "big");
		assert_true(s.got >= s.wants);
		assert_non_null(strstr(s.request, "POST /v1/y HTTP/1.1\r\n"));
		assert_non_null(strstr(s.request, "Content-Length: 1048576\r\n\r\n"));
	}
	free(body);
}

static void test_nobody_listens(void **state)
{
	struct text text = {0};
	struct http_call call = {.socket = "/nonexistent/x",
				 .path = "/",
				 .timeout_s = 1,
				 .take = take,
				 .arg = &text};
	char longest[200] = {0};

	(void)state;
	assert_int_equal(http_call(&call), -ENOENT);
	assert_false(call.connected);
	memset(longest, 'x', sizeof(longest) - 1);
	call.socket = longest;
	assert_int_equal(http_call(&call), -ENAMETOOLONG);
}

static void test_escape(void **state)
{
	static const struct {
		const char *text, *escaped;
	} texts[] = {{"", ""},
		     {"a-b_c.d~9", "a-b_c.d~9"},
		     {"/a b&c=d?%", "%2Fa%20b%26c%3Dd%3F%25"},
		     {"\xc3\xa4\r\n", "%C3%A4%0D%0A"}};
	char out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_true(http_escape(texts[i].text, out, sizeof(out)));
		assert_string_equal(out, texts[i].escaped);
	}
	assert_false(http_escape("abc", out, 3));
	assert_false(http_escape("//", out, 6));
	assert_true(http_escape("//", out, 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
