/*
 * The readiness and watchdog protocol of sd_notify(3): one datagram to the socket named by
 * $NOTIFY_SOCKET, where a leading "@" stands for the NUL of an abstract name. There are no answers.
 * The daemon also runs if no process listens.
 */
#include "control/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

void notify_service_manager(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = path != NULL ? strlen(path) : 0;
	int fd;

	if (len == 0 || len >= sizeof(addr.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(addr.sun_path, path, len);
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
	       (const struct sockaddr *)&addr, offsetof(struct sockaddr_un, sun_path) + len);
	close(fd);
}

/* Microseconds; 0: no watchdog, or it watches another process. */
static uint64_t watchdog_interval_us(void)
{
	const char *interval = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long us;
	char *end;

	if (interval == NULL || (pid != NULL && strtoll(pid, NULL, 10) != getpid()))
		return 0;
	errno = 0;
	us = strtoull(interval, &end, 10);
	return errno == 0 && end != interval && *end == '\0' && interval[0] != '-' ? us : 0;
}

static void say_alive(evutil_socket_t fd, short what, void *arg)
{
	notify_service_manager("WATCHDOG=1");
}

struct event *notify_watchdog(struct event_base *base)
{
	uint64_t half_us = watchdog_interval_us() / 2;
	const struct timeval period = {.tv_sec = (time_t)(half_us / 1000000),
				       .tv_usec = (suseconds_t)(half_us % 1000000)};
	struct event *timer = half_us > 0 ? event_new(base, -1, EV_PERSIST, say_alive, NULL) : NULL;

	if (timer != NULL)
		event_add(timer, &period);
	return timer;
}
