/* Outer headers and ends. What sealing makes of them is in seal_test.c. */
#include "esp/outer.h"

#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct esp_ends ends_of(const char *local, const char *remote)
{
	return (struct esp_ends){
		.local = addr6_from_ipv4(inet_addr(local)),
		.remote = addr6_from_ipv4(inet_addr(remote)),
	};
}

/* A packet of ours read at the far side: its remote end is our local one. */
static void test_read(void **state)
{
	struct esp_ends ends = ends_of("192.0.2.1", "192.0.2.2"), from;
	struct esp_outer outer;

	esp_outer_make(&outer, &ends);
	esp_outer_read(outer.bytes + ESP_OUTER_MAX - outer.len, outer.len, &from);
	assert_true(addr6_equal(&from.remote, &ends.local));
	assert_true(addr6_equal(&from.local, &ends.remote));
	assert_false(from.udp);
	ends.udp = true;
	ends.local_port = 4500;
	ends.remote_port = 1234;
	esp_outer_make(&outer, &ends);
	esp_outer_read(outer.bytes + ESP_OUTER_MAX - outer.len, outer.len, &from);
	assert_true(from.udp);
	assert_int_equal(from.remote_port, 4500);
	assert_int_equal(from.local_port, 1234);
}

static void test_sound(void **state)
{
	struct esp_ends ends = ends_of("192.0.2.1", "192.0.2.2");

	assert_true(esp_ends_are_sound(&ends));
	ends.udp = true;
	assert_false(esp_ends_are_sound(&ends));
	ends.local_port = 4500;
	assert_false(esp_ends_are_sound(&ends));
	ends.remote_port = 4500;
	assert_true(esp_ends_are_sound(&ends));
	ends = ends_of("0.0.0.0", "192.0.2.2");
	assert_false(esp_ends_are_sound(&ends));
	memset(&ends.remote, 0xff, sizeof(ends.remote));
	memset(&ends.local, 0x20, sizeof(ends.local));
	assert_false(esp_ends_are_sound(&ends)); /* multicast */
	ends.remote = ends.local;
	assert_true(esp_ends_are_sound(&ends));
}

static void test_is_from(void **state)
{
	struct esp_ends sa = ends_of("192.0.2.1", "192.0.2.2"), packet = sa;

	assert_true(esp_outer_is_from(&packet, &sa));
	sa.udp = true;
	sa.remote_port = 4500;
	assert_true(esp_outer_is_from(&packet, &sa)); /* the other form has no port */
	packet.udp = true;
	packet.remote_port = 4501;
	assert_false(esp_outer_is_from(&packet, &sa));
	packet.remote_port = 4500;
	assert_true(esp_outer_is_from(&packet, &sa));
	packet.remote = addr6_from_ipv4(inet_addr("192.0.2.3"));
	assert_false(esp_outer_is_from(&packet, &sa));
}

static struct addr6 addr_of(const char *text)
{
	struct addr6 six = {0};

	if (strchr(text, ':') == NULL)
		return addr6_from_ipv4(inet_addr(text));
	assert_int_equal(inet_pton(AF_INET6, text, &six), 1);
	return six;
}

/* What the far end answers by the same headers is an answer; from elsewhere it is none. */
static void test_is_answer(void **state)
{
	const char *ends[][2] = {{"192.0.2.1", "192.0.2.2"}, {"2001:db8::1", "2001:db8::2"}};

	for (unsigned i = 0; i < 2; i++) {
		struct esp_ends near = {0}, far;
		struct esp_outer ours, theirs;
		uint8_t *ip;

		near.local = addr_of(ends[i][0]);
		near.remote = addr_of(ends[i][1]);
		near.local_port = far.remote_port = 4500;
		near.remote_port = 31000;
		far = near;
		far.local = near.remote;
		far.remote = near.local;
		far.local_port = 31000;
		far.remote_port = 4500;
		for (unsigned form = 0; form < 4; form++) {
			near.udp = form & 1;
			far.udp = form & 2;
			esp_outer_make(&ours, &near);
			esp_outer_make(&theirs, &far);
			ip = theirs.bytes + ESP_OUTER_MAX - theirs.len;
			assert_true(esp_outer_is_answer(&ours, ip, ip + theirs.len));
			theirs.bytes[ESP_OUTER_MAX - UDP_LEN] ^= far.udp;
			assert_int_equal(esp_outer_is_answer(&ours, ip, ip + theirs.len),
					 form != 3); /* the port counts only if both have one */
			theirs.bytes[ESP_OUTER_MAX - UDP_LEN] ^= far.udp;
			ip[i == 0 ? IPV4_SRC + 3 : IPV6_SRC + 15] ^= 4;
			assert_false(esp_outer_is_answer(&ours, ip, ip + theirs.len));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_is_from),
		cmocka_unit_test(test_is_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
