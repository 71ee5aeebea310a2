/*
 * The socket for charon's plugin, with a plugin that the test plays: hello, requests, events, a
 * second charon, and messages that break the form.
 */
#include "control/ipsec/server.h"

#include "base/err.h"
#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

enum { INSTANCE = 77, CHARON = 1000, OTHER = 2000 };

struct bed {
	struct event_base *base;
	struct ike_server *server;
	char path[64];
	unsigned connected, disconnected, requests;
	uint32_t pid;
};

static enum ike_status on_request(void *arg, const struct ike_message *request,
				  struct ike_answer *answer)
{
	struct bed *b = arg;

	b->requests++;
	answer->spi = request->sa.spi + 1;
	return request->header.type == IKE_QUERY_SA ? IKE_NOT_FOUND : IKE_OK;
}

static void on_connected(void *arg, uint32_t pid)
{
	struct bed *b = arg;

	b->connected++;
	b->pid = pid;
}

static void on_disconnected(void *arg)
{
	((struct bed *)arg)->disconnected++;
}

static void settle(struct bed *b)
{
	for (unsigned i = 0; i < 10; i++)
		event_base_loop(b->base, EVLOOP_NONBLOCK);
}

static struct ike_server *open_server(struct bed *b, struct err_list *errs)
{
	const struct ike_server_parts parts = {on_request, on_connected, on_disconnected, b};

	return ike_server_create(b->base, b->path, INSTANCE, &parts, errs);
}

static struct bed *create(void)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct err_list errs = ERR_LIST_EMPTY;

	snprintf(b->path, sizeof(b->path), "/tmp/ike-server-test-%d", (int)getpid());
	b->base = event_base_new();
	b->server = open_server(b, &errs);
	assert_non_null(b->server);
	err_list_fini(&errs);
	return b;
}

static void destroy(struct bed *b)
{
	ike_server_destroy(b->server);
	assert_int_not_equal(access(b->path, F_OK), 0);
	event_base_free(b->base);
	free(b);
}

static int dial(struct bed *b)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", b->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	settle(b);
	return fd;
}

static void say(struct bed *b, int fd, uint16_t type, uint32_t number, struct ike_message *m)
{
	m->header = (struct ike_header){IKE_MAGIC, type, IKE_VERSION, number, 0};
	assert_int_equal(send(fd, m, ike_message_len(type), 0), ike_message_len(type));
	settle(b);
}

/* The answer; its type is 0 if the connection was closed, UINT16_MAX if nothing came. */
static struct ike_message hear(int fd)
{
	struct ike_message m = {.header = {.type = UINT16_MAX}};
	ssize_t n = recv(fd, &m, sizeof(m), MSG_DONTWAIT);

	if (n == 0)
		m.header.type = 0;
	else if (n > 0)
		assert_int_equal(n, ike_message_len(m.header.type));
	return m;
}

static int greet(struct bed *b, enum ike_connection what, uint32_t pid)
{
	struct ike_message m = {.hello = {.connection = what, .pid = pid}};
	int fd = dial(b);

	say(b, fd, IKE_HELLO, 0, &m);
	m = hear(fd);
	assert_int_equal(m.header.type, IKE_REPLY);
	assert_int_equal(m.answer.instance, INSTANCE);
	return fd;
}

