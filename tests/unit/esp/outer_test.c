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
	esp_outer_read(outer.bytes, outer.len, &from);
	assert_true(addr6_equal(&from.remote, &ends.local));
	assert_true(addr6_equal(&from.local, &ends.remote));
	assert_false(from.udp);
	ends.udp = true;
	ends.local_port = 4500;
	ends.remote_port = 1234;
	esp_outer_make(&outer, &ends);
	esp_outer_read(outer.bytes, outer.len, &from);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_sound),
		cmocka_unit_test(test_is_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
