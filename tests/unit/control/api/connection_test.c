/*
 * Unusual clients on a real socket: no HTTP, single bytes, slow readers, too many at once. The
 * server runs in a thread of its own.
 */
#include "base/err.h"
#include "control/api/api.h"
#include "control/api/server.h"
#include "fakes.h"

#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <jansson.h>

enum {
	N_SITES = 4000,
	ANSWER_SIZE = 16 << 20,
	WAIT_MS = 20000,
};

/* An IPv4 address as a constant, on a little-endian machine. */
#define MAPPED(four)                                                                               \
	{                                                                                          \
		{                                                                                  \
			0, (uint64_t)(four) << 32 | 0xffff0000                                     \
		}                                                                                  \
	}

static struct spec_tunnel tunnels[] = {
	{.name = "one", .local = MAPPED(1), .remote = MAPPED(2), .mtu = 1400},
	{.name = "two", .local = MAPPED(1), .remote = MAPPED(3), .mtu = 1400},
};
static struct spec_site sites[N_SITES];
static struct spec_pool pools[] = {{.name = "internet", .slice_size = 2048}};
static struct config_port config_ports[] = {{.name = "wan", .driver = PORT_MEMORY}};
static struct port ports[] = {{.config = config_ports, .worker = {.mtu = 1500}}};
static struct config config = {
	.file = (char *)"/etc/homeward/homeward.yaml",
	.flows_capacity = 1000,
	.workers = FAKE_WORKERS,
	.ports = config_ports,
	.n_ports = 1,
	.network = {.sites = sites, .n_sites = N_SITES, .pools = pools, .n_pools = 1},
};
static struct port_set port_set = {.ports = ports, .n = 1};
static struct worker *workers[] = {&fake_workers[0], &fake_workers[1]};
static struct event_base *base;
static struct network *net;
static struct api *api;
static pthread_t thread;
static char answer[ANSWER_SIZE];

static int dial(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", config.api_socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	size_t len = strlen(text);

	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

/* Reads into answer[] until the connection ends, or until it contains @until. */
static void hear(int fd, const char *until)
{
	size_t len = 0, from = 0;
	bool found = until == NULL;

	answer[0] = '\0';
	for (;;) {
		ssize_t n;

		assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, WAIT_MS), 1);
		n = recv(fd, answer + len, sizeof(answer) - 1 - len, 0);
		if (n <= 0)
			break;
		from = until == NULL || len < strlen(until) ? 0 : len - strlen(until);
		len += (size_t)n;
		answer[len] = '\0';
		found = until == NULL || strstr(answer + from, until) != NULL;
		if (until != NULL && found)
			break;
	}
	if (!found)
		fail_msg("\"%s\" was not answered but \"%.200s\"", until, answer);
}

static const struct {
	const char *request;
	const char *status;
	const char *says; /* in the body */
	const char *why;
} rows[] = {
	{"GET /v1/drops HTTP/1.1\r\n\r\n", "200 OK", "\"total\"", "what is right"},
	{"GET http://x/v1/drops HTTP/1.1\r\n\r\n", "200 OK", "\"total\"", "the absolute form"},
	{"\r\nGET /v1/drops HTTP/1.1\r\n\r\n", "200 OK", "\"total\"", "RFC 9112 section 2.2"},
	{"GET /v1/drops HTTP/1.0\r\n\r\n", "200 OK", "\"total\"", "an old client"},
	{"GET /v1/nothing HTTP/1.1\r\n\r\n", "404 Not Found", "nothing is at", "no such path"},
	{"POST /v1/drops HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405 Method Not Allowed",
	 "can only be read", "another method"},
	{"FETCH /v1/drops HTTP/1.1\r\n\r\n", "501 Not Implemented", "no such method",
	 "a method that nobody knows"},
	{"\x16\x03\x01\x02\r\n\r\n", "501 Not Implemented", "no such method", "TLS"},
	{"GET /v1/drops HTTP/9.9x\r\n\r\n", "400 Bad Request", "this is not HTTP/1.1",
	 "another protocol"},
	{"GET v1 HTTP/1.1\r\n\r\n", "400 Bad Request", "this is not HTTP/1.1", "no path"},
	{"GET /v1/drops HTTP/1.1\r\nno colon\r\n\r\n", "400 Bad Request", "this is not HTTP/1.1",
	 "no header"},
	{"GET /v1/drops HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
	 "400 Bad Request", "this is not HTTP/1.1", "two lengths"},
	{"POST /v1/drops HTTP/1.1\r\nContent-Length: 4097\r\n\r\n", "413 Payload Too Large",
	 "a request's body", "a body that is announced too large"},
	{"POST /v1/drops HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
	 "400 Bad Request", "this is not HTTP/1.1", "a length that is no number"},
};

