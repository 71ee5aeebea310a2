/*
 * Routes of virtual networks: the longest prefix of the own network wins, in either family, and no
 * other network's route is ever found.
 *
 *   network 0: 10.0.0.0/8 -> 0, 10.8.0.0/16 -> 1, fd00::/8 -> 2
 *   network 2: 10.8.0.0/16 -> 3, ::/0 -> 1
 *   network 1: no route
 */
#include "network/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NONE = -1, CHOICES = 4 };

static struct addr6 ip(const char *text)
{
	be32_t four;
	struct addr6 six;

	if (inet_pton(AF_INET, text, &four) == 1)
		return addr6_from_ipv4(four);
	assert_int_equal(inet_pton(AF_INET6, text, &six), 1);
	return six;
}

/* clang-format off */
static const struct {
	uint16_t vnet;
	const char *dst;
	int choice;
	const char *why;
} rows[] = {
	{ 0, "10.1.2.3",     0,    "the shorter prefix" },
	{ 0, "10.8.255.255", 1,    "the longer prefix wins" },
	{ 0, "10.9.0.0",     0,    "just outside it" },
	{ 0, "11.0.0.0",     NONE, "no route of that network" },
	{ 0, "fd00::1",      2,    "IPv6" },
	{ 0, "2001:db8::1",  NONE, "the default route of another network" },
	{ 1, "10.8.0.1",     NONE, "a network without routes" },
	{ 2, "10.8.0.1",     3,    "the same prefix in another network" },
	{ 2, "10.1.2.3",     NONE, "a prefix of another network" },
	{ 2, "fd00::1",      1,    "the default route of IPv6 ..." },
	{ 2, "192.0.2.1",    NONE, "... is none of IPv4" },
	{ 3, "10.8.0.1",     NONE, "a number that no network has" },
	{ 65535, "10.8.0.1", NONE, "the last number" },
};
/* clang-format on */

static int find(const struct routes *r, uint16_t vnet, const char *text)
{
	struct addr6 dst = ip(text);
	const struct route_choice *c = addr6_is_mapped(&dst)
					       ? routes_choice(r, vnet, addr6_to_ipv4(&dst))
					       : routes_choice6(r, vnet, &dst);

	return c == NULL ? NONE : (int)c->targets[0].nexthop;
}

static void check(const struct routes *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int found = find(r, rows[i].vnet, rows[i].dst);

		if (found != rows[i].choice)
			fail_msg("row %zu, %s: %d, not %d: %s", i, rows[i].dst, found,
				 rows[i].choice, rows[i].why);
	}
}

/* From rows, and once more from the trees that these rows made. */
static void test_rows(void **state)
{
	const struct vnet_route routes[] = {
		{{ip("10.0.0.0"), MAPPED_BITS + 8}, 0, 0},
		{{ip("10.8.0.0"), MAPPED_BITS + 16}, 0, 1},
		{{ip("fd00::"), 8}, 0, 2},
		{{ip("10.8.0.0"), MAPPED_BITS + 16}, 2, 3},
		{{ip("::"), 0}, 2, 1},
	};
	struct route_choice choices[CHOICES] = {0};
	struct routes_spec spec = {
		.vnet_routes = routes,
		.n_vnet_routes = ARRAY_SIZE(routes),
		.n_vnets = 3,
		.choices = choices,
		.n_choices = CHOICES,
	};
	struct routes own = {0}, borrowed = {0};

	for (uint16_t i = 0; i < CHOICES; i++) {
		choices[i].n = 1;
		choices[i].targets[0].nexthop = i;
	}
	assert_int_equal(routes_init(&own, &spec), 0);
	spec.vnets = own.vnets;
	assert_int_equal(routes_init(&borrowed, &spec), 0);
	memset(choices, 0xff, sizeof(choices)); /* they were copied */
	check(&own);
	check(&borrowed);
	routes_fini(&borrowed);
	routes_fini(&own);
}

static void test_none(void **state)
{
	struct routes r = {0};

	assert_int_equal(routes_init(&r, &(struct routes_spec){0}), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(find(&r, rows[i].vnet, rows[i].dst), NONE);
	routes_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
