/*
 * Adoption: a flow of another process has here what a flow of our own would have, and whatever is
 * in a record, nothing breaks.
 *
 * The earlier process is a second stage bench, whose sites, tunnels and slices are the same.
 */
#include "setup/adopt.h"

#include "dice.h"
#include "flow/remotes.h"
#include "network/nexthop.h"
#include "path/share.h"
#include "setup/egress.h"
#include "setup/setup.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 256, CAPACITY = 512, PORT = SIZE + 10, AGE_S = 40, ORIGIN_S = 105, GARBAGE = 200000 };

#define SECONDS(n) ((uint64_t)(n)*1000000000)

static const struct frame to_server = {
	.src = HOST, .dst = SERVER, .sport = 5000, .dport = 53, .proto = PROTO_UDP};
static const struct frame to_server6 = {.six = true,
					.src6 = HOST6,
					.dst6 = SERVER6,
					.sport = 5000,
					.dport = 53,
					.proto = PROTO_UDP};

/* The earlier process started 100 s before this one, whose clock begins at ORIGIN_S. */
static const struct adopt_source source = {
	.origin_ns = SECONDS(5),
};

static struct flow written(struct stage_bench *before, bool six, struct flow6 *addresses)
{
	struct context *ctx = &before->ctx;
	uint32_t record = six ? bench_flow6(before, &to_server6, TUNNEL_B1, PORT)
			      : bench_flow(before, &to_server, TUNNEL_B1, PORT);
	struct flow *f = flow_table_at(six ? ctx->flows6 : ctx->flows, record);

	if (six)
		*addresses = *flow6_at(ctx->flows6, record);
	f->seen_s = 1100 - AGE_S;
	f->offramp = 777; /* a neighbour, of whom this process knows nothing */
	f->packets[FLOW_FORWARD] = 12;
	f->bytes[FLOW_RETURN] = 3456;
	return *f;
}

static enum adopted adopt(struct stage_bench *b, const struct flow *f, const struct flow6 *six)
{
	struct context *const workers[] = {&b->ctx};
	enum ended why;

	b->ctx.origin_ns = SECONDS(ORIGIN_S);
	return adopt_flow(workers, &source, f, six, &why);
}

static enum ended why_not(struct stage_bench *b, const struct flow *f, const struct flow6 *six)
{
	struct context *const workers[] = {&b->ctx};
	enum ended why = ENDED_NOT;

	b->ctx.origin_ns = SECONDS(ORIGIN_S);
	assert_int_equal(adopt_flow(workers, &source, f, six, &why), ADOPTED_ENDED);
	return why;
}

/* All of the flow goes on, its age included; its next packet looks up its route. */
static void goes_on(bool six)
{
	struct stage_bench *before = bench_create(SIZE, CAPACITY, 0, 1);
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	struct context *ctx = &b->ctx;
	struct flow6 addresses;
	struct flow f = written(before, six, &addresses), *now;
	struct flow_table *t = six ? ctx->flows6 : ctx->flows;
	uint32_t created = (uint32_t)ctx->counters.flows_created;

	assert_int_equal(adopt(b, &f, six ? &addresses : NULL), ADOPTED);
	assert_int_equal(flow_table_count(t), 1);
	now = flow_table_at(t, 0);
	assert_int_equal(now->seen_s, STAGE_NOW - AGE_S);
	assert_int_equal(now->offramp, NEXTHOP_LOST);
	assert_int_equal(now->onramp, TUNNEL_B1);
	assert_int_equal(now->nat_port, htons(PORT));
	assert_int_equal(now->packets[FLOW_FORWARD], 12);
	assert_int_equal(now->bytes[FLOW_RETURN], 3456);
	assert_int_equal(ctx->counters.flows_kept, 1);
	assert_int_equal(ctx->counters.flows_created, created);
	assert_int_equal(ctx->sites[SITE_BERLIN].counters.flows, 1);
	assert_int_equal(six ? ctx->flows6_taken : ctx->flows_taken, 1);
	if (!six) {
		assert_true(remotes_may_have(ctx->remotes,
					     remotes_place(ctx->remotes, now->nat_src, now->dst)));
		assert_int_equal(egress_slice(ctx->egress, 0).ports, 1);
		assert_int_equal(egress_slice(ctx->egress, 0).flows, 1);
	}

	/* its end gives all of that back */
	setup_flow_ended(ctx, now, six ? &addresses : NULL);
	assert_int_equal(ctx->sites[SITE_BERLIN].counters.flows, 0);
	assert_int_equal(egress_slice(ctx->egress, 0).ports, 0);
	bench_destroy(b);
	bench_destroy(before);
}

static void test_flow_goes_on(void **state)
{
	goes_on(false);
	goes_on(true);
}

