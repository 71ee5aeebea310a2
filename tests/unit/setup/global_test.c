/* An untranslated flow takes and frees no port; other flows go on to egress. */
#include "setup/setup.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 64, CAPACITY = 1024, UDP = 17 };

/* A flow of berlin in setup, after the step "route". */
static struct setup begin(struct stage_bench *b, struct flow6 *six, struct ip6 src, bool is_global)
{
	struct setup s = {.ctx = &b->ctx,
			  .six = six,
			  .pool = is_global ? NULL : &b->net->pools[0],
			  .is_global = is_global};

	*six = (struct flow6){.src = bench_addr6(src), .dst = bench_addr6((struct ip6)SERVER6)};
	s.flow = (struct flow){
		.sport = htons(5000),
		.dport = htons(53),
		.site = SITE_BERLIN,
		.proto = UDP,
		.state = FLOW_UDP,
		.onramp = TUNNEL_B1,
		.offramp = NEXTHOP_UPLINK,
	};
	return s;
}

static uint32_t flows_of_slices(const struct stage_bench *b)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < b->net->n_slices; k++)
		n += egress_slice(b->ctx.egress, k).flows;
	return n;
}

static void leaves_as_it_is(void **state)
{
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	struct flow6 six;
	struct setup s = begin(b, &six, (struct ip6)GLOBAL6, true);
	struct flow6_key back;

	assert_int_equal(global_propose(&s), DROP_NONE);
	assert_int_equal(global_take(&s), DROP_NONE);
	assert_true(flow6_is_untranslated(&s.flow, &six));
	flow6_return_key(&s.flow, &six, &back);
	assert_true(addr6_equal(&back.dst, &six.src));
	assert_int_equal(back.dport, s.flow.sport);
	assert_int_equal(s.return_hash, flow6_table_prefetch(b->ctx.flows6, &back));
	assert_int_equal(flows_of_slices(b), 0);
	release_undo(&s);
	assert_int_equal(flows_of_slices(b), 0);
	release_port(&b->ctx, &s.flow, &six);
	assert_int_equal(flows_of_slices(b), 0);
	bench_destroy(b);
}

static void the_rest_is_translated(void **state)
{
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	struct flow6 six;
	struct setup s = begin(b, &six, (struct ip6)HOST6, false);
	struct addr6 egress = bench_addr6((struct ip6)EGRESS6);

	assert_int_equal(global_propose(&s), DROP_NONE);
	assert_int_equal(global_take(&s), DROP_NONE);
	assert_true(addr6_equal(&six.nat_src, &egress));
	assert_int_equal(flows_of_slices(b), 1);
	release_undo(&s);
	assert_int_equal(flows_of_slices(b), 0);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_as_it_is),
		cmocka_unit_test(the_rest_is_translated),
	};

	return cmocka_run_group_tests_name("setup/global", tests, bench_start_dpdk,
					   bench_stop_dpdk);
}
