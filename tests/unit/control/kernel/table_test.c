/*
 * One kernel table, with the test in the kernel's place. After random events and dumps it says the
 * same as a plain list of routes.
 */
#include "control/kernel/table.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DEVICE = 7, OTHER = 8, PREFIXES = 300 };

/* What the user of the table was told last, by the second byte of the prefix and the third. */
struct told {
	size_t n, calls;
	struct table_way ways[TABLE_WAYS_MAX];
	struct prefix6 prefix;
};

static struct addr6 ip4(uint32_t addr)
{
	return addr6_from_ipv4(htonl(addr));
}

static struct prefix6 prefix_of(uint32_t i)
{
	return (struct prefix6){ip4(10u << 24 | i << 8), MAPPED_BITS + 24};
}

static struct kernel_route route_to(uint32_t i, uint32_t metric, uint32_t gateway)
{
	return (struct kernel_route){
		.prefix = prefix_of(i),
		.metric = metric,
		.n_gateways = 1,
		.gateways = {{.gateway = ip4(gateway), .ifindex = DEVICE, .weight = 1}}};
}

static void on_change(const struct prefix6 *prefix, const struct table_way *ways, size_t n,
		      void *arg)
{
	struct told *told = arg;

	told->prefix = *prefix;
	told->n = n;
	told->calls++;
	memcpy(told->ways, ways, n * sizeof(*ways));
}

static struct told take(struct table *t)
{
	struct told told = {0};

	table_take_changes(t, on_change, &told);
	assert_false(table_has_changes(t));
	return told;
}

static void test_ways(void **state)
{
	struct kernel_route route = route_to(1, 50, 0xa9fef001);
	struct table t;
	struct told told;

	table_init(&t, 1007, 10);
	route.gateways[1] = (struct kernel_gateway){ip4(0xa9fef003), DEVICE, 5, false};
	route.gateways[2] = (struct kernel_gateway){ip4(0xa9fef005), DEVICE, 1, true};
	route.n_gateways = 3;
	table_take(&t, &route, DEVICE);
	assert_true(table_has_changes(&t));
	told = take(&t);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.n, 2); /* the dead one does not count */
	assert_int_equal(told.ways[1].weight, 5);
	assert_int_equal(told.ways[0].metric, 50);
	assert_true(addr6_equal(&told.ways[1].gateway, &route.gateways[1].gateway));

	assert_int_equal(take(&t).calls, 0);
	table_take(&t, &route, DEVICE); /* again: nothing new */
	assert_int_equal(take(&t).calls, 0);

	route = route_to(1, 100, 0xa9fef007); /* another metric */
	table_take(&t, &route, DEVICE);
	assert_int_equal(take(&t).n, 3);
	route = route_to(1, 50, 0xa9fef009);
	route.replaces = true; /* only those of its metric */
	table_take(&t, &route, DEVICE);
	told = take(&t);
	assert_int_equal(told.n, 2);
	assert_int_equal(told.ways[0].metric, 100);

	route.replaces = false;
	route.removed = true;
	table_take(&t, &route, DEVICE);
	route = route_to(1, 100, 0xa9fef007);
	route.removed = true;
	table_take(&t, &route, DEVICE);
	told = take(&t);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.n, 0);
	assert_int_equal(table_n(&t), 0);
	table_fini(&t);
}

/* Routes without a gateway: by our device, by another one, and those that refuse. */
static void test_kinds(void **state)
{
	struct kernel_route route = route_to(1, 0, 0);
	struct table t;
	struct told told;

	table_init(&t, 1007, 10);
	route.gateways[0].gateway = (struct addr6){{0}};
	table_take(&t, &route, DEVICE);
	told = take(&t);
	assert_int_equal(told.n, 1);
	assert_false(told.ways[0].elsewhere);
	assert_true(addr6_is_zero(&told.ways[0].gateway));

	route.prefix = prefix_of(2);
	route.gateways[0].ifindex = OTHER;
	table_take(&t, &route, DEVICE);
	assert_true(take(&t).ways[0].elsewhere);

	route = (struct kernel_route){.prefix = prefix_of(3), .kind = KERNEL_PROHIBIT};
	table_take(&t, &route, DEVICE);
	told = take(&t);
	assert_int_equal(told.ways[0].kind, KERNEL_PROHIBIT);
	route.removed = true;
	table_take(&t, &route, DEVICE);
	assert_int_equal(take(&t).n, 0);
	route = (struct kernel_route){.prefix = prefix_of(4), .kind = KERNEL_THROW};
	table_take(&t, &route, DEVICE);
	assert_int_equal(take(&t).calls, 0);
	table_fini(&t);
}

/* Law 5: routes above the limit are refused, and those that are there stay. */
static void test_limit(void **state)
{
	struct kernel_route route;
	struct table t;

	table_init(&t, 1007, 5);
	for (uint32_t i = 0; i < 8; i++) {
		route = route_to(i, 0, 0xa9fef001);
		table_take(&t, &route, DEVICE);
	}
	assert_int_equal(table_n(&t), 5);
	assert_int_equal(t.n_refused, 3);
	assert_int_equal(take(&t).calls, 5);
	assert_false(table_has_room_again(&t));
	route = route_to(2, 10, 0xa9fef003); /* a prefix that is there may change */
	table_take(&t, &route, DEVICE);
	assert_int_equal(take(&t).n, 2);

	route = route_to(0, 0, 0xa9fef001);
	route.removed = true;
	table_take(&t, &route, DEVICE);
	take(&t);
	assert_true(table_has_room_again(&t));
	for (uint32_t i = 0; i < 2 * TABLE_WAYS_MAX; i++) {
		route = route_to(2, 20 + i, 0xa9fef001);
		table_take(&t, &route, DEVICE);
	}
	assert_int_equal(take(&t).n, TABLE_WAYS_MAX);
	table_fini(&t);
}

