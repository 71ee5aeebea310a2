/*
 * A hairpinned packet goes from encapsulate back to parse as if it had come from the Internet, with
 * its former TTL.
 */
#include "out/stages.h"

#include "base/wire.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_turns_back(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);

	for (uint8_t ttl = 1; ttl < 255; ttl++) {
		const struct frame f = {
			.src = EGRESS, .dst = EGRESS_2, .proto = 17, .ttl = ttl, .token = ttl};
		struct packet *p = bench_inner(b, &f, TUNNEL_NONE);
		uint8_t bytes[2048];
		struct frame out;
		const char *why;

		p->in_port = PORT_UNDERLAY;
		p->nexthop = NEXTHOP_HAIRPIN;
		assert_int_equal(bench_run(b, STAGE_ENCAPSULATE, p), STAGE_HAIRPIN);
		b->burst.n[STAGE_HAIRPIN] = 1;
		stage_hairpin(&b->ctx, &b->burst);
		/* it stays in that list for the pipeline */
		assert_int_equal(b->burst.n[STAGE_HAIRPIN], 1);
		assert_int_equal(p->onramp, TUNNEL_NONE);
		assert_int_equal(p->in_port, PORT_BACK_IN);
		assert_true(frame_parse(bytes, bench_frame(p, bytes), &out, &why));
		assert_int_equal(out.ttl, ttl + 1);
		assert_int_equal(out.token, ttl);
		bench_clear(b);
	}
	assert_int_equal(b->ctx.counters.hairpinned, 254);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_turns_back)};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
