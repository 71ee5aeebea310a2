/*
 * The connection to charon's control socket, with a charon that the test plays: it confirms events,
 * answers requests in their order, sends events in between, breaks off in the middle.
 */
#include "control/ipsec/vici.h"

#include "base/types.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

static const char *const events[] = {"ike-updown", "child-updown", NULL};

struct charon {
	struct event_base *base;
	struct vici *vici;
	int listener, fd;
	char path[64];
	unsigned connected, disconnected;
	char told[64]; /* name and value of the last event */
	char answers[128]; /* one letter of the request and the value for each answer */
};

static void on_connected(void *arg)
{
	((struct charon *)arg)->connected++;
}

static void on_disconnected(void *arg)
{
	((struct charon *)arg)->disconnected++;
}

static void on_event(void *arg, const char *name, const uint8_t *data, size_t len)
{
	struct charon *c = arg;
	char value[16] = "-";

	vici_find(data, len, "key", value, sizeof(value));
	snprintf(c->told, sizeof(c->told), "%s %s", name, value);
}

static void on_answer(void *arg, void *request, const uint8_t *data, size_t len)
{
	char value[16] = "nothing";
	struct charon *c = arg;
	size_t at = strlen(c->answers);

	if (data != NULL)
		vici_find(data, len, "key", value, sizeof(value));
	snprintf(c->answers + at, sizeof(c->answers) - at, "%s=%s ", (const char *)request, value);
}

/* Lets the loop run until nothing happens any more. */
static void settle(struct charon *c)
{
	for (unsigned i = 0; i < 20; i++) {
		event_base_loop(c->base, EVLOOP_NONBLOCK);
		usleep(500);
	}
}

static void listen_at(struct charon *c)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	unlink(c->path);
	c->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", c->path);
	assert_int_equal(bind(c->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(c->listener, 1), 0);
}

/* A packet: length, type, what follows. */
static void say(struct charon *c, uint8_t type, const void *rest, size_t len)
{
	uint8_t packet[256];
	uint32_t total = htonl((uint32_t)len + 1);

	memcpy(packet, &total, 4);
	packet[4] = type;
	memcpy(packet + 5, rest, len);
	assert_int_equal(send(c->fd, packet, len + 5, 0), len + 5);
}

static void say_value(struct charon *c, uint8_t type, const char *name, const char *value)
{
	struct vici_writer w = {0};
	uint8_t rest[128];
	size_t at = 0;

	if (name != NULL) {
		rest[at++] = (uint8_t)strlen(name);
		memcpy(rest + at, name, strlen(name));
		at += strlen(name);
	}
	vici_put(&w, "key", value);
	memcpy(rest + at, w.data, w.len);
	say(c, type, rest, at + w.len);
	vici_free(&w);
}

/* Takes the next packet: its type and name. */
static uint8_t hear(struct charon *c, char name[64])
{
	uint8_t head[6], rest[256];
	uint32_t len;

	assert_int_equal(recv(c->fd, head, sizeof(head), MSG_WAITALL), sizeof(head));
	memcpy(&len, head, 4);
	len = ntohl(len) - 2;
	assert_true(len < sizeof(rest) && head[5] < 64);
	if (len > 0)
		assert_int_equal(recv(c->fd, rest, len, MSG_WAITALL), len);
	snprintf(name, 64, "%.*s", head[5], (char *)rest);
	return head[4];
}

static struct charon *create(void)
{
	const struct vici_parts parts = {on_connected, on_disconnected, on_event, NULL};
	struct charon *c = calloc(1, sizeof(*c));
	struct vici_parts with = parts;

	snprintf(c->path, sizeof(c->path), "/tmp/vici-test-%d", (int)getpid());
	c->base = event_base_new();
	with.arg = c;
	listen_at(c);
	c->vici = vici_create(c->base, c->path, events, &with);
	assert_non_null(c->vici);
	settle(c);
	c->fd = accept(c->listener, NULL, NULL);
	assert_true(c->fd >= 0);
	return c;
}

static void greet(struct charon *c)
{
	char name[64];

	assert_int_equal(hear(c, name), 3);
	assert_string_equal(name, "ike-updown");
	assert_int_equal(hear(c, name), 3);
	assert_string_equal(name, "child-updown");
	say(c, 5, "", 0);
	settle(c);
	assert_int_equal(c->connected, 0); /* one event is not confirmed yet */
	say(c, 5, "", 0);
	settle(c);
	assert_int_equal(c->connected, 1);
	assert_true(vici_is_connected(c->vici));
}

