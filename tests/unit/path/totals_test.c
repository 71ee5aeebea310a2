/*
 * Totals: counts of all workers are added, and the token bucket is the latest of all, by one clock.
 * setup/limits_test.c holds sites to limits with them.
 */
#include "path/totals.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { WORKERS = 3 };

static void test_sums(void **state)
{
	const struct flow flow = {.site = SITE_BERLIN, .src = htonl(HOST)};
	const struct context *workers[WORKERS];
	struct stage_bench *b[WORKERS];
	struct source source;
	struct totals t;

	for (uint16_t w = 0; w < WORKERS; w++) {
		struct site_use *use;

		b[w] = bench_create(64, 16, w, WORKERS);
		b[w]->ctx.workers = workers;
		b[w]->ctx.origin_ns = 1000 + w * 100;
		workers[w] = &b[w]->ctx;
		use = &b[w]->ctx.sites[SITE_BERLIN];
		use->counters.flows = 10 + w;
		use->counters.half_open = 5 + w;
		use->spent_until_ns = w == 2 ? 0 : 5000;
		source = source_find(b[w]->ctx.sources, &flow, NULL);
		source_add(&source, 4 + w, 1 + w);
	}
	source = source_find(b[0]->ctx.sources, &flow, NULL);
	t = totals_of(&b[0]->ctx, SITE_BERLIN, &source);
	assert_int_equal(t.flows, 33);
	assert_int_equal(t.half_open, 18);
	assert_int_equal(t.source_flows, 15);
	assert_int_equal(t.source_half_open, 6);
	assert_int_equal(t.spent_until_ns, 5100); /* worker 1's clock began 100 ns later */
	source = source_find(b[1]->ctx.sources, &flow, NULL);
	assert_int_equal(totals_of(&b[1]->ctx, SITE_BERLIN, &source).spent_until_ns, 5000);
	assert_int_equal(totals_half_open(&b[2]->ctx, SITE_BERLIN), 18);
	source_add(&source, -1, -1);
	assert_int_equal(totals_of(&b[1]->ctx, SITE_BERLIN, &source).source_flows, 14);
	assert_int_equal(totals_of(&b[1]->ctx, SITE_BERLIN, &source).source_half_open, 5);
	b[0]->ctx.count = 1;
	source = source_find(b[0]->ctx.sources, &flow, NULL);
	assert_int_equal(totals_of(&b[0]->ctx, SITE_BERLIN, &source).flows, 10);
	for (uint16_t w = 0; w < WORKERS; w++)
		bench_destroy(b[w]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