/* Any input is answered by HTTP with JSON. */
static void test_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int fd = dial();
		const char *body;
		json_t *json;

		say(fd, rows[i].request);
		shutdown(fd, SHUT_WR);
		hear(fd, NULL);
		body = strstr(answer, "\r\n\r\n");
		if (strncmp(answer, "HTTP/1.1 ", 9) != 0 || body == NULL ||
		    strncmp(answer + 9, rows[i].status, strlen(rows[i].status)) != 0 ||
		    strstr(body, rows[i].says) == NULL)
			fail_msg("%s: %.500s", rows[i].why, answer);
		assert_non_null(strstr(answer, "Content-Type: application/json\r\n"));
		json = json_loads(body + 4, 0, NULL);
		assert_non_null(json);
		json_decref(json);
		close(fd);
	}
}

/* Input that is too long for a row. */
static void test_too_long(void **state)
{
	static char text[20000];
	int fd = dial();

	snprintf(text, sizeof(text), "GET /%03000d HTTP/1.1\r\n\r\n", 0);
	say(fd, text);
	hear(fd, "HTTP/1.1 414 URI Too Long\r\n");
	hear(fd, NULL);
	close(fd);

	fd = dial();
	snprintf(text, sizeof(text), "GET /v1/drops HTTP/1.1\r\nX: %010000d\r\n\r\n", 0);
	say(fd, text);
	hear(fd, "HTTP/1.1 431 Request Header Fields Too Large\r\n");
	close(fd);

	fd = dial();
	snprintf(text, sizeof(text),
		 "POST /v1/drops HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1001\r\n%04097d", 0);
	say(fd, text);
	hear(fd, "HTTP/1.1 413 Payload Too Large\r\n");
	close(fd);
}

/* Several requests in one packet are answered one after the other, in order. */
static void test_pipelined(void **state)
{
	int fd = dial();
	const char *first, *second, *third;

	say(fd, "GET /v1/drops HTTP/1.1\r\n\r\nGET /v1/flows?limit=1 HTTP/1.1\r\n\r\n"
		"GET /v1/nothing HTTP/1.1\r\nConnection: close\r\n\r\nGET /v1/drops HTTP/1.1\r\n");
	hear(fd, NULL);
	first = strstr(answer, "\"total\"");
	second = strstr(answer, "\"next_cursor\"");
	third = strstr(answer, "nothing is at");
	assert_true(first != NULL && second != NULL && third != NULL);
	assert_true(first < second && second < third);
	assert_null(strstr(third, "HTTP/1.1"));
	close(fd);
}

static void test_byte_by_byte(void **state)
{
	static const char request[] = "GET /v1/drops HTTP/1.1\r\nHost: x\r\n\r\n";
	int fd = dial();

	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		assert_int_equal(send(fd, &request[i], 1, MSG_NOSIGNAL), 1);
		usleep(200);
	}
	hear(fd, "\"total\"");
	close(fd);
}

