/* Lookup: a packet finds its flow in either direction, and never one of another site. */
#include "in/stages.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Hits go on to forward, misses to setup; each packet gets its own record. */
static void test_lookup(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	struct frame frame = {.src = HOST, .dst = SERVER, .sport = 5000, .dport = 53, .proto = 17};
	uint32_t record = bench_flow(b, &frame, TUNNEL_B1, 2100);
	struct flow *f = flow_table_at(b->ctx.flows, record);
	struct packet *p = bench_inner(b, &frame, TUNNEL_B1);

	flow_forward_key(f, &p->probe.key);
	assert_int_equal(bench_run(b, STAGE_LOOKUP, p), STAGE_FORWARD);
	assert_int_equal(p->probe.record, record);
	assert_int_equal(p->probe.dir, FLOW_FORWARD);
	flow_return_key(f, &p->probe.key);
	assert_int_equal(bench_run(b, STAGE_LOOKUP, p), STAGE_FORWARD);
	assert_int_equal(p->probe.dir, FLOW_RETURN);

	flow_forward_key(f, &p->probe.key);
	p->probe.key.realm = SITE_MADRID; /* the same five-tuple from the other site */
	assert_int_equal(bench_run(b, STAGE_LOOKUP, p), STAGE_SETUP);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookup),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
