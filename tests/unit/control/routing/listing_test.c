/* Routes for people: every one is listed once, in order; a look-up explains itself. */
#include "control/routing/routing.h"

#include "base/types.h"
#include "routing_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ROUTES                                                                                     \
	"[{name: default, routes: ["                                                               \
	"{prefix: 'fd00::/8', to: [{site: two}]}, {prefix: 10.128.0.0/9, to: [{site: two}]}, "     \
	"{prefix: 10.0.0.0/8, to: [{site: one}, {site: two, priority: 50}], on-collision: "        \
	"refuse}, "                                                                                \
	"{prefix: 0.0.0.0/0, to: [{egress: special}]}, {prefix: '::/0', to: [{site: one}]}, "      \
	"{prefix: 10.0.0.0/16, to: [{site: one}]}]}, {name: other, routes: [{prefix: 10.0.0.0/8, " \
	"to: [{site: far}]}]}]"

static const char *const order[] = {
	"0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.128.0.0/9", "::/0", "fd00::/8",
};

static struct routing *start(const struct bed_network *b)
{
	struct routing *r = routing_create();

	assert_non_null(r);
	assert_int_equal(routing_prepare(r, b->net), 0);
	routing_commit(r);
	return r;
}

static void test_list(void **state)
{
	struct bed_network b = bed_network(ROUTES);
	struct routing *r = start(&b);
	struct routing_route route;
	bool more = routing_next(r, 0, NULL, &route);
	struct prefix6 prefix;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		assert_true(more);
		prefix = bed_prefix(order[i]);
		assert_int_equal(route.prefix.len, prefix.len);
		assert_true(addr6_equal(&route.prefix.addr, &prefix.addr));
		assert_true(route.is_fixed && !route.is_learned);
		more = routing_next(r, 0, &prefix, &route);
	}
	assert_false(more);

	/* behind a prefix that is not there */
	prefix = bed_prefix("10.0.128.0/17");
	assert_true(routing_next(r, 0, &prefix, &route));
	assert_int_equal(route.prefix.len, 96 + 9);
	prefix = bed_prefix("192.168.0.0/16");
	assert_true(routing_next(r, 0, &prefix, &route));
	assert_int_equal(route.prefix.len, 0); /* IPv6 follows */
	prefix = bed_prefix("ff00::/8");
	assert_false(routing_next(r, 0, &prefix, &route));

	assert_true(routing_next(r, 1, NULL, &route));
	assert_false(routing_next(r, 1, &route.prefix, &route));
	assert_false(routing_next(r, 2, NULL, &route)); /* no such network */
	routing_destroy(r);
	bed_network_fini(&b);
}

/* Routes that begin at one address: each is found by its own length. */
static void test_find(void **state)
{
	struct bed_network b = bed_network(ROUTES);
	struct routing *r = start(&b);
	struct routing_route route;
	struct prefix6 prefix;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		prefix = bed_prefix(order[i]);
		assert_true(routing_find(r, 0, &prefix, &route));
		assert_int_equal(route.prefix.len, prefix.len);
	}
	prefix = bed_prefix("10.0.0.0/12");
	assert_false(routing_find(r, 0, &prefix, &route));
	assert_false(routing_find(r, 2, &prefix, &route)); /* no such network */
	routing_destroy(r);
	bed_network_fini(&b);
}

static uint32_t two_is_down(void *arg, uint16_t tunnel)
{
	const struct bed_network *b = arg;

	return strcmp(network_tunnel_name(b->net, tunnel), "two-1") == 0 ? 1000000 : 0;
}

static void test_look_up(void **state)
{
	struct bed_network b = bed_network(ROUTES);
	struct routing *r = start(&b);
	struct addr6 dst = bed_address("10.9.9.9");
	struct routing_target best, other;
	struct routing_route route;

	assert_true(routing_lookup(r, 0, &dst, &route));
	assert_int_equal(route.prefix.len, 96 + 8);
	assert_true(route.refuses_collision);
	assert_int_equal(route.n, 2);
	best = routing_target(r, &route, 0); /* sorted by priority */
	other = routing_target(r, &route, 1);
	assert_int_equal(best.priority, 50);
	assert_true(best.is_used && !other.is_used);

	routing_use_penalties(r, two_is_down, &b);
	best = routing_target(r, &route, 0);
	other = routing_target(r, &route, 1);
	assert_int_equal(best.penalty, 1000000);
	assert_true(!best.is_used && other.is_used);

	dst = bed_address("2001:db8::1");
	assert_true(routing_lookup(r, 0, &dst, &route));
	assert_int_equal(route.prefix.len, 0);
	dst = bed_address("192.0.2.1");
	assert_false(routing_lookup(r, 1, &dst, &route));
	routing_destroy(r);
	bed_network_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_look_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
