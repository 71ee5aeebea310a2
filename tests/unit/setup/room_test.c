/*
 * Expired flows end when a first packet needs room, unless a packet of the burst belongs to them.
 */
#include "setup/room.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { UDP = 17, CAPACITY = 1024 };

static const struct frame four = {
	.src = HOST, .dst = SERVER, .sport = 5000, .dport = 53, .proto = UDP};
static const struct frame six = {
	.six = true, .src6 = HOST6, .dst6 = SERVER6, .sport = 5000, .dport = 53, .proto = UDP};

static uint32_t open_flow(struct stage_bench *b, bool is_six, uint16_t port)
{
	struct frame f = is_six ? six : four;

	f.sport = port;
	return is_six ? bench_flow6(b, &f, TUNNEL_B1, port) : bench_flow(b, &f, TUNNEL_B1, port);
}

/* Puts a packet of the flow into the list of @stage. */
static void meet(struct stage_bench *b, enum stage stage, uint32_t record)
{
	struct packet *p = &b->burst.packets[b->n++];

	p->probe.record = record;
	burst_pass(&b->burst, stage, p);
}

static void who_is_met_stays(void **state)
{
	static const enum stage lists[2][2] = {
		{STAGE_FORWARD, STAGE_REWRITE_EMBEDDED},
		{STAGE_FORWARD6, STAGE_REWRITE_EMBEDDED},
	};

	for (unsigned i = 0; i < 4; i++) {
		struct stage_bench *b = bench_create(64, CAPACITY, 0, 1);
		bool is_six = i / 2;
		struct flow_table *t = is_six ? b->ctx.flows6 : b->ctx.flows;
		uint32_t met = open_flow(b, is_six, 70), other = open_flow(b, is_six, 71);

		b->ctx.now_s += 1000;
		meet(b, lists[is_six][i % 2], met);
		if (i % 2 == 0) /* of the other table: another flow */
			meet(b, lists[!is_six][0], other);
		room_begin(&b->ctx, &b->burst, 1);
		assert_false(room_may_end(&b->ctx, is_six, met));
		assert_false(room_end_flow(&b->ctx, is_six, met));
		assert_int_equal(room_sweep(&b->ctx, is_six, 8), 1);
		assert_int_equal(flow_table_at(t, other)->state, FLOW_FREE);
		assert_int_equal(flow_table_at(t, met)->state, FLOW_UDP);

		b->n = 0; /* the packets of the bench are not in the burst */
		room_begin(&b->ctx, NULL, 0); /* the burst is over */
		assert_int_equal(room_sweep(&b->ctx, is_six, 8), 1);
		assert_int_equal(flow_table_count(t), 0);
		assert_int_equal(b->ctx.counters.flows_ended, 2);
		bench_destroy(b);
	}
}

/* A burst never probes more than a fixed number of ports, however many packets it has. */
static void shares(void **state)
{
	struct stage_bench *b = bench_create(64, CAPACITY, 0, 1);

	for (unsigned n = 1; n <= BURST_MAX; n++) {
		room_begin(&b->ctx, NULL, n);
		assert_true(room_share(&b->ctx) * n <= LOOKS_PER_BURST);
		assert_true(room_share(&b->ctx) * n > LOOKS_PER_BURST / 2);
	}
	bench_destroy(b);
}

/* Without a table of IPv6 flows there is nothing to sweep. */
static void no_table(void **state)
{
	struct stage_bench *b = bench_create(64, CAPACITY, 0, 1);
	struct flow_table *t = b->ctx.flows6;

	b->ctx.flows6 = NULL;
	assert_int_equal(room_sweep(&b->ctx, true, 8), 0);
	b->ctx.flows6 = t;
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_met_stays),
		cmocka_unit_test(shares),
		cmocka_unit_test(no_table),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
