/*
 * The route cache: it says what the routes say, also when rows are in each other's way, and nothing
 * that it said before a snapshot is said after it.
 */
#include "stage.h"

#include "dice.h"
#include "path/route_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUTES = 4000, UDP = 17 };

static struct route4 routes[ROUTES];

/* Route i is 20.x.y.0/24, by nexthop @first + i. */
static struct nexthops *make(uint16_t first)
{
	struct nexthops *t;

	for (uint32_t i = 0; i < ROUTES; i++)
		routes[i] = (struct route4){
			.prefix = {htonl(0x14000000 + (i << 8)), 24},
			.port = PORT_UPLINK,
			.nexthop = (uint16_t)(first + i),
		};
	t = nexthops_create(&(struct nexthops_spec){
		.routes = {.routes = routes, .n_routes = ROUTES},
	});
	assert_non_null(t);
	assert_true(t->routes.many);
	return t;
}

static struct context create(const struct nexthops *t)
{
	struct context ctx = {.nexthops = t, .route_cache = route_cache_create()};

	assert_non_null(ctx.route_cache);
	return ctx;
}

/* Random destinations, more than there are rows: some have a row that another one takes. */
static void test_says_what_routes_say(void **state)
{
	struct nexthops *t = make(1);
	struct context ctx = create(t);
	uint64_t dice = 5;

	for (unsigned i = 0; i < 300000; i++) {
		be32_t dst = htonl(0x14000000 + ((uint32_t)dice_next(&dice) & 0x1fffff));

		assert_int_equal(route_cache_find(&ctx, PORT_UPLINK, dst),
				 routes_find(&t->routes, PORT_UPLINK, dst));
	}
	assert_int_equal(route_cache_find(&ctx, PORT_UPLINK, 0), 0); /* an unwritten row */
	route_cache_destroy(ctx.route_cache);
	nexthops_destroy(t);
}

/* 140,000 snapshots: their numbers begin again twice. */
static void test_a_snapshot_ends_it(void **state)
{
	struct nexthops *t[] = {make(1), make(9000)};
	struct context ctx = create(t[0]);
	be32_t early = htonl(0x14000001), each = htonl(0x14000101);

	for (unsigned i = 0; i < 140000; i++) {
		ctx.nexthops = t[i % 2];
		route_cache_clear(ctx.route_cache);
		assert_int_equal(route_cache_find(&ctx, PORT_UPLINK, each), i % 2 ? 9001 : 2);
		if (i % 65535 == 0) /* written at a number that comes again, with another table */
			assert_int_equal(route_cache_find(&ctx, PORT_UPLINK, early),
					 i % 2 ? 9000 : 1);
	}
	route_cache_destroy(ctx.route_cache);
	nexthops_destroy(t[0]);
	nexthops_destroy(t[1]);
}

/* A burst fills in what is missing, once. */
static void test_fill(void **state)
{
	struct nexthops *t = make(1);
	struct context ctx = create(t);
	static struct burst b;

	for (unsigned i = 0; i < BURST_MAX; i++) {
		b.packets[i].probe.key.dst = htonl(0x14000000 + (i / 2 << 8));
		burst_pass(&b, STAGE_SETUP, &b.packets[i]);
	}
	assert_int_equal(route_cache_fill(&ctx, &b, STAGE_SETUP6, PORT_UPLINK), 0);
	assert_int_equal(route_cache_fill(&ctx, &b, STAGE_SETUP, PORT_UPLINK), BURST_MAX);
	assert_int_equal(route_cache_fill(&ctx, &b, STAGE_SETUP, PORT_UPLINK), 0);
	ctx.nexthops = NULL; /* nothing is looked up any more */
	for (unsigned i = 0; i < BURST_MAX; i++)
		assert_int_equal(route_cache_find(&ctx, PORT_UPLINK, b.packets[i].probe.key.dst),
				 i / 2 + 1);
	route_cache_destroy(ctx.route_cache);
	nexthops_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says_what_routes_say),
		cmocka_unit_test(test_a_snapshot_ends_it),
		cmocka_unit_test(test_fill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
