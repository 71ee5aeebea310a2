/*
 * Prefetch: for which packets is something found, and no byte behind a packet is read. Stages come
 * to the same result in a large network.
 */
#include "stage.h"

#include "path/prefetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { UDP = 17, NAT_PORT = 2050, BYTES = 256 };

#define INNER .src = HOST, .dst = SERVER, .sport = 5000, .dport = 53, .proto = UDP

/* clang-format off */
static const struct {
	const char *why;
	struct frame f;
	unsigned at; /* a byte that is another one */
	uint8_t byte;
	unsigned found;
} rows[] = {
	{"no key",               {INNER, .outer_src = BERLIN, .outer_dst = GATEWAY}, .found = 1},
	{"a key",                {INNER, .outer_src = MADRID, .outer_dst = GATEWAY, .has_key = 1, .key = 8}, .found = 1},
	{"of no tunnel: still a place", {INNER, .outer_src = SERVER, .outer_dst = GATEWAY}, .found = 1},
	{"from the Internet",    {INNER}, .found = 0},
	{"with outer options",   {INNER, .outer_src = BERLIN, .outer_dst = GATEWAY}, 14, 0x46, .found = 0},
	{"an ARP request",       {INNER, .outer_src = BERLIN, .outer_dst = GATEWAY}, 13, 0x06, .found = 0},
	{"IPv6",                 {INNER, .outer_src = BERLIN, .outer_dst = GATEWAY}, 12, 0x86, .found = 0},
};
/* clang-format on */

static unsigned look(struct stage_bench *b, const uint8_t *bytes, size_t len)
{
	memset(b->burst.n, 0, sizeof(b->burst.n));
	burst_pass(&b->burst, STAGE_DECAPSULATE, bench_packet(b, bytes, len, PORT_UNDERLAY));
	return prefetch_onramps(&b->ctx, &b->burst);
}

static void test_onramps(void **state)
{
	struct stage_bench *b = bench_create(2048, 1024, 0, 1);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t bytes[BYTES];
		size_t len = frame_build(&rows[i].f, bytes);

		if (rows[i].at != 0)
			bytes[rows[i].at] = rows[i].byte;
		if (look(b, bytes, len) != rows[i].found)
			fail_msg("row %zu: %s", i, rows[i].why);
	}
	bench_destroy(b);
}

/* The address sanitizer sees a byte that is read too many. */
static void test_every_truncation(void **state)
{
	const struct frame f = {INNER, .outer_src = MADRID, .outer_dst = GATEWAY, .has_key = 1,
				.key = 8};
	struct stage_bench *b = bench_create(2048, 1024, 0, 1);
	uint8_t bytes[BYTES];

	frame_build(&f, bytes);
	for (size_t len = 0; len < 60; len++) {
		if (b->n == BURST_MAX)
			bench_clear(b);
		assert_int_equal(look(b, bytes, len), len >= 14 + 20 + 8);
	}
	bench_destroy(b);
}

/* Of the packets of one stage those that go home, whatever the on-ramp is. */
static void test_returns(void **state)
{
	const struct frame f = {INNER};
	struct stage_bench *b = bench_create(2048, 1024, 0, 1);
	uint32_t record = bench_flow(b, &f, TUNNEL_B2, NAT_PORT);
	static const uint16_t onramps[] = {TUNNEL_B2, TUNNEL_NONE, UINT16_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(onramps); i++) {
		memset(b->burst.n, 0, sizeof(b->burst.n));
		flow_table_at(b->ctx.flows, record)->onramp = onramps[i];
		for (unsigned k = 0; k < 3; k++) {
			struct packet *p = bench_inner(b, &f, TUNNEL_B2);

			p->probe.record = record;
			p->probe.dir = k < 2 ? FLOW_RETURN : FLOW_FORWARD;
			burst_pass(&b->burst, STAGE_FORWARD, p);
		}
		assert_int_equal(prefetch_returns(&b->ctx, &b->burst, STAGE_FORWARD, b->ctx.flows),
				 2);
		assert_int_equal(prefetch_returns(&b->ctx, &b->burst, STAGE_FORWARD6, b->ctx.flows),
				 0);
	}
	bench_destroy(b);
}

/* The sites of first packets in a large network only. */
static void test_first_packets(void **state)
{
	const struct frame f = {INNER};
	struct stage_bench *b = bench_create(2048, 1024, 0, 1);

	memset(b->burst.n, 0, sizeof(b->burst.n));
	for (unsigned k = 0; k < 3; k++) {
		struct packet *p = bench_inner(b, &f, TUNNEL_B2);

		p->probe.key.realm = k == 2 ? UINT16_MAX : SITE_BERLIN;
		burst_pass(&b->burst, STAGE_SETUP, p);
	}
	assert_int_equal(prefetch_first_packets(&b->ctx, &b->burst, STAGE_SETUP), 0);
	b->net->is_large = true;
	assert_int_equal(prefetch_first_packets(&b->ctx, &b->burst, STAGE_SETUP), 3);
	bench_destroy(b);
}

static void test_stages_agree(void **state)
{
	const struct frame f = {INNER, .outer_src = MADRID, .outer_dst = GATEWAY, .has_key = 1,
				.key = 8};

	for (unsigned large = 0; large < 2; large++) {
		struct stage_bench *b = bench_create(2048, 1024, 0, 1);
		uint8_t bytes[BYTES];
		struct packet *p = bench_packet(b, bytes, frame_build(&f, bytes), PORT_UNDERLAY);

		assert_false(b->net->is_large);
		b->net->is_large = large != 0;
		assert_int_equal(bench_run(b, STAGE_DECAPSULATE, p), STAGE_PARSE);
		assert_int_equal(p->onramp, TUNNEL_M1);
		assert_int_equal(bench_run(b, STAGE_PARSE, p), STAGE_LOOKUP);
		assert_int_equal(p->probe.key.realm, SITE_MADRID);
		assert_int_equal(bench_run(b, STAGE_LOOKUP, p), STAGE_SETUP);
		assert_int_equal(bench_run(b, STAGE_SETUP, p), STAGE_FORWARD);
		assert_int_equal(bench_run(b, STAGE_FORWARD, p), STAGE_REWRITE);
		bench_destroy(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_onramps),	     cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_returns),	     cmocka_unit_test(test_first_packets),
		cmocka_unit_test(test_stages_agree),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