/*
 * A process that starts has a young clock: a flow of the one before the last was seen before it
 * began. Its age is right all the same, and a flow whose timeout was over meanwhile does not go on.
 */
static void test_age_over_two_restarts(void **state)
{
	struct stage_bench *before = bench_create(SIZE, CAPACITY, 0, 1);
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	struct stage_bench *last = bench_create(SIZE, CAPACITY, 0, 1);
	struct context *const workers[] = {&b->ctx}, *const last_workers[] = {&last->ctx};
	const struct adopt_source again = {.origin_ns = SECONDS(1085)};
	struct flow f = written(before, false, NULL), *now; /* seen at 1,065 */
	enum ended why;

	b->ctx.origin_ns = SECONDS(1085);
	b->ctx.now_s = 20;
	assert_int_equal(adopt_flow(workers, &source, &f, NULL, &why), ADOPTED);
	now = flow_table_at(b->ctx.flows, 0);
	assert_int_equal(b->ctx.now_s - now->seen_s, 1105 - 1065);

	last->ctx.origin_ns = SECONDS(1200);
	last->ctx.now_s = 10;
	f = *now;
	assert_int_equal(adopt_flow(last_workers, &again, &f, NULL, &why), ADOPTED);
	now = flow_table_at(last->ctx.flows, 0);
	assert_int_equal(last->ctx.now_s - now->seen_s, 1210 - 1065);

	last->ctx.now_s = 1065 + STAGE_TIMEOUT + 1 - 1200;
	f.sport = htons(5001);
	f.nat_port = htons(PORT + 1);
	assert_int_equal(adopt_flow(last_workers, &again, &f, NULL, &why), ADOPTED_OVER);
	last->ctx.now_s--;
	assert_int_equal(adopt_flow(last_workers, &again, &f, NULL, &why), ADOPTED);
	bench_destroy(last);
	bench_destroy(b);
	bench_destroy(before);
}

/* A port that rests goes on resting, and nothing counts it. */
static void test_rest(void **state)
{
	struct stage_bench *before = bench_create(SIZE, CAPACITY, 0, 1);
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	struct context *const workers[] = {&b->ctx};
	struct flow f = written(before, false, NULL);
	struct flow_key back;

	flow_return_key(&f, &back);
	flow_table_rest(before->ctx.flows, 0, STAGE_NOW);
	f = *flow_table_at(before->ctx.flows, 0);
	adopt_rest(workers, &f, NULL);
	assert_int_equal(flow_table_resting(b->ctx.flows), FLOW_NO_RECORD); /* no rest here */
	b->ctx.rest_s = 120;
	adopt_rest(workers, &f, NULL);
	assert_int_equal(flow_table_resting(b->ctx.flows), 0);
	assert_int_equal(flow_table_at(b->ctx.flows, 0)->seen_s, STAGE_NOW);
	assert_int_equal(
		flow_table_holder(b->ctx.flows, &back, flow_table_prefetch(b->ctx.flows, &back)),
		0);
	assert_false(flow_table_has(b->ctx.flows, &back));
	assert_int_equal(flow_table_count(b->ctx.flows), 0);
	assert_int_equal(b->ctx.sites[SITE_BERLIN].counters.flows, 0);
	f.nat_port = htons(60000); /* not ours any more */
	adopt_rest(workers, &f, NULL);
	flow_table_wake(b->ctx.flows, 0);
	assert_int_equal(flow_table_resting(b->ctx.flows), FLOW_NO_RECORD);
	bench_destroy(b);
	bench_destroy(before);
}

/* The same record twice is damage: its keys and its port belong to one flow. */
static void test_twice(void **state)
{
	struct stage_bench *before = bench_create(SIZE, CAPACITY, 0, 1);
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	struct flow f = written(before, false, NULL);

	assert_int_equal(adopt(b, &f, NULL), ADOPTED);
	assert_int_equal(adopt(b, &f, NULL), ADOPTED_DAMAGED);
	f.nat_port = htons(PORT + 1); /* the forward key is still that of another */
	assert_int_equal(adopt(b, &f, NULL), ADOPTED_DAMAGED);
	f.nat_port = htons(PORT);
	f.sport = htons(5001);
	assert_int_equal(adopt(b, &f, NULL), ADOPTED_DAMAGED);
	assert_int_equal(egress_slice(b->ctx.egress, 0).flows, 1);
	assert_int_equal(b->ctx.sites[SITE_BERLIN].counters.flows, 1);
	bench_destroy(b);
	bench_destroy(before);
}

