/*
 * Which addresses of both families may belong to a host: the first and last address of each block.
 */
#include "base/addr4.h"
#include "base/addr6.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
	const char *text;
	bool host, link_local;
	const char *why;
} fours[] = {
	{"0.0.0.0", false, false, "unspecified"},
	{"0.255.255.255", false, false, "the last of this network"},
	{"1.0.0.0", true, false, "behind it"},
	{"10.0.0.1", true, false, "RFC 1918: a host of a site"},
	{"126.255.255.255", true, false, "before loopback"},
	{"127.0.0.0", false, false, "the first of loopback"},
	{"127.255.255.255", false, false, "the last"},
	{"128.0.0.0", true, false, "behind it"},
	{"169.253.255.255", true, false, "before link local"},
	{"169.254.0.0", true, true, "the first of link local: a host, on its link"},
	{"169.254.255.255", true, true, "the last"},
	{"169.255.0.0", true, false, "behind it"},
	{"223.255.255.255", true, false, "before multicast"},
	{"224.0.0.0", false, false, "multicast"},
	{"240.0.0.0", false, false, "reserved"},
	{"255.255.255.255", false, false, "broadcast"},
};

static const struct {
	const char *text;
	bool host, link_local;
	const char *why;
} sixes[] = {
	{"::", false, false, "unspecified"},
	{"::1", false, false, "loopback"},
	{"::ffff:10.0.0.1", false, false, "IPv4-mapped: never on the wire"},
	{"::10.0.0.1", false, false, "IPv4-compatible, as old"},
	{"0:0:0:1::", true, false, "behind them"},
	{"2001:db8::1", true, false, "global"},
	{"fd00::1", true, false, "RFC 4193: a host of a site"},
	{"fe7f:ffff::1", true, false, "before link local"},
	{"fe80::1", true, true, "link local: a host, on its link"},
	{"febf:ffff::1", true, true, "the last /16 of it"},
	{"fec0::1", true, false, "behind it"},
	{"feff:ffff::1", true, false, "before multicast"},
	{"ff02::1", false, false, "multicast"},
};

static void test_ipv4(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(fours); i++) {
		be32_t addr;

		assert_int_equal(inet_pton(AF_INET, fours[i].text, &addr), 1);
		if (addr4_is_host(addr) != fours[i].host ||
		    addr4_is_link_local(addr) != fours[i].link_local)
			fail_msg("%s: %s", fours[i].text, fours[i].why);
	}
}

static void test_ipv6(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(sixes); i++) {
		struct addr6 addr;

		assert_int_equal(inet_pton(AF_INET6, sixes[i].text, &addr), 1);
		if (addr6_is_host(&addr) != sixes[i].host ||
		    addr6_is_link_local(&addr) != sixes[i].link_local)
			fail_msg("%s: %s", sixes[i].text, sixes[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
