/*
 * Which egress addresses a host gets, and which sites may use the reserve. Ports are in
 * choice_test.c.
 *
 * The pool has two IPv4 addresses, numbers 0 and 1, and one of IPv6, number 2.
 */
#include "setup/address.h"

#include "setup/ports.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct setup setup_of(struct stage_bench *b, uint32_t host, struct flow6 *six)
{
	return (struct setup){
		.ctx = &b->ctx,
		.pool = &b->net->pools[0],
		.flow = {.src = htonl(HOST + host), .site = SITE_BERLIN},
		.six = six,
	};
}

/* The host's own address comes first, then all others of its family. */
static void test_in_turn(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	unsigned own[2] = {0};
	struct flow6 six = {0};

	for (uint32_t host = 0; host < 200; host++) {
		struct setup s = setup_of(b, host, NULL);

		assert_int_equal(addresses_to_try(&s), 2);
		assert_int_equal(address_in_turn(&s, 0), address_of_host(&s));
		assert_int_equal(address_in_turn(&s, 1), 1 - address_of_host(&s));
		own[address_of_host(&s)]++;
		six.src.half[1] = host;
		s = setup_of(b, host, &six);
		assert_int_equal(addresses_to_try(&s), 1);
		assert_int_equal(address_in_turn(&s, 0), 2);
	}
	assert_true(own[0] > 60 && own[1] > 60); /* hosts are spread over the addresses */
	bench_destroy(b);
}

/*
 * With two sites a fair share is half of an address's ports. Flows of the other family do not
 * count.
 */
static void test_reserve(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	struct setup s = setup_of(b, 1, NULL);
	struct site_use *use = &b->ctx.sites[SITE_BERLIN];
	uint32_t ports = ports_count(b->ctx.egress, &b->net->addresses[address_of_host(&s)]);

	use->flows6 = 1000;
	use->counters.flows = 1000 + ports / 2 - 1;
	assert_true(address_may_use_reserve(&s));
	use->counters.flows++;
	assert_false(address_may_use_reserve(&s));
	use->flows6 = use->counters.flows = 0;
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_turn),
		cmocka_unit_test(test_reserve),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