static void test_what_the_configuration_does_not_allow(void **state)
{
	struct stage_bench *before = bench_create(SIZE, CAPACITY, 0, 1);
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	const struct flow good = written(before, false, NULL);
	struct flow f = good;

	f.site = 9;
	assert_int_equal(why_not(b, &f, NULL), ENDED_SITE_REMOVED);
	f.site = UINT16_MAX;
	assert_int_equal(why_not(b, &f, NULL), ENDED_SITE_REMOVED);
	f = good;
	f.far = 4000;
	assert_int_equal(why_not(b, &f, NULL), ENDED_SITE_REMOVED);
	f = good;
	f.src = htonl(IP(10, 9, 9, 9));
	assert_int_equal(why_not(b, &f, NULL), ENDED_SOURCE_REMOVED);
	f = good;
	f.nat_port = htons(60000);
	assert_int_equal(why_not(b, &f, NULL), ENDED_SLICE_LOST);
	f = good;
	f.onramp = TUNNEL_M1; /* of another site: its own first tunnel is used */
	assert_int_equal(adopt(b, &f, NULL), ADOPTED);
	assert_int_equal(flow_table_at(b->ctx.flows, 0)->onramp, TUNNEL_B1);
	bench_destroy(b);
	bench_destroy(before);
}

/* Each flow is with the worker that owns its port, however many there were before. */
static void test_owner(void **state)
{
	struct stage_bench *before = bench_create(SIZE, CAPACITY, 0, 1);
	struct stage_bench *b[2] = {bench_create(SIZE, CAPACITY, 0, 2),
				    bench_create(SIZE, CAPACITY, 1, 2)};
	struct context *const workers[] = {&b[0]->ctx, &b[1]->ctx};
	struct flow f = written(before, false, NULL);
	uint32_t n[2] = {0, 0};
	enum ended why;

	b[0]->ctx.origin_ns = b[1]->ctx.origin_ns = SECONDS(ORIGIN_S);
	for (uint16_t port = SIZE; port < 2 * SIZE; port += 16) {
		f.nat_port = f.sport = htons(port);
		assert_int_equal(adopt_flow(workers, &source, &f, NULL, &why), ADOPTED);
		n[share_owner(port, SIZE, 2)]++;
		assert_int_equal(flow_table_count(b[0]->ctx.flows), n[0]);
		assert_int_equal(flow_table_count(b[1]->ctx.flows), n[1]);
	}
	assert_true(n[0] > 0 && n[1] > 0);
	bench_destroy(b[0]);
	bench_destroy(b[1]);
	bench_destroy(before);
}

static void test_no_room(void **state)
{
	struct stage_bench *before = bench_create(SIZE, CAPACITY, 0, 1);
	struct stage_bench *b = bench_create(SIZE, 4, 0, 1);
	struct flow f = written(before, false, NULL);

	for (uint16_t i = 0; i < 4; i++) {
		f.nat_port = f.sport = htons((uint16_t)(SIZE + i));
		assert_int_equal(adopt(b, &f, NULL), ADOPTED);
	}
	f.nat_port = f.sport = htons(SIZE + 5);
	assert_int_equal(adopt(b, &f, NULL), ADOPTED_NO_ROOM);
	assert_int_equal(egress_slice(b->ctx.egress, 0).flows, 4);
	bench_destroy(b);
	bench_destroy(before);
}

/* Records of garbage, and good ones with a damaged byte: counts agree with the table after each. */
static void test_garbage(void **state)
{
	struct stage_bench *before = bench_create(SIZE, CAPACITY, 0, 1);
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	struct context *const workers[] = {&b->ctx};
	const struct flow good = written(before, false, NULL);
	uint64_t dice = 4711;

	b->ctx.rest_s = 120;
	for (unsigned i = 0; i < GARBAGE; i++) {
		struct flow f = good;
		uint8_t *bytes = (uint8_t *)&f;
		bool all = i % 4 == 0;

		for (size_t k = 0; k < (all ? sizeof(f) : 1 + i % 3); k++)
			bytes[all ? k : dice_roll(&dice, sizeof(f))] = (uint8_t)dice_next(&dice);
		if (i % 8 == 5) {
			adopt_rest(workers, &f, NULL);
			continue;
		}
		if (i % 8 == 3) {
			struct flow6 six;

			for (size_t k = 0; k < sizeof(six); k++)
				((uint8_t *)&six)[k] = (uint8_t)dice_next(&dice);
			f.src = f.dst = f.nat_src = 0;
			adopt(b, &f, &six);
			continue;
		}
		adopt(b, &f, NULL);
		assert_int_equal(b->ctx.counters.flows_kept,
				 flow_table_count(b->ctx.flows) + flow_table_count(b->ctx.flows6));
	}
	bench_destroy(b);
	bench_destroy(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flow_goes_on),
		cmocka_unit_test(test_age_over_two_restarts),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_what_the_configuration_does_not_allow),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
