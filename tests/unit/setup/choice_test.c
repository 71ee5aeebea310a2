/*
 * Egress ports: every port of ours may be used, no other ever is, and each is given back.
 *
 * 203.0.113.1 has slice 1, 203.0.113.2 slices 2 and 3, of 64 ports each: 192 in all.
 */
#include "setup/setup.h"

#include "dice.h"
#include "path/share.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 64, PORTS = 3 * SIZE, CAPACITY = 4096, UDP = 17, TCP = 6 };

/* The index of a port, 0 to 191; -1: it is not ours. */
static int port_number(const struct flow *f)
{
	uint32_t addr = ntohl(f->nat_src), port = ntohs(f->nat_port);

	if (addr == EGRESS && port >= 64 && port < 128)
		return (int)port - 64;
	if (addr == EGRESS_2 && port >= 128 && port < 256)
		return (int)port - 64;
	return -1;
}

/* Runs both steps for host @host and source port @sport towards SERVER. */
static enum drop take(struct stage_bench *b, struct setup *s, uint32_t host, uint32_t sport,
		      uint16_t dport, uint8_t proto)
{
	enum drop drop;

	*s = (struct setup){.ctx = &b->ctx, .pool = &b->net->pools[0]};
	s->flow = (struct flow){
		.src = htonl(HOST + host),
		.dst = htonl(SERVER),
		.sport = htons((uint16_t)sport),
		.dport = htons(dport),
		.site = SITE_BERLIN,
		.proto = proto,
		.state = proto == TCP ? FLOW_TCP_SYN_SENT : FLOW_UDP,
		.onramp = TUNNEL_B1,
		.offramp = NEXTHOP_UPLINK,
		.seen_s = b->ctx.now_s,
	};
	drop = choice_propose(s);
	return drop == DROP_NONE ? choice_take(s) : drop;
}

/*
 * Opens flows towards one destination until no port is left. Marks the ports, and returns their
 * number.
 */
static uint32_t take_all(struct stage_bench *b, uint16_t dport, uint8_t proto, uint8_t *used)
{
	for (uint32_t n = 0;; n++) {
		struct setup s;
		enum drop drop = take(b, &s, n % 5, 1000 + n, dport, proto);
		int port = port_number(&s.flow);

		if (drop != DROP_NONE) {
			assert_int_equal(drop, DROP_EGRESS_EXHAUSTED);
			return n;
		}
		assert_in_range(port, 0, PORTS - 1);
		assert_int_equal(used[port]++, 0);
		assert_int_not_equal(flow_table_insert(b->ctx.flows, &s.flow), FLOW_NO_RECORD);
	}
}

static void check_slices(const struct stage_bench *b, uint32_t flows, uint32_t ports)
{
	for (uint32_t k = 0; k < 3; k++) {
		struct slice_counters c = egress_slice(b->ctx.egress, k);

		assert_int_equal(c.flows, flows);
		assert_int_equal(c.ports, ports);
	}
}

/* Ends the flow that has record @record, as ageing does. */
static struct flow end_flow(struct stage_bench *b, uint32_t record)
{
	struct flow flow = *flow_table_at(b->ctx.flows, record);

	release_port(&b->ctx, &flow, NULL);
	flow_table_remove(b->ctx.flows, record);
	return flow;
}

static void test_every_port_and_no_other(void **state)
{
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	static const struct {
		uint16_t dport;
		uint8_t proto;
	} destinations[] = {{53, UDP}, {54, UDP}, {53, TCP}, {443, TCP}};

	for (uint32_t i = 0; i < ARRAY_SIZE(destinations); i++) {
		uint8_t used[PORTS] = {0};

		assert_int_equal(take_all(b, destinations[i].dport, destinations[i].proto, used),
				 PORTS);
		check_slices(b, SIZE * (i + 1), SIZE); /* more flows, the same ports */
	}
	for (uint32_t record = 0; record < 4 * PORTS; record++) {
		end_flow(b, record);
		if (record % PORTS == PORTS - 1) /* a port is in use until its last flow ends */
			check_slices(b, SIZE * (3 - record / PORTS), record < 3 * PORTS ? SIZE : 0);
	}
	bench_destroy(b);
}

