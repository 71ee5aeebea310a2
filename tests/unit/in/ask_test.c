/*
 * Ask: a packet without a flow here goes to the worker that has its flow, and is set up here if none
 * has; one that was handed over already is never passed on.
 */
#include "in/stages.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Two workers, as tests of stages make them: with one secret. */
struct pair {
	struct stage_bench *here, *there;
	const struct context *workers[2];
};

static void pair_create(struct pair *w)
{
	w->here = bench_create(64, 16, 0, 2);
	w->there = bench_create(64, 16, 1, 2);
	w->workers[0] = &w->here->ctx;
	w->workers[1] = &w->there->ctx;
	w->here->ctx.workers = w->there->ctx.workers = w->workers;
}

static void pair_destroy(struct pair *w)
{
	bench_destroy(w->here);
	bench_destroy(w->there);
}

static const struct frame frame = {
	.src = HOST, .dst = SERVER, .sport = 5000, .dport = 53, .proto = 17};
static const struct frame frame6 = {
	.six = true, .src6 = HOST6, .dst6 = SERVER6, .sport = 5000, .dport = 53, .proto = 17};

/* Runs lookup and ask. */
static enum stage look_up(struct pair *w, struct packet *p, bool six)
{
	struct burst *b = &w->here->burst;

	assert_int_equal(bench_run(w->here, six ? STAGE_PARSE6 : STAGE_PARSE, p),
			 six ? STAGE_LOOKUP6 : STAGE_LOOKUP);
	memset(b->n, 0, sizeof(b->n));
	burst_pass(b, six ? STAGE_LOOKUP6 : STAGE_LOOKUP, p);
	(six ? stage_lookup6 : stage_lookup)(&w->here->ctx, b);
	assert_int_equal(b->n[six ? STAGE_ASK6 : STAGE_ASK], 1);
	(six ? stage_ask6 : stage_ask)(&w->here->ctx, b);
	assert_int_equal(b->n[STAGE_HANDOVER] + b->n[six ? STAGE_SETUP6 : STAGE_SETUP], 1);
	return b->n[STAGE_HANDOVER] ? STAGE_HANDOVER : STAGE_SETUP;
}

static void test_the_other_has_it(void **state)
{
	struct pair w;
	struct packet *p, *q;

	pair_create(&w);
	bench_flow(w.there, &frame, TUNNEL_B1, 2100);
	bench_flow6(w.there, &frame6, TUNNEL_B1, 2100);
	p = bench_inner(w.here, &frame, TUNNEL_B1);
	q = bench_inner(w.here, &frame6, TUNNEL_B1);
	assert_int_equal(look_up(&w, p, false), STAGE_SETUP); /* it counts no flow of the site */
	w.there->ctx.sites[SITE_BERLIN].counters.flows = 1;
	assert_int_equal(look_up(&w, p, false), STAGE_HANDOVER);
	assert_int_equal(p->owner, 1);
	assert_int_equal(look_up(&w, q, true), STAGE_HANDOVER);
	assert_int_equal(q->owner, 1);
	assert_int_equal(w.here->ctx.counters.asked, 3);

	p = bench_inner(w.here, &frame, TUNNEL_M1); /* the same five-tuple of another site */
	w.there->ctx.sites[SITE_MADRID].counters.flows = 1;
	assert_int_equal(look_up(&w, p, false), STAGE_SETUP);
	pair_destroy(&w);
}

/* A return to a source that is not translated: another worker has such flows, or has none. */
static void test_untranslated(void **state)
{
	const struct frame back = {
		.src = SERVER, .dst = HOST, .sport = 53, .dport = 5000, .proto = 17};
	struct packet *p;
	uint32_t record;
	struct flow flow;
	struct pair w;

	pair_create(&w);
	w.here->net->untranslated[0] = (struct prefix6){addr6_from_ipv4(htonl(HOST)), 128};
	w.here->net->n_untranslated = 1;
	record = bench_flow(w.there, &frame, TUNNEL_B1, 5000);
	flow = *flow_table_at(w.there->ctx.flows, record);
	flow_table_remove(w.there->ctx.flows, record);
	flow.nat_src = htonl(HOST);
	flow_table_insert(w.there->ctx.flows, &flow);
	p = bench_inner(w.here, &back, TUNNEL_NONE);
	assert_int_equal(look_up(&w, p, false), STAGE_SETUP); /* it counts no such flow */
	w.there->ctx.sites[SITE_INTERNET].far_flows = 1;
	assert_int_equal(look_up(&w, p, false), STAGE_HANDOVER);
	assert_int_equal(p->owner, 1);
	w.here->net->n_untranslated = 0;
	assert_int_equal(look_up(&w, p, false), STAGE_SETUP);
	assert_int_equal(w.here->ctx.counters.asked, 2);
	pair_destroy(&w);
}

/* Its flow has ended since it was handed over: there is no way back. */
static void test_handed_over_once(void **state)
{
	struct pair w;
	struct packet *p;

	pair_create(&w);
	bench_flow(w.there, &frame, TUNNEL_B1, 2100);
	w.there->ctx.sites[SITE_BERLIN].counters.flows = 1;
	p = bench_inner(w.here, &frame, TUNNEL_B1);
	w.here->burst.handed = 1;
	assert_int_equal(look_up(&w, p, false), STAGE_SETUP);
	assert_int_equal(w.here->ctx.counters.asked, 0);
	pair_destroy(&w);
}

/* A reassembled packet belongs to the worker that its last fragment came from. */
static void test_back_from_a_detour(void **state)
{
	struct pair w;
	struct packet *p;

	pair_create(&w);
	p = bench_inner(w.here, &frame, TUNNEL_B1);
	p->owner = 1;
	w.here->burst.handed = 1;
	burst_reassembled(&w.here->burst, p);
	assert_int_equal(look_up(&w, p, false), STAGE_HANDOVER);
	assert_int_equal(p->owner, 1);

	w.here->burst.handed = w.here->burst.detoured = 0;
	burst_reassembled(&w.here->burst, p); /* all fragments arrived here */
	assert_int_equal(look_up(&w, p, false), STAGE_SETUP);
	pair_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_other_has_it),
		cmocka_unit_test(test_untranslated),
		cmocka_unit_test(test_handed_over_once),
		cmocka_unit_test(test_back_from_a_detour),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
