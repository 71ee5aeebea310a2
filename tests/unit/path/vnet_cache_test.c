/*
 * The cache of virtual networks: it says what their routes say, also when rows are in each other's
 * way and when two networks use the same addresses, and nothing that it said before a snapshot is
 * said after it.
 */
#include "stage.h"

#include "dice.h"
#include "path/vnet_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUTES = 2000, VNETS = 2, NET = 0x0a000000 };

static struct vnet_route routes[VNETS * ROUTES];
static struct route_choice choices[VNETS * ROUTES];

/* Route i of network v is 10.x.y.0/24; its choice has the weight @first + i + 1 + 2000 v. */
static struct nexthops *make(uint16_t first)
{
	struct nexthops *t;

	for (uint32_t i = 0; i < VNETS * ROUTES; i++) {
		routes[i].prefix.addr = addr6_from_ipv4(htonl(NET + (i % ROUTES << 8)));
		routes[i].prefix.len = MAPPED_BITS + 24;
		routes[i].vnet = (uint16_t)(i / ROUTES);
		routes[i].choice = (first + i) % (VNETS * ROUTES); /* other numbers, too */
		choices[routes[i].choice].n = 1;
		choices[routes[i].choice].targets[0].weight = (uint16_t)(first + i + 1);
	}
	t = nexthops_create(&(struct nexthops_spec){
		.routes = {.n_vnets = VNETS,
			   .vnet_routes = routes,
			   .n_vnet_routes = VNETS * ROUTES,
			   .choices = choices,
			   .n_choices = VNETS * ROUTES},
	});
	assert_non_null(t);
	assert_true(t->routes.many_in_vnets);
	return t;
}

static struct context create(const struct nexthops *t)
{
	struct context ctx = {.nexthops = t, .vnet_cache = vnet_cache_create()};

	assert_non_null(ctx.vnet_cache);
	return ctx;
}

static unsigned weight(const struct route_choice *c)
{
	return c != NULL ? c->targets[0].weight : 0;
}

/* More destinations than rows. Some have no route, and the third network has none at all. */
static void test_says_what_routes_say(void **state)
{
	struct nexthops *t = make(0);
	struct context ctx = create(t);
	uint64_t dice = 5;

	for (unsigned i = 0; i < 300000; i++) {
		be32_t dst = htonl(NET + ((uint32_t)dice_next(&dice) & 0xfffff));
		uint16_t vnet = (uint16_t)(dice_next(&dice) % (VNETS + 1));

		assert_ptr_equal(vnet_cache_find(&ctx, vnet, dst),
				 routes_choice(&t->routes, vnet, dst));
	}
	assert_null(vnet_cache_find(&ctx, 0, 0)); /* an unwritten row */
	/* two networks, two destinations, one hash: vnet_cache.c */
	assert_non_null(vnet_cache_find(&ctx, 0, htonl(NET)));
	assert_null(vnet_cache_find(&ctx, 1, htonl(NET) ^ UINT32_C(0x85ebca6b)));
	vnet_cache_destroy(ctx.vnet_cache);
	nexthops_destroy(t);
}

/* 140,000 snapshots: their numbers begin again twice. */
static void test_a_snapshot_ends_it(void **state)
{
	struct nexthops *t[] = {make(0), make(9000)};
	struct context ctx = create(t[0]);
	be32_t early = htonl(NET + 1), each = htonl(NET + 0x101);

	for (unsigned i = 0; i < 140000; i++) {
		unsigned first = i % 2 ? 9000 : 0;

		ctx.nexthops = t[i % 2];
		vnet_cache_clear(ctx.vnet_cache);
		assert_int_equal(weight(vnet_cache_find(&ctx, 0, each)), first + 2);
		if (i % 65535 == 0) /* written at a number that comes again, with another table */
			assert_int_equal(weight(vnet_cache_find(&ctx, 1, early)),
					 first + ROUTES + 1);
	}
	vnet_cache_destroy(ctx.vnet_cache);
	nexthops_destroy(t[0]);
	nexthops_destroy(t[1]);
}

/* Packets of sites 1 and 2, of networks 0 and 1; of the Internet; and of a site that is gone. */
static void test_fill(void **state)
{
	enum { OF_SITES = BURST_MAX - 2 };
	struct site sites[3] = {[2] = {.vnet = 1}};
	const struct network net = {.sites = sites, .max_site = 2};
	struct nexthops *t = make(0);
	struct context ctx = create(t);
	static struct burst b;

	ctx.net = &net;
	for (unsigned i = 0; i < BURST_MAX; i++) {
		b.packets[i].probe.key.dst = htonl(NET + (i / 2 << 8));
		b.packets[i].probe.key.realm = i < OF_SITES ? 1 + i % 2 : i % 2 ? 0 : 3;
		burst_pass(&b, STAGE_SETUP, &b.packets[i]);
	}
	assert_int_equal(vnet_cache_fill(&ctx, &b, STAGE_SETUP6), 0);
	assert_int_equal(vnet_cache_fill(&ctx, &b, STAGE_SETUP), OF_SITES);
	assert_int_equal(vnet_cache_fill(&ctx, &b, STAGE_SETUP), 0);
	for (unsigned i = 0; i < OF_SITES; i++)
		assert_int_equal(weight(vnet_cache_find(&ctx, i % 2, b.packets[i].probe.key.dst)),
				 i / 2 + 1 + i % 2 * ROUTES);
	vnet_cache_destroy(ctx.vnet_cache);
	nexthops_destroy(t);
}

/* A choice whose number does not fit into a row is found all the same. */
static void test_high_numbers(void **state)
{
	enum { CHOICES = 70000 };
	struct route_choice *many = calloc(CHOICES, sizeof(*many));
	struct context ctx;
	struct nexthops *t;

	assert_non_null(many);
	nexthops_destroy(make(0)); /* which writes the routes */
	routes[0].choice = UINT16_MAX;
	routes[1].choice = UINT16_MAX + 1;
	routes[2].choice = UINT16_MAX - 1;
	t = nexthops_create(&(struct nexthops_spec){
		.routes = {.n_vnets = VNETS,
			   .vnet_routes = routes,
			   .n_vnet_routes = VNETS * ROUTES,
			   .choices = many,
			   .n_choices = CHOICES},
	});
	assert_non_null(t);
	ctx = create(t);
	for (unsigned i = 0; i < 6; i++)
		assert_ptr_equal(vnet_cache_find(&ctx, 0, htonl(NET + (i % 3 << 8))),
				 &t->routes.choices[routes[i % 3].choice]);
	vnet_cache_destroy(ctx.vnet_cache);
	nexthops_destroy(t);
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says_what_routes_say),
		cmocka_unit_test(test_a_snapshot_ends_it),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_high_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
