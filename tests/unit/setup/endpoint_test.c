/*
 * Endpoint-independent pools: which port an inner endpoint takes, and what is tried when ports are
 * few. The mappings themselves are in mapping_test.c.
 *
 * 203.0.113.1 has 64 ports; it is the only address of the pool.
 */
#include "setup/egress.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { SIZE = 64, CAPACITY = 256, KEPT = SIZE / 16 };

static struct stage_bench *make(void)
{
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);

	b->net->pools[0].mapping = MAPPING_ENDPOINT_INDEPENDENT;
	b->net->pools[0].n_addresses = 1;
	egress_destroy(b->ctx.egress);
	b->ctx.egress = egress_create(b->net, CAPACITY, 0, 1);
	assert_non_null(b->ctx.egress);
	b->ctx.rest_s = 100;
	return b;
}

static struct setup setup_of(struct stage_bench *b, uint16_t sport, uint16_t dport)
{
	return (struct setup){
		.ctx = &b->ctx,
		.pool = &b->net->pools[0],
		.flow = {.src = htonl(HOST),
			 .dst = htonl(SERVER),
			 .sport = htons(sport),
			 .dport = htons(dport),
			 .site = SITE_BERLIN,
			 .proto = PROTO_UDP,
			 .state = FLOW_UDP,
			 .onramp = TUNNEL_B1,
			 .seen_s = b->ctx.now_s},
	};
}

/* RFC 4787 REQ-1: the same port towards every destination, and none of another endpoint's. */
static void test_one_port_for_all_destinations(void **state)
{
	struct stage_bench *b = make();
	struct setup first = setup_of(b, 5000, 53), second = setup_of(b, 5000, 54);
	struct setup other = setup_of(b, 5001, 53);

	assert_int_equal(endpoint_take(&first), DROP_NONE);
	assert_int_equal(endpoint_take(&second), DROP_NONE);
	assert_int_equal(endpoint_take(&other), DROP_NONE);
	assert_int_equal(second.flow.nat_port, first.flow.nat_port);
	assert_int_not_equal(other.flow.nat_port, first.flow.nat_port);
	bench_destroy(b);
}

/* Takes ports for new endpoints until there are none. How many. */
static unsigned take_all(struct stage_bench *b, uint16_t sport)
{
	for (unsigned n = 0;; n++) {
		struct setup s = setup_of(b, (uint16_t)(sport + n), 53);
		enum drop drop = choice_take(&s);

		if (drop != DROP_NONE) {
			assert_int_equal(drop, DROP_EGRESS_EXHAUSTED);
			return n;
		}
		assert_int_not_equal(flow_table_insert(b->ctx.flows, &s.flow), FLOW_NO_RECORD);
	}
}

/* The reserve is for a site with few flows; a resting port is taken last, and that is counted. */
static void test_second_choices(void **state)
{
	struct stage_bench *b = make();
	uint64_t *flows = &b->ctx.sites[SITE_BERLIN].counters.flows;
	struct flow ended;
	struct setup s;

	*flows = SIZE;
	assert_int_equal(take_all(b, 5000), SIZE - KEPT);
	*flows = 0;
	assert_int_equal(take_all(b, 6000), KEPT);
	assert_int_equal(b->ctx.counters.rests_cut, 0);

	ended = *flow_table_at(b->ctx.flows, 3);
	release_port(&b->ctx, &ended, NULL);
	s = setup_of(b, 7000, 53);
	assert_int_equal(choice_take(&s), DROP_NONE);
	assert_int_equal(s.flow.nat_port, ended.nat_port);
	assert_int_equal(b->ctx.counters.rests_cut, 1);
	bench_destroy(b);
}

/* From outside: the port leads to its endpoint, by the tunnel that the endpoint used last. */
static void test_home(void **state)
{
	struct stage_bench *b = make();
	struct setup s = setup_of(b, 5000, 53), from;

	assert_int_equal(choice_take(&s), DROP_NONE);
	s.flow.onramp = TUNNEL_B2;
	endpoint_moved(&b->ctx, &s.flow);
	from = (struct setup){.ctx = &b->ctx,
			      .flow = {.nat_src = s.flow.nat_src,
				       .nat_port = s.flow.nat_port,
				       .proto = PROTO_UDP}};
	assert_true(endpoint_find_home(&from));
	assert_int_equal(from.flow.src, htonl(HOST));
	assert_int_equal(from.flow.sport, htons(5000));
	assert_int_equal(from.flow.site, SITE_BERLIN);
	assert_int_equal(from.flow.onramp, TUNNEL_B2);
	assert_int_equal(endpoint_take_home(&from), DROP_NONE);
	assert_int_equal(egress_slice(b->ctx.egress, from.slice).flows, 2);

	from.flow = (struct flow){
		.nat_src = s.flow.nat_src, .nat_port = s.flow.nat_port, .proto = PROTO_TCP};
	assert_false(endpoint_find_home(&from));
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_port_for_all_destinations),
		cmocka_unit_test(test_second_choices),
		cmocka_unit_test(test_home),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
