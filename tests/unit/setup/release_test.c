/* Giving back a port: who hears of it, and when. What it is good for is in choice_test.c. */
#include "setup/egress.h"
#include "setup/shortage.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { SIZE = 64, CAPACITY = 64, REST = 100 };

static struct setup taken(struct stage_bench *b)
{
	struct setup s = {
		.ctx = &b->ctx,
		.pool = &b->net->pools[0],
		.flow = {.src = htonl(HOST),
			 .dst = htonl(SERVER),
			 .sport = htons(5000),
			 .dport = htons(53),
			 .site = SITE_BERLIN,
			 .proto = PROTO_UDP,
			 .state = FLOW_UDP,
			 .seen_s = b->ctx.now_s},
	};

	assert_int_equal(choice_propose(&s), DROP_NONE);
	assert_int_equal(choice_take(&s), DROP_NONE);
	assert_int_equal(egress_slice(b->ctx.egress, s.slice).flows, 1);
	return s;
}

/* The shortage of all ports towards the destination of @s. */
static struct shortage *shortage_of(const struct setup *s)
{
	return shortage_open(s, s->ctx->net->slices[s->slice].address, true);
}

/* A port that need not rest is free at once; one that must is free when its rest is over. */
static void test_shortages_hear_of_free_ports(void **state)
{
	static const struct {
		uint32_t rest_s;
		bool rests;
	} rows[] = {{0, false}, {REST, true}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
		struct setup s = taken(b);
		struct shortage *known = shortage_of(&s);

		b->ctx.rest_s = rows[i].rest_s;
		assert_int_equal(release_port(&b->ctx, &s.flow, NULL), rows[i].rests);
		assert_int_equal(known->n_freed, !rows[i].rests);
		assert_int_equal(egress_slice(b->ctx.egress, s.slice).flows, 0);
		if (rows[i].rests)
			release_rested(&b->ctx, &s.flow, NULL);
		assert_int_equal(known->n_freed, 1);
		bench_destroy(b);
	}
}

/* A setup that failed has sent no packet: its port does not rest. */
static void test_undo(void **state)
{
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	struct setup s = taken(b);
	struct shortage *known = shortage_of(&s);

	b->ctx.rest_s = REST;
	release_undo(&s);
	assert_int_equal(known->n_freed, 1);
	assert_int_equal(egress_slice(b->ctx.egress, s.slice).flows, 0);
	bench_destroy(b);
}

/* No slice, so nothing to count and no rest: its slice was removed, or it has no port of ours. */
static void test_without_a_slice(void **state)
{
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	struct setup s = taken(b);
	struct flow6 global = {.nat_src = bench_addr6((struct ip6)GLOBAL6)};
	struct flow removed = s.flow;

	b->ctx.rest_s = REST;
	shortage_of(&s);
	removed.nat_port = htons(4 * SIZE);
	assert_false(release_port(&b->ctx, &removed, NULL));
	assert_false(release_port(&b->ctx, &s.flow, &global));
	release_rested(&b->ctx, &removed, NULL);
	assert_int_equal(egress_slice(b->ctx.egress, s.slice).flows, 1);
	s.is_global = true;
	release_undo(&s);
	s.is_global = false;
	s.keeps_source = true;
	release_undo(&s);
	assert_int_equal(egress_slice(b->ctx.egress, s.slice).flows, 1);
	s.flow.way = FLOW_WAY_UNTRANSLATED; /* even if its source were an egress address by now */
	b->ctx.sites[SITE_INTERNET].far_flows = 1;
	assert_false(release_port(&b->ctx, &s.flow, NULL));
	assert_int_equal(egress_slice(b->ctx.egress, s.slice).flows, 1);
	assert_int_equal(b->ctx.sites[SITE_INTERNET].far_flows, 0);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shortages_hear_of_free_ports),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_without_a_slice),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
