/* Messages to the service manager, and when none is sent. */
#include "control/notify.h"

#include "base/types.h"

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
#include <event2/event.h>

enum { INTERVAL_US = 20000 };

/* A service manager that listens on an abstract socket, named in the environment. */
static int listen_abstract(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char name[64];
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(name, sizeof(name), "@homeward-notify-test-%d", (int)getpid());
	memcpy(addr.sun_path, name, strlen(name));
	addr.sun_path[0] = '\0';
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void test_state(void **state)
{
	int fd = listen_abstract();
	char text[64] = "";

	notify_service_manager("READY=1");
	assert_int_equal(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT), strlen("READY=1"));
	assert_string_equal(text, "READY=1");
	close(fd);
}

/* The manager does not read and its queue is full: the daemon does not wait. */
static void test_does_not_wait(void **state)
{
	int fd = listen_abstract();

	for (int i = 0; i < 10000; i++)
		notify_service_manager("WATCHDOG=1");
	close(fd);
}

static void stop(evutil_socket_t fd, short what, void *arg)
{
	event_base_loopbreak(arg);
}

static void test_watchdog(void **state)
{
	const struct timeval later = {.tv_usec = 10 * INTERVAL_US};
	struct event_base *base = event_base_new();
	struct event *end = evtimer_new(base, stop, base), *timer;
	int fd = listen_abstract();
	char text[64] = "";

	setenv("WATCHDOG_USEC", "20000", 1);
	timer = notify_watchdog(base);
	assert_non_null(timer);
	event_add(end, &later);
	event_base_dispatch(base);
	assert_int_equal(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT), strlen("WATCHDOG=1"));
	assert_string_equal(text, "WATCHDOG=1");
	event_free(timer);
	event_free(end);
	event_base_free(base);
	close(fd);
}

static const struct {
	const char *interval, *pid; /* NULL: not set */
	const char *why;
} rows[] = {
	{NULL, NULL, "nobody watches"},
	{"20000", "1", "another process is watched"},
	{"0", NULL, "no interval"},
	{"-5", NULL, "a negative interval"},
	{"20000x", NULL, "not a number"},
	{"", NULL, "empty"},
	{"99999999999999999999", NULL, "too large"},
};

static void set(const char *name, const char *value)
{
	if (value != NULL)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static void test_no_watchdog(void **state)
{
	struct event_base *base = event_base_new();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		set("WATCHDOG_USEC", rows[i].interval);
		set("WATCHDOG_PID", rows[i].pid);
		if (notify_watchdog(base) != NULL)
			fail_msg("%s", rows[i].why);
	}
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_does_not_wait),
		cmocka_unit_test(test_watchdog),
		cmocka_unit_test(test_no_watchdog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
