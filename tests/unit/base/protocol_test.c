/* Names of protocols: each is parsed as its number, and help lists all of them. */
#include "base/protocol.h"

#include "base/types.h"
#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *text;
	int number;
	const char *why;
} rows[] = {
	{"tcp", PROTO_TCP, "RFC 9293"},
	{"udp", PROTO_UDP, "RFC 768"},
	{"icmp", PROTO_ICMP, "RFC 792"},
	{"icmpv6", PROTO_ICMPV6, "RFC 4443: a protocol of its own"},
	{"ICMPv6", PROTO_ICMPV6, "as people write it"},
	{"icmpv", -1, "no part of a name"},
	{"tcp ", -1, "nor more than a name"},
	{"6", -1, "a number is no name"},
	{"", -1, "nothing"},
};

static void test_numbers(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (protocol_number(rows[i].text) != rows[i].number)
			fail_msg("\"%s\": %s", rows[i].text, rows[i].why);
}

static void test_names(void **state)
{
	unsigned n = 0;

	for (int proto = 0; proto < 256; proto++) {
		const char *name = protocol_name((uint8_t)proto);

		if (name == NULL)
			continue;
		n++;
		assert_int_equal(protocol_number(name), proto);
		assert_non_null(strstr(PROTOCOL_WORDS, name));
	}
	assert_int_equal(n, 4);
	assert_string_equal(PROTOCOL_WORDS, "tcp, udp, icmp, icmpv6, or a number from 0 to 255");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
