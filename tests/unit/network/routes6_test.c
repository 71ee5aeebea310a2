/* IPv6 routes: the longest prefix, by port; on-link hosts; IPv4 beside them. */
#include "network/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { NONE };

static struct addr6 ip(const char *text)
{
	struct addr6 addr;

	assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

static struct routes create(void)
{
	const struct route6 routes6[] = {
		{{ip("::"), 0}, 0, 1},
		{{ip("2001:db8::"), 32}, 0, 2},
		{{ip("2001:db8:7::"), 64}, 0, ROUTE_UNKNOWN_HOST},
		{{ip("2001:db8::1"), 128}, 0, 3},
		{{ip("2001:db8::"), 32}, 0, 4}, /* a duplicate: the later one is used */
		{{ip("fd00::"), 8}, 1, 5},
	};
	const struct route4 routes[] = {{{0, 0}, 1, 1}};
	const struct route_host hosts[] = {
		{ip("2001:db8:7::9"), 0, 5},
		{addr6_from_ipv4(htonl(0xc0000209)), 0, 2},
	};
	struct routes r = {0};

	assert_int_equal(routes_init(&r,
				     &(struct routes_spec){
					     .routes = routes,
					     .n_routes = 1,
					     .routes6 = routes6,
					     .n_routes6 = ARRAY_SIZE(routes6),
					     .hosts = hosts,
					     .n_hosts = ARRAY_SIZE(hosts),
				     }),
			 0);
	return r;
}

/* clang-format off */
static const struct {
	const char *why, *dst;
	uint8_t port;
	uint16_t nexthop;
} rows[] = {
	{"the default route", "2001:db9::1", 0, 1},
	{"a longer one, and of two equal ones the later", "2001:db8::2", 0, 4},
	{"a host route", "2001:db8::1", 0, 3},
	{"on link, known", "2001:db8:7::9", 0, 5},
	{"on link, not known", "2001:db8:7::8", 0, ROUTE_UNKNOWN_HOST},
	{"another port's route", "fd00::1", 1, 5},
	{"another port has no default route", "2001:db8::1", 1, NONE},
	{"a port without routes", "2001:db8::1", 2, NONE},
	{"an IPv4 address in disguise is not on the link", "::ffff:192.0.2.9", 0, 1},
};
/* clang-format on */

static void every_row(void **state)
{
	struct routes r = create();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct addr6 dst = ip(rows[i].dst);
		uint16_t nexthop = routes_find6(&r, rows[i].port, &dst);

		if (nexthop != rows[i].nexthop)
			fail_msg("%s: nexthop %u", rows[i].why, nexthop);
	}
	assert_int_equal(routes_find(&r, 1, htonl(0xc0000209)), 1);
	assert_int_equal(routes_find(&r, 0, htonl(0xc0000209)), NONE);
	routes_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_row)};

	return cmocka_run_group_tests_name("network/routes6", tests, NULL, NULL);
}
