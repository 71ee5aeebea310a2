/*
 * A keepalive of ours, byte by byte: outer header to the far end, inner header back to us, no
 * payload. And the effect of a new network on a silent tunnel, as nothing can be sent. Sending is
 * tested in tests/e2e/test_keepalive.py.
 */
#include "control/alarm.h"
#include "control/keepalive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <event2/event.h>

#define L "\xc0\x00\x02\x01" /* 192.0.2.1 */
#define R "\xc0\x00\x02\x0a" /* 192.0.2.10 */
#define L6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define R6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x0a"
#define BYTES(text) text, sizeof(text) - 1

/* clang-format off */
static const struct {
	const char *why;
	bool six, has_key;
	const char *bytes;
	size_t len;
} rows[] = {
	{"IPv4", false, false, BYTES(
		"\x45\0\0\x30\0\0\x00\0\xff\x2f\x37\x93" L R "\0\0\x08\0"
		"\x45\0\0\x18\0\0\x00\0\xff\x2f\x37\xab" R L "\0\0\0\0")},
	{"with a key", false, true, BYTES(
		"\x45\0\0\x38\0\0\x00\0\xff\x2f\x37\x8b" L R "\x20\0\x08\0\0\0\0\x07"
		"\x45\0\0\x1c\0\0\x00\0\xff\x2f\x37\xa7" R L "\x20\0\0\0\0\0\0\x07")},
	{"IPv6", true, false, BYTES(
		"\x60\0\0\0\0\x30\x2f\xff" L6 R6 "\0\0\x86\xdd"
		"\x60\0\0\0\0\x04\x2f\xff" R6 L6 "\0\0\0\0")},
};
/* clang-format on */

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct spec_tunnel tunnel = {.mtu = 1400, .has_key = rows[i].has_key, .key = 7};
		struct spec_site site = {.tunnels = &tunnel, .n_tunnels = 1};
		const struct network_spec spec = {.sites = &site, .n_sites = 1};
		uint8_t out[KEEPALIVE_SIZE];
		struct network *net;

		if (rows[i].six) {
			memcpy(&tunnel.local, L6, 16);
			memcpy(&tunnel.remote, R6, 16);
		} else {
			tunnel.local = addr6_from_ipv4(inet_addr("192.0.2.1"));
			tunnel.remote = addr6_from_ipv4(inet_addr("192.0.2.10"));
		}
		net = network_create(&spec, NULL);
		assert_non_null(net);
		assert_int_equal(keepalive_make(net, 1, out), rows[i].len);
		for (size_t k = 0; k < rows[i].len; k++)
			if (out[k] != (uint8_t)rows[i].bytes[k])
				fail_msg("%s: byte %zu is %02x", rows[i].why, k, out[k]);
		network_destroy(net);
	}
}

int __wrap_socket(int domain, int type, int protocol);

int __wrap_socket(int domain, int type, int protocol)
{
	errno = EPERM;
	return -1;
}

struct seen {
	uint16_t id; /* 0: there is no tunnel */
	const char *name;
	uint16_t interval;
	uint8_t last; /* last byte of the far end */
};

/* The storage of two networks. */
static struct network *network_of(const struct seen *seen)
{
	static struct spec_tunnel tunnels[2];
	static struct spec_site sites[2];
	static unsigned turn;
	const unsigned i = turn++ % 2;
	const struct network_spec spec = {.sites = &sites[i], .n_sites = 1};
	const uint16_t one = 1;
	const struct network_ids ids = {.sites = &one, .tunnels = &seen->id};
	struct network *net;

	tunnels[i] = (struct spec_tunnel){.mtu = 1400, .keepalive = {seen->interval, 3}};
	tunnels[i].local = addr6_from_ipv4(htonl(0x7f000001));
	tunnels[i].remote = addr6_from_ipv4(htonl(0x7f000100 | seen->last));
	snprintf(tunnels[i].name, sizeof(tunnels[i].name), "%s", seen->name);
	sites[i] = (struct spec_site){
		.name = "berlin", .tunnels = &tunnels[i], .n_tunnels = seen->id != 0};
	net = network_create(&spec, &ids);
	assert_non_null(net);
	return net;
}

/* clang-format off */
static const struct {
	const char *why;
	struct seen then;
	enum keepalive_state state; /* of that tunnel */
	const char *alarm; /* NULL: there is none */
} changes[] = {
	{"as it was", {1, "a", 9, 1}, KEEPALIVE_SILENT, "a"},
	{"more often", {1, "a", 1, 1}, KEEPALIVE_SILENT, "a"},
	{"it has another name", {1, "b", 9, 1}, KEEPALIVE_SILENT, "b"},
	{"another far end: who knows", {1, "a", 9, 2}, KEEPALIVE_UNKNOWN, NULL},
	{"another tunnel with its name", {2, "a", 9, 1}, KEEPALIVE_UNKNOWN, NULL},
	{"it has none any more", {1, "a", 0, 1}, KEEPALIVE_OFF, NULL},
	{"it is gone", {0, "a", 9, 1}, KEEPALIVE_OFF, NULL},
};
/* clang-format on */

static void a_change(void **state)
{
	const struct seen first = {1, "a", 9, 1};
	const struct timeval wait = {.tv_usec = 150000};

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct network *net = network_of(&first), *next;
		struct event_base *base = event_base_new();
		struct alarms *alarms = alarms_create();
		struct keepalives *k = keepalives_create(base, net, NULL, 0, alarms);

		assert_non_null(k);
		event_base_loopexit(base, &wait);
		event_base_dispatch(base);
		assert_true(alarm_stands(alarms, ALARM_TUNNEL_SILENT, "a"));
		next = network_of(&changes[i].then);
		keepalives_follow(k, next);
		network_destroy(net);
		if (keepalives_of(k, changes[i].then.id) != changes[i].state)
			fail_msg("%s: state %d", changes[i].why,
				 keepalives_of(k, changes[i].then.id));
		if (alarms_count(alarms) != (changes[i].alarm != NULL) ||
		    (changes[i].alarm != NULL &&
		     !alarm_stands(alarms, ALARM_TUNNEL_SILENT, changes[i].alarm)))
			fail_msg("%s: alarms %zu", changes[i].why, alarms_count(alarms));
		keepalives_destroy(k);
		alarms_destroy(alarms);
		event_base_free(base);
		network_destroy(next);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_row), cmocka_unit_test(a_change)};

	return cmocka_run_group_tests_name("keepalive", tests, NULL, NULL);
}
