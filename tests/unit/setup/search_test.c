/*
 * The search for a port: bounded, shared between packets, complete.
 */
#include "setup/search.h"

#include "dice.h"
#include "setup/room.h"
#include "setup/slices.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { UDP = 17 };

/* Takes all ports of an address towards one destination. */
static void fill_address(struct stage_bench *b, uint32_t address, uint16_t dport)
{
	const struct egress_address *a = &b->net->addresses[address];

	for (uint32_t k = 0; k < a->n_slices; k++) {
		const struct slice *slice = &b->net->slices[a->first_slice + k];

		for (uint32_t i = 0; i < slice->size; i++) {
			struct setup s = {.ctx = &b->ctx, .slice = a->first_slice + k};

			s.flow = (struct flow){
				.src = htonl(HOST),
				.dst = htonl(SERVER),
				.sport = htons((uint16_t)(slice->first_port + i)),
				.dport = htons(dport),
				.site = SITE_BERLIN,
				.proto = UDP,
				.state = FLOW_UDP,
				.seen_s = b->ctx.now_s,
				.nat_src = a->addr,
				.nat_port = htons((uint16_t)(slice->first_port + i)),
			};
			slices_count_flow(&s, 1);
			assert_int_not_equal(flow_table_insert(b->ctx.flows, &s.flow),
					     FLOW_NO_RECORD);
		}
	}
}

static struct setup search_from(struct stage_bench *b, uint16_t dport)
{
	return (struct setup){
		.ctx = &b->ctx,
		.pool = &b->net->pools[0],
		.flow = {.src = htonl(HOST),
			 .dst = htonl(SERVER),
			 .sport = htons(1),
			 .dport = htons(dport),
			 .site = SITE_BERLIN,
			 .proto = UDP,
			 .state = FLOW_UDP,
			 .seen_s = b->ctx.now_s},
	};
}

/*
 * In a full burst each packet may probe few ports. Together the packets probe each port once, and
 * then know that none is free.
 */
static void test_packets_share_a_search(void **state)
{
	enum { WIDE = 16384, FULL = BURST_MAX, SHARE = LOOKS_PER_BURST / FULL };
	struct stage_bench *b = bench_create(WIDE, 8 * WIDE, 0, 1);
	struct setup s = search_from(b, 53);
	unsigned calls = 0;

	fill_address(b, 0, 53);
	room_begin(&b->ctx, NULL, FULL);
	assert_int_equal(room_share(&b->ctx), SHARE);
	while (!search_is_vain(&s, 0, true)) {
		unsigned looks = SHARE;

		assert_false(search_address(&s, 0, true, &looks));
		assert_int_equal(looks, 0);
		assert_true(calls++ < WIDE / SHARE);
	}
	assert_int_equal(calls, WIDE / SHARE);
	assert_false(search_is_vain(&s, 1, true)); /* another address */
	s = search_from(b, 54); /* another destination */
	assert_false(search_is_vain(&s, 0, true));
	s = search_from(b, 53);
	b->ctx.now_s++; /* and another second */
	assert_false(search_is_vain(&s, 0, true));
	bench_destroy(b);
}

/* Of many thousand ports one is left: a bounded number of packets finds it. */
static void test_the_last_port_is_found(void **state)
{
	enum { WIDE = 16384, ROUNDS = 20 };
	struct stage_bench *b = bench_create(WIDE, 8 * WIDE, 0, 1);
	uint64_t dice = 43;

	fill_address(b, 0, 53);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t record = dice_roll(&dice, WIDE);
		struct flow *flow = flow_table_at(b->ctx.flows, record), ended = *flow;
		struct setup s = search_from(b, 53);
		unsigned calls = 0, looks;

		flow_table_remove(b->ctx.flows, record); /* without a notice to the search */
		b->ctx.now_s++;
		do {
			looks = 64;
			assert_true(calls++ <= WIDE / 64);
		} while (!search_address(&s, 0, true, &looks));
		assert_int_equal(s.flow.nat_port, ended.nat_port);
		assert_int_equal(flow_table_insert(b->ctx.flows, &s.flow), record);
		flow = flow_table_at(b->ctx.flows, record);
		flow->seen_s = b->ctx.now_s;
	}
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets_share_a_search),
		cmocka_unit_test(test_the_last_port_is_found),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