static void test_what_ends_comes_back(void **state)
{
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	uint8_t used[PORTS] = {0};
	uint64_t dice = 41;
	struct setup s;

	assert_int_equal(take_all(b, 53, UDP, used), PORTS);
	assert_int_equal(take(b, &s, 0, 1, 53, UDP), DROP_EGRESS_EXHAUSTED);
	for (uint32_t i = 0; i < 500; i++) {
		uint32_t record = dice_roll(&dice, PORTS);
		struct flow ended = end_flow(b, record);

		/* A freed port is found at once, although there is no new search in this second. */
		assert_int_equal(take(b, &s, 0, 20000 + i, 53, UDP), DROP_NONE);
		assert_int_equal(s.flow.nat_port, ended.nat_port);
		assert_int_equal(s.flow.nat_src, ended.nat_src);
		assert_int_equal(flow_table_insert(b->ctx.flows, &s.flow), record);
		check_slices(b, SIZE, SIZE);
		assert_int_equal(take(b, &s, 0, 1, 53, UDP), DROP_EGRESS_EXHAUSTED);
	}
	for (uint32_t record = 0; record < PORTS; record++)
		end_flow(b, record);
	check_slices(b, 0, 0);
	bench_destroy(b);
}

static void test_undo(void **state)
{
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);

	for (uint32_t i = 0; i < 1000; i++) {
		struct setup s;

		assert_int_equal(take(b, &s, i, 1000, 53, UDP), DROP_NONE);
		assert_int_equal(egress_slice(b->ctx.egress, s.slice).flows, 1);
		assert_int_equal(egress_slice(b->ctx.egress, s.slice).ports, 1);
		release_undo(&s);
		check_slices(b, 0, 0);
	}
	bench_destroy(b);
}

/*
 * Checks that all ports of worker @index are its own, and adds them to @used. Returns their number.
 */
static uint32_t take_part(uint16_t index, uint16_t count, uint8_t *used)
{
	struct stage_bench *b = bench_create(SIZE, CAPACITY, index, count);
	uint8_t own[PORTS] = {0};
	uint32_t n = take_all(b, 53, UDP, own);

	for (unsigned i = 0; i < PORTS; i++) {
		if (own[i] != 0)
			assert_int_equal(share_owner((uint16_t)(i + 64), SIZE, count), index);
		used[i] += own[i];
	}
	bench_destroy(b);
	return n;
}

/*
 * Several workers together have all ports, none twice, and each knows the worker of a return
 * packet.
 */
static void test_workers_share_out(void **state)
{
	for (uint16_t count = 1; count <= 7; count++) {
		uint8_t used[PORTS] = {0};
		uint32_t all = 0;

		for (uint16_t index = 0; index < count; index++)
			all += take_part(index, count, used);
		assert_int_equal(all, PORTS);
		for (unsigned i = 0; i < PORTS; i++)
			assert_int_equal(used[i], 1);
	}
}

/*
 * RFC 6056: the start of a search cannot be predicted, and each port of the slice is used equally
 * often.
 */
static void test_spread(void **state)
{
	/* each 16th port is reserved until the others are used up */
	enum { ROUNDS = 20000, MEAN = ROUNDS / (SIZE / 16 * 15), SIGMA = 18 };
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	unsigned often[PORTS] = {0}, addresses[2] = {0}, ascending = 0;
	int before = 0;

	b->net->pools[0].n_addresses = 1;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct setup s;
		int port;

		assert_int_equal(take(b, &s, i, 1000, 53, UDP), DROP_NONE);
		port = port_number(&s.flow);
		often[port]++;
		ascending += port == before + 1;
		before = port;
	}
	for (unsigned i = 0; i < SIZE; i++) {
		if (i % 16 == 15)
			assert_int_equal(often[i], 0);
		else
			assert_in_range(often[i], MEAN - 6 * SIGMA, MEAN + 6 * SIGMA);
	}
	assert_in_range(ascending, MEAN - 6 * SIGMA, MEAN + 6 * SIGMA);

	b->net->pools[0].n_addresses = 2; /* hosts are spread over the addresses */
	for (uint32_t i = 0; i < 1000; i++) {
		struct setup s;

		take(b, &s, i, 1000, 53, UDP);
		addresses[ntohl(s.flow.nat_src) == EGRESS_2]++;
	}
	assert_true(addresses[0] > 300 && addresses[1] > 300);
	bench_destroy(b);
}

