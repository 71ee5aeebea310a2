/*
 * Slices: flows and ports in use are counted for each slice, and a flow's slice is found again.
 *
 * 203.0.113.1 has slice 1 (number 0), 203.0.113.2 slices 2 and 3, 2001:db8:1::1 slice 1 (number 3).
 */
#include "setup/slices.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { SIZE = 64, CAPACITY = 64 };

static void count(struct stage_bench *b, uint32_t slice, uint16_t port, int change)
{
	struct setup s = {.ctx = &b->ctx, .slice = slice, .flow = {.nat_port = htons(port)}};

	slices_prefetch(&s);
	slices_count_flow(&s, change);
}

/* A port is in use from its first flow to its last one. */
static void test_counts(void **state)
{
	static const struct {
		uint32_t slice;
		uint16_t port;
		int change;
		uint32_t flows, ports; /* of that slice */
	} rows[] = {
		{0, 64, 1, 1, 1},  {0, 64, 1, 2, 1},  {0, 127, 1, 3, 2},  {1, 128, 1, 1, 1},
		{0, 64, -1, 2, 2}, {0, 64, -1, 1, 1}, {1, 128, -1, 0, 0}, {0, 127, -1, 0, 0},
	};
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slice_counters c;

		count(b, rows[i].slice, rows[i].port, rows[i].change);
		c = egress_slice(b->ctx.egress, rows[i].slice);
		assert_int_equal(c.flows, rows[i].flows);
		assert_int_equal(c.ports, rows[i].ports);
	}
	bench_destroy(b);
}

static void test_find(void **state)
{
	static const struct {
		const char *why;
		uint32_t addr;
		uint16_t port;
		int slice;
	} rows[] = {
		{"first port of the first slice", EGRESS, 64, 0},
		{"its last port", EGRESS, 127, 0},
		{"a slice of somebody else", EGRESS, 128, -1},
		{"second address, second slice", EGRESS_2, 192, 2},
		{"an address of somebody else", EGRESS + 9, 64, -1},
	};
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	struct flow6 six = {.nat_src = bench_addr6((struct ip6)EGRESS6)};
	struct flow flow = {.nat_port = htons(64)};

	assert_int_equal(slices_find(&b->ctx, &flow, &six), 3);
	flow.nat_port = htons(128);
	assert_int_equal(slices_find(&b->ctx, &flow, &six), -1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		flow = (struct flow){.nat_src = htonl(rows[i].addr),
				     .nat_port = htons(rows[i].port)};
		if (slices_find(&b->ctx, &flow, NULL) != rows[i].slice)
			fail_msg("%s", rows[i].why);
	}
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
