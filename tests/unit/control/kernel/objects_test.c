/* Nexthop objects: single ones, groups with weights, blackholes, and bounds. */
#include "control/kernel/objects.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct kernel_nexthop single(uint32_t id, uint32_t addr)
{
	return (struct kernel_nexthop){
		.id = id, .gateway = {.gateway = addr6_from_ipv4(htonl(addr)), .ifindex = 7}};
}

static void test_expand(void **state)
{
	struct kernel_nexthop one = single(1, 0x0a000001), two = single(2, 0x0a000002);
	struct kernel_nexthop group = {
		.id = 3, .n_group = 3, .group = {1, 2, 99}, .weights = {1, 5, 1}};
	struct kernel_nexthop hole = {.id = 4, .blackhole = true};
	struct kernel_route route = {.nexthop = 3}, out;
	struct objects o = {0};

	assert_false(objects_expand(&o, &route, &out)); /* unknown as yet */
	objects_take(&o, &one);
	objects_take(&o, &two);
	objects_take(&o, &group);
	objects_take(&o, &hole);
	assert_true(objects_expand(&o, &route, &out));
	assert_int_equal(out.n_gateways, 2); /* the third is unknown */
	assert_int_equal(out.gateways[0].weight, 1);
	assert_int_equal(out.gateways[1].weight, 5);
	assert_true(addr6_equal(&out.gateways[1].gateway, &two.gateway.gateway));

	route.nexthop = 4;
	assert_true(objects_expand(&o, &route, &out));
	assert_int_equal(out.kind, KERNEL_BLACKHOLE);

	two = single(2, 0x0a000009); /* changed */
	objects_take(&o, &two);
	route.nexthop = 2;
	assert_true(objects_expand(&o, &route, &out));
	assert_true(addr6_equal(&out.gateways[0].gateway, &two.gateway.gateway));
	two.removed = true;
	objects_take(&o, &two);
	assert_false(objects_expand(&o, &route, &out));
	objects_forget(&o);
	route.nexthop = 1;
	assert_false(objects_expand(&o, &route, &out));
	objects_fini(&o);
}

static void test_bound(void **state)
{
	struct objects o = {0};

	for (uint32_t i = 1; i <= 200; i++) {
		struct kernel_nexthop nexthop = single(i, i);

		objects_take(&o, &nexthop);
	}
	assert_int_equal(o.n, 200);
	assert_true(o.room <= OBJECTS_MAX);
	objects_fini(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