/* RFC 4787 REQ-2: a host has one address as long as that has ports. */
static void test_a_host_keeps_its_address(void **state)
{
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);

	for (uint32_t host = 0; host < 50; host++) {
		struct setup s;
		be32_t first;

		assert_int_equal(take(b, &s, host, 1000, 53, UDP), DROP_NONE);
		first = s.flow.nat_src;
		for (uint32_t i = 1; i < 50; i++) {
			take(b, &s, host, 1000 + i, (uint16_t)(53 + i), UDP);
			assert_int_equal(s.flow.nat_src, first);
		}
	}
	bench_destroy(b);
}

/* A host whose own address is exhausted gets the next one, until the pool has no port left. */
static void test_falls_over_to_the_next_address(void **state)
{
	enum { WIDE = 2048 };
	struct stage_bench *b = bench_create(WIDE, 4 * WIDE, 0, 1);
	uint32_t n = 0, under[2] = {0};
	struct setup s;

	for (uint32_t tries = 0; tries < 3 * WIDE + 20; tries++) {
		if (take(b, &s, 7, 1000 + n, 53, UDP) != DROP_NONE)
			continue; /* a search is bounded: the next packet continues it */
		under[ntohl(s.flow.nat_src) == EGRESS_2]++;
		assert_int_not_equal(flow_table_insert(b->ctx.flows, &s.flow), FLOW_NO_RECORD);
		n++;
	}
	assert_int_equal(n, 3 * WIDE);
	assert_int_equal(under[0], WIDE);
	assert_int_equal(under[1], 2 * WIDE);
	/* Only that destination is exhausted, until the end of the second. */
	assert_int_equal(take(b, &s, 8, 1, 53, UDP), DROP_EGRESS_EXHAUSTED);
	assert_int_equal(take(b, &s, 7, 1, 54, UDP), DROP_NONE);
	bench_destroy(b);
}

/* A site with many flows does not use every 16th port; a site with few flows finds them at once. */
static void test_a_reserve_for_others(void **state)
{
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	uint64_t *flows = &b->ctx.sites[SITE_BERLIN].counters.flows;
	uint8_t used[PORTS] = {0};

	*flows = PORTS;
	assert_int_equal(take_all(b, 53, UDP, used), PORTS / 16 * 15);
	for (uint32_t port = 0; port < PORTS; port++)
		assert_int_equal(used[port], port % 16 != 15);
	*flows = 0; /* as if it were another site, which may use reserved ports */
	assert_int_equal(take_all(b, 53, UDP, used), PORTS / 16);
	bench_destroy(b);
}

/*
 * All ports are held by expired flows. The first probe takes one of them and ends its flow
 * properly.
 */
static void test_what_is_over_makes_room(void **state)
{
	struct stage_bench *b = bench_create(SIZE, CAPACITY, 0, 1);
	struct site_use *use = &b->ctx.sites[SITE_BERLIN];
	uint8_t used[PORTS] = {0};
	struct setup s;

	assert_int_equal(take_all(b, 53, UDP, used), PORTS);
	use->counters.flows = b->ctx.flows_taken = PORTS;
	assert_int_equal(take(b, &s, 0, 1, 53, UDP), DROP_EGRESS_EXHAUSTED);
	b->ctx.now_s += STAGE_TIMEOUT;
	assert_int_equal(take(b, &s, 0, 1, 53, UDP), DROP_EGRESS_EXHAUSTED); /* no port yet */
	b->ctx.now_s++;
	for (uint32_t i = 1; i <= PORTS; i++) {
		assert_int_equal(take(b, &s, i % 5, 9000 + i, 53, UDP), DROP_NONE);
		assert_int_not_equal(flow_table_insert(b->ctx.flows, &s.flow), FLOW_NO_RECORD);
		assert_int_equal(b->ctx.counters.flows_ended, i);
		assert_int_equal(use->counters.flows, PORTS - i);
		assert_int_equal(flow_table_count(b->ctx.flows), PORTS);
		check_slices(b, SIZE, SIZE);
	}
	assert_int_equal(take(b, &s, 0, 1, 53, UDP), DROP_EGRESS_EXHAUSTED);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_port_and_no_other),
		cmocka_unit_test(test_what_ends_comes_back),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_falls_over_to_the_next_address),
		cmocka_unit_test(test_what_is_over_makes_room),
		cmocka_unit_test(test_a_reserve_for_others),
		cmocka_unit_test(test_workers_share_out),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_a_host_keeps_its_address),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
