/*
 * How a keepalive is handled in its stage. tests/packet/keepalive_test.c tests which packets are
 * keepalives.
 */
#include "answer/keepalive.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* GRE without a payload, protocol type 0, from our end of the tunnel to berlin's. */
static struct packet *keepalive(struct stage_bench *b, uint32_t dst)
{
	const struct frame f = {.src = GATEWAY, .dst = dst, .proto = 47, .sport = 0, .dport = 0};

	return bench_inner(b, &f, TUNNEL_B1);
}

static void goes_to_the_tunnels_neighbour(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	struct packet *p = keepalive(b, BERLIN);
	uint16_t len = p->len;

	assert_int_equal(bench_run(b, STAGE_PARSE, p), STAGE_ENCAPSULATE);
	assert_int_equal(p->nexthop, NEXTHOP_UNDERLAY); /* not the tunnel: it is not encapsulated */
	assert_int_equal(p->len, len);
	assert_int_equal(b->tunnel_counters[TUNNEL_B1].keepalives_answered, 1);
	assert_int_equal(b->ctx.counters.answers[ANSWER_KEEPALIVE], 1);
	bench_destroy(b);
}

static void waits_for_no_neighbour(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	struct packet *p = keepalive(b, BERLIN);

	b->nexthops->at[TUNNEL_B1].via = NEXTHOP_SILENT;
	assert_int_equal(bench_run(b, STAGE_PARSE, p), STAGE_DROP);
	assert_int_equal(p->drop, DROP_PROTOCOL);
	assert_int_equal(b->ctx.counters.answers[ANSWER_KEEPALIVE], 0);
	bench_destroy(b);
}

static void anything_else_is_no_keepalive(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);

	assert_int_not_equal(bench_run(b, STAGE_PARSE, keepalive(b, MADRID)), STAGE_ENCAPSULATE);
	assert_int_equal(b->ctx.counters.answers[ANSWER_KEEPALIVE], 0);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_to_the_tunnels_neighbour),
		cmocka_unit_test(waits_for_no_neighbour),
		cmocka_unit_test(anything_else_is_no_keepalive),
	};

	return cmocka_run_group_tests_name("keepalive", tests, bench_start_dpdk, bench_stop_dpdk);
}