/* curl asks before it sends a large body, and waits for a second if nobody answers. */
static void test_expect(void **state)
{
	static const struct {
		const char *head, *first, *why;
	} asks[] = {
		{"POST /v1/config/check HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n",
		 "HTTP/1.1 100 Continue\r\n\r\n", "it may"},
		{"POST /v1/config/check HTTP/1.1\r\nX: y\r\nexpect:100-Continue\r\n"
		 "Transfer-Encoding: chunked\r\n",
		 "HTTP/1.1 100 Continue\r\n\r\n", "in other letters"},
		{"POST /v1/config/check HTTP/1.1\r\nExpect: 100-continue\r\n"
		 "Content-Length: 99999999\r\n",
		 "HTTP/1.1 413 ", "it is too large"},
		{"GET /v1/drops HTTP/1.1\r\nExpect: 100-continue\r\n", "HTTP/1.1 200 ", "no body"},
		{"POST /v1/config/check HTTP/1.1\r\nExpect: 100-continued\r\n"
		 "Content-Length: 0\r\n",
		 "HTTP/1.1 422 ", "another word"},
		{"POST /v1/config/check HTTP/1.1\r\nExpected: 100-continue\r\n"
		 "Content-Length: 0\r\n",
		 "HTTP/1.1 422 ", "another header"},
		{"POST /v1/config/check HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 0\r\n",
		 "HTTP/1.1 422 ", "an old client does not know it"},
	};
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
		fd = dial();
		for (const char *at = asks[i].head; *at != '\0'; at++)
			assert_int_equal(send(fd, at, 1, MSG_NOSIGNAL), 1);
		say(fd, "\r\n");
		hear(fd, "\r\n\r\n");
		if (strncmp(answer, asks[i].first, strlen(asks[i].first)) != 0)
			fail_msg("%s: %.200s", asks[i].why, answer);
		close(fd);
	}

	/* the body follows, and then the answer to it; the next request has no such header */
	fd = dial();
	say(fd, asks[0].head);
	say(fd, "\r\n");
	hear(fd, asks[0].first);
	say(fd, "sites: []");
	hear(fd, "HTTP/1.1 422 Unprocessable Entity\r\n");
	say(fd, "POST /v1/config/check HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
	hear(fd, "HTTP/1.1 422 Unprocessable Entity\r\n");
	assert_null(strstr(answer, "100 Continue"));
	close(fd);
}

/* A body of a megabyte: every line of it arrives, and so does the request behind it. */
static void test_large_body(void **state)
{
	enum { LINES = 20000, LINE = 64 };
	size_t len = LINES * LINE;
	char *text = malloc(len + 256), *end;
	int fd = dial();

	assert_non_null(text);
	memset(text, '#', len);
	for (size_t i = 1; i <= LINES; i++)
		text[i * LINE - 1] = '\n';
	end = stpcpy(text + len, "nonsense: 1\n");
	snprintf(answer, sizeof(answer),
		 "POST /v1/config/check HTTP/1.1\r\nContent-Length: %zu\r\n\r\n",
		 (size_t)(end - text));
	strcpy(end, "GET /v1/drops HTTP/1.1\r\n\r\n");
	say(fd, answer);
	say(fd, text);
	hear(fd, "\"total\""); /* and before it the other answer */
	assert_non_null(strstr(answer, "nonsense"));
	assert_non_null(strstr(answer, "20001")); /* its line */
	close(fd);
	free(text);
}

/* Joins the chunks of answer[] in place. Returns the number of sites in it. */
static size_t count_sites(void)
{
	char *in = strstr(answer, "\r\n\r\n"), *out = answer, *end;
	json_t *json;
	size_t n;

	assert_non_null(in);
	in += 4;
	for (size_t len = strtoul(in, &end, 16); len > 0; len = strtoul(in, &end, 16)) {
		memmove(out, end + 2, len);
		out += len;
		in = end + 2 + len + 2;
	}
	*out = '\0';
	json = json_loads(answer, 0, NULL);
	assert_non_null(json);
	n = json_array_size(json_object_get(json, "sites"));
	json_decref(json);
	return n;
}

/*
 * A client that does not read gets what fits into its socket and our output buffer. Other clients
 * are served. All answers
 * are read before the first one is parsed: parsing may take seconds on a busy machine, and after 30
 * of them the server closes the connection of whoever still waits.
 */
static void test_slow_readers(void **state)
{
	enum { SLOW = 10, MEMORY_MAX = 4 << 20 };
	size_t before = mallinfo2().uordblks;
	char *answers[SLOW];
	int slow[SLOW], fd;

	for (size_t i = 0; i < SLOW; i++) {
		slow[i] = dial();
		say(slow[i], "GET /v1/sites HTTP/1.1\r\n\r\n");
	}
	for (int i = 0; i < 20; i++) {
		fd = dial();
		say(fd, "GET /v1/drops HTTP/1.1\r\nConnection: close\r\n\r\n");
		hear(fd, "\"total\"");
		close(fd);
	}
	usleep(500000); /* enough time for all answers */
	assert_true(mallinfo2().uordblks < before + MEMORY_MAX);
	for (size_t i = 0; i < SLOW; i++) {
		hear(slow[i], "\r\n0\r\n\r\n");
		answers[i] = strdup(answer);
		close(slow[i]);
	}
	for (size_t i = 0; i < SLOW; i++) {
		snprintf(answer, sizeof(answer), "%s", answers[i]);
		free(answers[i]);
		assert_int_equal(count_sites(), N_SITES);
	}
}

