/* IPv6 routes: the longest prefix, by port; hosts on link; IPv4 beside them. */
#include "network/adjacency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct addr6 ip(const char *text)
{
	struct addr6 addr;

	assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

static struct adjacency *create(void)
{
	const struct hop hops[6] = {{.mtu = 0}};
	const struct adjacency_route6 routes6[] = {
		{{ip("::"), 0}, 0, 1},
		{{ip("2001:db8::"), 32}, 0, 2},
		{{ip("2001:db8:7::"), 64}, 0, HOP_UNKNOWN_HOST},
		{{ip("2001:db8::1"), 128}, 0, 3},
		{{ip("2001:db8::"), 32}, 0, 4}, /* again: the later one counts */
		{{ip("fd00::"), 8}, 1, 5},
	};
	const struct adjacency_route routes[] = {{{0, 0}, 1, 1}};
	const struct adjacency_host6 hosts6[] = {{ip("2001:db8:7::9"), 0, 5}};
	const struct adjacency_host hosts[] = {{htonl(0xc0000209), 0, 2}};

	return adjacency_create(&(struct adjacency_spec){
		.hops = hops,
		.n_hops = 6,
		.routes = routes,
		.n_routes = 1,
		.routes6 = routes6,
		.n_routes6 = sizeof(routes6) / sizeof(routes6[0]),
		.hosts = hosts,
		.n_hosts = 1,
		.hosts6 = hosts6,
		.n_hosts6 = 1,
	});
}

/* clang-format off */
static const struct {
	const char *why, *dst;
	uint8_t port;
	uint16_t hop;
} rows[] = {
	{"the default route", "2001:db9::1", 0, 1},
	{"a longer one, and of two equal ones the later", "2001:db8::2", 0, 4},
	{"a host route", "2001:db8::1", 0, 3},
	{"on link, known", "2001:db8:7::9", 0, 5},
	{"on link, not known", "2001:db8:7::8", 0, HOP_UNKNOWN_HOST},
	{"another port's route", "fd00::1", 1, 5},
	{"another port has no default route", "2001:db8::1", 1, HOP_NONE},
	{"a port without routes", "2001:db8::1", 2, HOP_NONE},
	{"an IPv4 address in disguise is not on the link", "::ffff:192.0.2.9", 0, 1},
};
/* clang-format on */

static void every_row(void **state)
{
	struct adjacency *adj = create();

	assert_non_null(adj);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct addr6 dst = ip(rows[i].dst);
		uint16_t hop = adjacency_route6(adj, rows[i].port, &dst);

		if (hop != rows[i].hop)
			fail_msg("%s: hop %u", rows[i].why, hop);
	}
	assert_int_equal(adjacency_route(adj, 1, htonl(0xc0000209)), 1);
	assert_int_equal(adjacency_route(adj, 0, htonl(0xc0000209)), HOP_NONE);
	adjacency_destroy(adj);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_row)};

	return cmocka_run_group_tests_name("network/adjacency6", tests, NULL, NULL);
}
