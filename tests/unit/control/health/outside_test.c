/*
 * Echo replies that the kernel receives are told, other messages are not; nothing is heard when
 * nobody listens. The messages go through the loopback interface, so this needs the right to open
 * raw sockets.
 */
#include "control/health/outside.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "control/health/health.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

enum { TUNNEL = 5, SLOT = 2, ROUNDS = 50, WAIT_US = 2000 };

static struct health_mark heard;
static unsigned n_heard;

void __wrap_health_heard_outside(struct health *h, const struct health_mark *mark, uint64_t now_ns);

void __wrap_health_heard_outside(struct health *h, const struct health_mark *mark, uint64_t now_ns)
{
	if (mark->number != 0x1234567890 && mark->number != 0x777)
		return; /* of another program */
	heard = *mark;
	n_heard++;
	assert_true(now_ns > 0);
}

static void send_icmp(int fd, bool six, uint8_t type, uint64_t number)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct sockaddr_in6 to6 = {.sin6_family = AF_INET6,
					 .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	uint8_t icmp[PROBE_LEN] = {type};

	memcpy(icmp + PROBE_NUMBER_AT, &number, sizeof(number));
	icmp[PROBE_TUNNEL_AT + 1] = TUNNEL;
	icmp[PROBE_SLOT_AT] = SLOT;
	if (!six) /* the kernel writes that of ICMPv6 */
		wire_put_be16(icmp + ICMP_CHECKSUM, checksum_make(icmp, sizeof(icmp)));
	if (six)
		sendto(fd, icmp, sizeof(icmp), 0, (const void *)&to6, sizeof(to6));
	else
		sendto(fd, icmp, sizeof(icmp), 0, (const void *)&to, sizeof(to));
}

static void run(struct event_base *base, unsigned until)
{
	for (unsigned i = 0; i < ROUNDS && n_heard < until; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(WAIT_US);
	}
}

static void hear(bool six)
{
	struct event_base *base = event_base_new();
	struct outside *o = outside_create(base, NULL);
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_RAW, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	uint8_t reply = six ? ICMPV6_ECHO_REPLY : ICMP_ECHO_REPLY;

	n_heard = 0;
	if (fd < 0)
		skip();
	send_icmp(fd, six, reply, 0x1234567890); /* nobody listens yet */
	outside_listen(o, true);
	outside_listen(o, true);
	send_icmp(fd, six, six ? ICMPV6_TIME_EXCEEDED : ICMP_TIME_EXCEEDED, 0x777);
	send_icmp(fd, six, reply, 0x1234567890);
	run(base, 1);
	assert_int_equal(n_heard, 1);
	assert_int_equal(heard.number, 0x1234567890);
	assert_int_equal(heard.tunnel, TUNNEL);
	assert_int_equal(heard.slot, SLOT);
	outside_listen(o, false);
	send_icmp(fd, six, reply, 0x1234567890);
	run(base, 2);
	assert_int_equal(n_heard, 1);
	outside_destroy(o);
	close(fd);
	event_base_free(base);
}

static void hears_ipv4(void **state)
{
	hear(false);
}

static void hears_ipv6(void **state)
{
	hear(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hears_ipv4),
		cmocka_unit_test(hears_ipv6),
	};

	return cmocka_run_group_tests_name("health/outside", tests, NULL, NULL);
}