/* Without chunks the end of the connection is the end of the answer. */
static void test_old_client_of_a_long_answer(void **state)
{
	int fd = dial();
	json_t *json;

	say(fd, "GET /v1/sites HTTP/1.0\r\n\r\n");
	hear(fd, NULL);
	assert_null(strstr(answer, "chunked"));
	json = json_loads(strstr(answer, "\r\n\r\n") + 4, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(json, "sites")), N_SITES);
	json_decref(json);
	close(fd);
}

/* Idle connections are closed for new ones, also those that send requests and do not read. */
static void test_too_many(void **state)
{
	enum { MANY = 3 * CONNECTIONS_MAX };
	int fds[MANY], fd;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		fds[i] = dial();
		if (i % 2 == 0)
			say(fds[i], "GET /v1/sites HTTP/1.1\r\n\r\n");
	}
	for (size_t i = CONNECTIONS_MAX; i < MANY; i++)
		fds[i] = dial();
	fd = dial();
	say(fd, "GET /v1/drops HTTP/1.1\r\n\r\n");
	hear(fd, "\"total\"");
	close(fd);
	for (size_t i = 0; i < MANY; i++)
		close(fds[i]);
}

/* A client that sends requests and disconnects, again and again, does not disturb others. */
static void test_leavers(void **state)
{
	int fd;

	for (int i = 0; i < 2000; i++) {
		fd = dial();
		say(fd, "GET /v1/flows?limit=1000 HTTP/1.1\r\n\r\n"
			"GET /v1/flows?limit=1000 HTTP/1.1\r\n\r\n"
			"GET /v1/flows?limit=1000 HTTP/1.1\r\n\r\n");
		close(fd);
	}
	fd = dial();
	say(fd, "GET /v1/drops HTTP/1.1\r\n\r\n");
	hear(fd, "\"total\"");
	close(fd);
}

static void *serve(void *arg)
{
	event_base_dispatch(base);
	return NULL;
}

static int start(void **state)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct api_context ctx = {
		.config = &config,
		.ports = &port_set,
		.workers = workers,
		.n_workers = FAKE_WORKERS,
	};

	for (size_t i = 0; i < N_SITES; i++)
		snprintf(sites[i].name, sizeof(sites[i].name), "site-%zu", i);
	for (size_t i = 0; i < ARRAY_SIZE(tunnels); i++) {
		sites[i].tunnels = &tunnels[i];
		sites[i].n_tunnels = 1;
	}
	for (size_t i = 0; i < FAKE_WORKERS; i++)
		fake_workers[i] = (struct worker){.n_flows = FAKE_FLOWS};
	snprintf(config.api_socket, sizeof(config.api_socket), "/tmp/connection_test.%d", getpid());
	net = network_create(&config.network, NULL);
	ctx.net = net;
	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	evthread_use_pthreads();
	base = event_base_new();
	api = api_create(base, &ctx, &errs);
	err_print(&errs, stderr);
	return api == NULL || net == NULL || pthread_create(&thread, NULL, serve, NULL) != 0;
}

/* Stops while a client reads an answer. */
static int stop(void **state)
{
	int fd = dial();

	say(fd, "GET /v1/sites HTTP/1.1\r\n\r\n");
	hear(fd, "HTTP/1.1 200");
	event_base_loopbreak(base);
	pthread_join(thread, NULL);
	api_destroy(api);
	close(fd);
	event_base_free(base);
	network_destroy(net);
	libevent_global_shutdown();
	return access(config.api_socket, F_OK) == 0; /* the socket is gone */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_expect),
		cmocka_unit_test(test_large_body),
		cmocka_unit_test(test_slow_readers),
		cmocka_unit_test(test_old_client_of_a_long_answer),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_leavers),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