/* A prefix with as many ways as there may be stays, dump after dump. */
static void test_full_prefix(void **state)
{
	struct table t;

	table_init(&t, 1007, 10);
	for (unsigned dump = 0; dump < 3; dump++) {
		table_begin_dump(&t);
		for (uint32_t i = 0; i < TABLE_WAYS_MAX; i++) {
			struct kernel_route route = route_to(1, 20 + i, 0xa9fef001);

			table_take(&t, &route, DEVICE);
		}
		table_end_dump(&t, true);
		assert_int_equal(table_n(&t), 1);
		if (dump == 0)
			assert_int_equal(take(&t).n, TABLE_WAYS_MAX);
		else
			assert_int_equal(take(&t).calls, 0);
	}
	table_fini(&t);
}

/* A dump repairs what events did not say, and empties nothing meanwhile. */
static void test_dump(void **state)
{
	struct kernel_route one = route_to(1, 0, 0xa9fef001), two = route_to(2, 0, 0xa9fef001);
	struct kernel_route three = route_to(3, 0, 0xa9fef001);
	struct table t;

	table_init(&t, 1007, 10);
	table_begin_dump(&t);
	table_take(&t, &one, DEVICE);
	table_take(&t, &two, DEVICE);
	table_end_dump(&t, true);
	table_count_drift(&t, false);
	assert_int_equal(t.n_drifted, 0); /* the first one is no repair */
	take(&t);

	table_begin_dump(&t);
	table_take(&t, &one, DEVICE);
	assert_int_equal(table_n(&t), 2); /* the other one is still in use */
	assert_int_equal(take(&t).calls, 0);
	table_end_dump(&t, false); /* failed */
	assert_int_equal(take(&t).calls, 0);

	table_begin_dump(&t);
	table_take(&t, &one, DEVICE);
	table_take(&t, &three, DEVICE);
	table_end_dump(&t, true);
	table_count_drift(&t, false);
	assert_int_equal(t.n_drifted, 2); /* one came, one went */
	assert_int_equal(take(&t).calls, 2);
	assert_int_equal(table_n(&t), 2);

	table_begin_dump(&t); /* events came meanwhile: nobody knows */
	table_take(&t, &one, DEVICE);
	table_end_dump(&t, true);
	three.removed = true;
	table_take(&t, &three, DEVICE);
	table_count_drift(&t, false);
	assert_int_equal(t.n_drifted, 2);
	take(&t);

	table_begin_dump(&t); /* but events were lost before */
	table_take(&t, &one, DEVICE);
	table_take(&t, &two, DEVICE);
	table_end_dump(&t, true);
	table_take(&t, &three, DEVICE);
	table_count_drift(&t, true);
	assert_int_equal(t.n_drifted, 3);
	table_fini(&t);
}

static void test_touch_all(void **state)
{
	struct kernel_route one = route_to(1, 0, 0xa9fef001), two = route_to(2, 0, 0xa9fef001);
	struct table t;

	table_init(&t, 1007, 10);
	table_take(&t, &one, DEVICE);
	table_take(&t, &two, DEVICE);
	take(&t);
	table_touch_all(&t);
	assert_int_equal(take(&t).calls, 2);
	table_fini(&t);
}

/* --- random events ---------------------------------------------------------------------------- */

struct model {
	uint32_t kernel[PREFIXES]; /* gateway of the prefix; 0: none */
	uint32_t told[PREFIXES];
};

static void on_model_change(const struct prefix6 *prefix, const struct table_way *ways, size_t n,
			    void *arg)
{
	struct model *m = arg;
	uint32_t i = ntohl(addr6_to_ipv4(&prefix->addr)) >> 8 & 0xffff;

	assert_in_range(n, 0, 1);
	m->told[i] = n == 0 ? 0 : ntohl(addr6_to_ipv4(&ways[0].gateway));
}

static void model_event(struct model *m, struct table *t, bool lost)
{
	uint32_t i = (uint32_t)rand() % PREFIXES;
	struct kernel_route route = route_to(i, 0, 0xa9fef000 + (uint32_t)rand() % 5 + 1);

	route.removed = m->kernel[i] != 0 && rand() % 2 == 0;
	if (route.removed)
		route.gateways[0].gateway = ip4(m->kernel[i]);
	route.replaces = !route.removed;
	m->kernel[i] = route.removed ? 0 : ntohl(addr6_to_ipv4(&route.gateways[0].gateway));
	if (!lost)
		table_take(t, &route, DEVICE);
}

static void model_dump(const struct model *m, struct table *t)
{
	table_begin_dump(t);
	for (uint32_t i = 0; i < PREFIXES; i++) {
		struct kernel_route route = route_to(i, 0, m->kernel[i]);

		if (m->kernel[i] != 0)
			table_take(t, &route, DEVICE);
	}
	table_end_dump(t, true);
	table_count_drift(t, true);
}

static void test_random(void **state)
{
	static struct model m;
	struct table t;

	srand(11);
	table_init(&t, 1007, PREFIXES);
	for (int round = 0; round < 300; round++) {
		bool lost = round % 7 == 3;

		for (int i = 0; i < 60; i++)
			model_event(&m, &t, lost && i % 3 == 0);
		if (lost)
			model_dump(&m, &t);
		table_take_changes(&t, on_model_change, &m);
		assert_memory_equal(m.kernel, m.told, sizeof(m.told));
	}
	assert_true(t.n_drifted > 0);
	table_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways),	    cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_full_prefix), cmocka_unit_test(test_limit),
		cmocka_unit_test(test_dump),	    cmocka_unit_test(test_touch_all),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