static void test_talk(void **state)
{
	struct bed *b = create();
	struct ike_message m = {.sa.spi = 5};
	int requests = greet(b, IKE_REQUESTS, CHARON), events;
	struct stat st;

	assert_int_equal(stat(b->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_false(ike_server_is_connected(b->server)); /* half of it */
	assert_false(ike_server_send(b->server, IKE_ACQUIRE, &m));
	events = greet(b, IKE_EVENTS, CHARON);
	assert_true(ike_server_is_connected(b->server));
	assert_int_equal(b->pid, CHARON);
	m = (struct ike_message){.sa.spi = 5};
	say(b, requests, IKE_GET_SPI, 9, &m);
	m = hear(requests);
	assert_int_equal(m.header.number, 9);
	assert_int_equal(m.header.status, IKE_OK);
	assert_int_equal(m.answer.spi, 6);
	m = (struct ike_message){0};
	say(b, requests, IKE_QUERY_SA, 10, &m);
	assert_int_equal(hear(requests).header.status, IKE_NOT_FOUND);
	m = (struct ike_message){.acquire.tunnel = 3};
	assert_true(ike_server_send(b->server, IKE_ACQUIRE, &m));
	m = hear(events);
	assert_int_equal(m.header.type, IKE_ACQUIRE);
	assert_int_equal(m.acquire.tunnel, 3);
	close(requests);
	settle(b);
	assert_int_equal(b->disconnected, 1);
	close(events);
	settle(b);
	assert_int_equal(b->disconnected, 1);
	destroy(b);
}

/* charon was started again before we saw the end of the former one. */
static void test_second_charon(void **state)
{
	struct bed *b = create();
	int one = greet(b, IKE_REQUESTS, CHARON), two = greet(b, IKE_EVENTS, CHARON);
	int three = greet(b, IKE_REQUESTS, OTHER), four;

	assert_int_equal(b->disconnected, 1);
	assert_int_equal(hear(one).header.type, 0);
	assert_int_equal(hear(two).header.type, 0);
	four = greet(b, IKE_EVENTS, OTHER);
	assert_int_equal(b->connected, 2);
	assert_int_equal(b->pid, OTHER);
	close(one);
	close(two);
	close(three);
	close(four);
	destroy(b);
}

static const struct {
	uint16_t type, version;
	uint32_t magic;
	int more; /* bytes more or less than the type needs */
	const char *why;
} wrong[] = {
	{IKE_GET_SPI, IKE_VERSION, 1, 0, "another magic number"},
	{IKE_GET_SPI, IKE_VERSION, IKE_MAGIC, -1, "too short"},
	{IKE_GET_SPI, IKE_VERSION, IKE_MAGIC, 1, "too long"},
	{IKE_TYPES, IKE_VERSION, IKE_MAGIC, 16, "an unknown type"},
	{0, IKE_VERSION, IKE_MAGIC, 16, "type 0"},
	{IKE_REPLY, IKE_VERSION, IKE_MAGIC, 0, "a reply"},
	{IKE_EXPIRE, IKE_VERSION, IKE_MAGIC, 0, "an event"},
	{IKE_HELLO, IKE_VERSION, IKE_MAGIC, 0, "a second hello"},
};

static void test_wrong(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct bed *b = create();
		int fd = greet(b, IKE_REQUESTS, CHARON), other = greet(b, IKE_EVENTS, CHARON);
		struct ike_message m = {
			.header = {wrong[i].magic, wrong[i].type, wrong[i].version, 1, 0}};
		size_t len = (size_t)((int)ike_message_len(wrong[i].type) + wrong[i].more);

		assert_int_equal(send(fd, &m, len, 0), len);
		settle(b);
		if (hear(fd).header.type != 0)
			fail_msg("%s", wrong[i].why);
		assert_int_equal(b->requests, 0);
		assert_int_equal(ike_server_bad(b->server), 1);
		close(fd);
		close(other);
		destroy(b);
	}
}

static void test_other_version(void **state)
{
	struct bed *b = create();
	struct ike_message m = {.header = {IKE_MAGIC, IKE_HELLO, IKE_VERSION + 1, 0, 0}};
	int fd = dial(b);

	assert_int_equal(send(fd, &m, ike_message_len(IKE_HELLO), 0), ike_message_len(IKE_HELLO));
	settle(b);
	m = hear(fd);
	assert_int_equal(m.header.type, IKE_REPLY);
	assert_int_equal(m.header.status, IKE_OTHER_VERSION);
	assert_int_equal(hear(fd).header.type, 0);
	close(fd);
	destroy(b);
}

/* A request before hello, or over the connection for events. */
static void test_not_yet(void **state)
{
	struct bed *b = create();
	struct ike_message m = {0};
	int fd = dial(b), events = greet(b, IKE_EVENTS, CHARON);

	say(b, fd, IKE_GET_SPI, 1, &m);
	assert_int_equal(hear(fd).header.type, 0);
	m = (struct ike_message){0};
	say(b, events, IKE_GET_SPI, 1, &m);
	assert_int_equal(hear(events).header.type, 0);
	assert_int_equal(b->requests, 0);
	close(fd);
	close(events);
	destroy(b);
}

/* The socket of a process that has ended is taken; that of one that listens is not. */
static void test_place(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int dead = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	struct err_list errs = ERR_LIST_EMPTY;
	struct bed *b = create();

	assert_null(open_server(b, &errs));
	assert_int_equal(errs.n, 1);
	assert_int_equal(access(b->path, F_OK), 0);
	err_list_fini(&errs);
	ike_server_destroy(b->server);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", b->path);
	assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof(address)), 0);
	close(dead);
	errs = ERR_LIST_EMPTY;
	b->server = open_server(b, &errs);
	assert_non_null(b->server);
	err_list_fini(&errs);
	destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talk),	cmocka_unit_test(test_second_charon),
		cmocka_unit_test(test_wrong),	cmocka_unit_test(test_other_version),
		cmocka_unit_test(test_not_yet), cmocka_unit_test(test_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