static void destroy(struct charon *c)
{
	vici_destroy(c->vici);
	event_base_free(c->base);
	close(c->fd);
	close(c->listener);
	unlink(c->path);
	free(c);
}

static void ask(struct charon *c, const char *command, const char *name)
{
	struct vici_writer w = {0};

	vici_put(&w, "name", name);
	vici_request(c->vici, command, &w, on_answer, (void *)name);
	assert_null(w.data);
}

static void test_requests(void **state)
{
	struct charon *c = create();
	char name[64];

	greet(c);
	ask(c, "load-conn", "a");
	ask(c, "no-such-command", "b");
	ask(c, "load-conn", "c");
	assert_int_equal(vici_waiting(c->vici), 3);
	settle(c);
	assert_int_equal(hear(c, name), 0);
	assert_string_equal(name, "load-conn");
	say_value(c, 1, NULL, "one");
	say_value(c, 7, "ike-updown", "up");
	say(c, 2, "", 0);
	settle(c);
	assert_string_equal(c->told, "ike-updown up");
	assert_string_equal(c->answers, "a=one b=nothing ");
	say_value(c, 1, NULL, "three");
	settle(c);
	assert_string_equal(c->answers, "a=one b=nothing c=three ");
	assert_int_equal(vici_waiting(c->vici), 0);
	destroy(c);
}

/* Requests that wait are answered by nothing, once; then the connection is made again. */
static void test_end(void **state)
{
	struct charon *c = create();

	greet(c);
	ask(c, "load-conn", "a");
	settle(c);
	close(c->fd);
	settle(c);
	assert_int_equal(c->disconnected, 1);
	assert_string_equal(c->answers, "a=nothing ");
	assert_false(vici_is_connected(c->vici));
	ask(c, "load-conn", "b");
	assert_string_equal(c->answers, "a=nothing b=nothing ");
	for (unsigned i = 0; i < 120; i++)
		settle(c);
	c->fd = accept(c->listener, NULL, NULL);
	assert_true(c->fd >= 0);
	c->connected = 0;
	greet(c);
	destroy(c);
}

static char wiped[256]; /* what explicit_bzero() met, the letters of it */

void explicit_bzero(void *data, size_t len)
{
	size_t at = strlen(wiped);

	for (size_t i = 0; i < len && at + 1 < sizeof(wiped); i++)
		if (((char *)data)[i] >= 'a' && ((char *)data)[i] <= 'z')
			wiped[at++] = ((char *)data)[i];
	memset(data, 0, len);
	__asm__ volatile("" ::: "memory");
}

/* A secret is wiped when it was sent, and when it cannot be. */
static void test_wiped(void **state)
{
	struct charon *c = create();

	greet(c);
	memset(wiped, 0, sizeof(wiped));
	ask(c, "load-shared", "secret");
	assert_string_equal(wiped, "");
	settle(c);
	assert_non_null(strstr(wiped, "secret"));
	memset(wiped, 0, sizeof(wiped));
	ask(c, "load-shared", "another");
	close(c->fd);
	settle(c);
	assert_non_null(strstr(wiped, "another"));
	memset(wiped, 0, sizeof(wiped));
	ask(c, "load-shared", "late");
	assert_non_null(strstr(wiped, "late"));
	destroy(c);
}

/* In pieces of one byte, as a stream may be. */
static void test_pieces(void **state)
{
	static const uint8_t packet[] = {0, 0, 0, 9, 1, 3, 3, 'k', 'e', 'y', 0, 1, 'x'};
	struct charon *c = create();

	greet(c);
	ask(c, "stats", "a");
	for (size_t i = 0; i < sizeof(packet); i++) {
		assert_string_equal(c->answers, "");
		assert_int_equal(send(c->fd, packet + i, 1, 0), 1);
		settle(c);
	}
	assert_string_equal(c->answers, "a=x ");
	destroy(c);
}

static void test_garbage(void **state)
{
	static const struct {
		uint8_t bytes[12];
		size_t len;
	} rows[] = {
		{{0, 0, 0, 0}, 4}, /* nothing */
		{{0xff, 0, 0, 0}, 4}, /* too much */
		{{0, 0, 0, 1, 9}, 5}, /* an unknown type */
		{{0, 0, 0, 2, 7, 5}, 6}, /* an event whose name is cut short */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct charon *c = create();

		greet(c);
		assert_int_equal(send(c->fd, rows[i].bytes, rows[i].len, 0), rows[i].len);
		settle(c);
		assert_int_equal(c->disconnected, 1);
		destroy(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests), cmocka_unit_test(test_end),
		cmocka_unit_test(test_wiped),	 cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_garbage),
	};

	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
