/* Query arguments: which are accepted, and how others are refused. */
#include "control/api/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct route_arg rows[] = {
	{"site", ARG_NAME, 0, 0, ""},	    {"address", ARG_PREFIX, 0, 0, ""},
	{"limit", ARG_NUMBER, 1, 1000, ""}, {"protocol", ARG_PROTOCOL, 0, 0, ""},
	{"all", ARG_FLAG, 0, 0, ""},
};

enum { SITE, ADDRESS, LIMIT, PROTOCOL, ALL, N_ROWS };

/* clang-format off */
static const struct {
	const char *query;
	const char *error; /* part of the sentence; NULL: accepted */
	const char *why;
} cases[] = {
	{NULL, NULL, "no query at all"},
	{"", NULL, "a lone question mark"},
	{"site=paris", NULL, "one"},
	{"site=paris&limit=1000&protocol=udp&all=false", NULL, "several"},
	{"site=caf%C3%A9", NULL, "percent signs are undone"},
	{"address=10.0.1.10", NULL, "an address is a prefix of 32 bits"},
	{"address=10.0.0.0/8", NULL, "a prefix"},
	{"address=fd00::10", NULL, "an IPv6 address"},
	{"address=fd00::/64", NULL, "an IPv6 prefix"},
	{"address=fd00::/129", "address must be an IPv4 or IPv6 address or prefix", "129 bits"},
	{"address=10.0.0.0/33", "address must be an IPv4 or IPv6 address or prefix", "33 bits"},
	{"protocol=TCP", NULL, "whatever case"},
	{"protocol=47", NULL, "a protocol without a name"},
	{"limit=1", NULL, "the lowest"},
	{"sit=paris", "did you mean site?", "a slip"},
	{"colour=red", "unknown argument \"colour\"", "nothing like it"},
	{"limit=0", "limit must be a number from 1 to 1000", "too low"},
	{"limit=1001", "limit must be a number from 1 to 1000", "too high"},
	{"limit=-1", "limit must be", "no sign"},
	{"limit=+1", "limit must be", "plus is a blank"},
	{"limit=1e3", "limit must be", "digits only"},
	{"limit=", "limit must be", "empty"},
	{"limit=99999999999999999999", "limit must be", "no overflow into the range"},
	{"limit=5&limit=6", "limit is given twice", "which one?"},
	{"site=", "site must be a name", "empty name"},
	{"site", "?name=value", "no value"},
	{"=x", "?name=value", "no name"},
	{"site=a%00b", "?name=value", "a NUL inside would make it another name"},
	{"address=10.0.0", "address must be an IPv4 or IPv6 address or prefix", "three parts"},
	{"address=10.0.0.256", "address must be", "not a byte"},
	{"address=10.0.0.0/33", "address must be", "no such length"},
	{"address=10.0.0.0/", "address must be", "no length"},
	{"address=1111111111111111111111111111111", "address must be", "longer than any address"},
	{"protocol=gre", "protocol must be tcp, udp, icmp, icmpv6, or a", "not a flow's protocol"},
	{"protocol=256", "protocol must be", "not a byte"},
	{"all=yes", "all must be true or false", "as JSON says it"},
};
/* clang-format on */

static void test_cases(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char error[ARGS_ERROR_SIZE] = "";
		struct arg args[N_ROWS];
		int err = args_parse(cases[i].query, rows, N_ROWS, args, error);

		args_fini(args, N_ROWS);
		if ((err == 0) != (cases[i].error == NULL))
			fail_msg("%s: ?%s gave \"%s\"", cases[i].why, cases[i].query, error);
		if (err != 0 && strstr(error, cases[i].error) == NULL)
			fail_msg("?%s: \"%s\" lacks \"%s\"", cases[i].query, error, cases[i].error);
	}
}

static void test_values(void **state)
{
	char error[ARGS_ERROR_SIZE];
	struct arg args[N_ROWS];

	assert_int_equal(args_parse("address=10.1.2.3/8&limit=77&protocol=icmp&all=true&site=a%20b",
				    rows, N_ROWS, args, error),
			 0);
	assert_int_equal(addr6_to_ipv4(&args[ADDRESS].prefix.addr), inet_addr("10.0.0.0"));
	assert_true(addr6_is_mapped(&args[ADDRESS].prefix.addr));
	assert_int_equal(args[ADDRESS].prefix.len, MAPPED_BITS + 8);
	assert_int_equal(args[LIMIT].number, 77);
	assert_int_equal(args[PROTOCOL].number, 1);
	assert_int_equal(args[ALL].number, 1);
	assert_string_equal(args[SITE].text, "a b");
	args_fini(args, N_ROWS);

	assert_int_equal(args_parse("protocol=icmpv6", rows, N_ROWS, args, error), 0);
	assert_int_equal(args[PROTOCOL].number, 58);
	args_fini(args, N_ROWS);

	assert_int_equal(args_parse("all=false", rows, N_ROWS, args, error), 0);
	assert_true(args[ALL].given);
	assert_int_equal(args[ALL].number, 0);
	assert_false(args[SITE].given);
	args_fini(args, N_ROWS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
