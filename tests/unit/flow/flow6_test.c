/*
 * The table of IPv6 flows: each is found by both keys, differs by each field, and is never lost
 * while others are added and removed.
 */
#include "dice.h"
#include "flow/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { CAPACITY = 4096, ROUNDS = 200000, UDP = 17, SITES = 5 };

static const uint8_t secret[16] = "tests of flow 6";

static struct addr6 address(uint64_t net, uint64_t host)
{
	return (struct addr6){{htobe64(net), htobe64(host)}};
}

/* Flow number @n. Sites share all addresses and ports; returns differ by the egress port. */
static void make(uint32_t n, struct flow *f, struct flow6 *six)
{
	*f = (struct flow){
		.sport = htons((uint16_t)(1024 + n / 1250)),
		.dport = htons(53),
		.site = (uint16_t)(1 + n % SITES),
		.proto = UDP,
		.state = FLOW_UDP,
		.nat_port = htons((uint16_t)(2048 + n % 60000)),
	};
	*six = (struct flow6){
		.src = address(UINT64_C(0xfd00) << 48, 10 + n / SITES % 250),
		.dst = address(UINT64_C(0x20010db8) << 32, 80 + n % 3),
		.nat_src = address(UINT64_C(0x20010db800010000), n / 60000),
	};
}

static uint32_t find(struct flow_table *t, const struct flow6_key *key, enum flow_dir *dir)
{
	struct flow_probe probe = {.record = 12345, .dir = 99}, *probes[1] = {&probe};

	flow6_table_lookup(t, &key, probes, 1);
	assert_int_equal(flow6_table_has_hashed(t, key, probe.hash),
			 probe.record != FLOW_NO_RECORD);
	*dir = probe.dir;
	return probe.record;
}

static uint32_t insert(struct flow_table *t, uint32_t n)
{
	struct flow flow;
	struct flow6 six;
	struct flow6_key forward, back;

	make(n, &flow, &six);
	flow6_forward_key(&flow, &six, &forward);
	flow6_return_key(&flow, &six, &back);
	return flow6_table_insert_hashed(t, &flow, &six, flow6_table_prefetch(t, &forward),
					 flow6_table_prefetch(t, &back));
}

static void expect(struct flow_table *t, uint32_t n, uint32_t record)
{
	struct flow flow;
	struct flow6 six;
	struct flow6_key forward, back;
	enum flow_dir dir;

	make(n, &flow, &six);
	flow6_forward_key(&flow, &six, &forward);
	flow6_return_key(&flow, &six, &back);
	assert_int_equal(find(t, &forward, &dir), record);
	assert_true(record == FLOW_NO_RECORD || dir == FLOW_FORWARD);
	assert_int_equal(find(t, &back, &dir), record);
	assert_true(record == FLOW_NO_RECORD || dir == FLOW_RETURN);
	if (record == FLOW_NO_RECORD)
		return;
	assert_memory_equal(flow6_at(t, record), &six, sizeof(six));
	assert_int_equal(flow_table_at(t, record)->nat_port, flow.nat_port);
}

/* Compared with a plain list of its flows; the table is full most of the time. */
static void against_a_list(void **state)
{
	static uint32_t records[2 * CAPACITY];
	struct flow_table *t = flow6_table_create(CAPACITY, secret);
	uint64_t dice = 6;
	uint32_t live = 0;

	assert_non_null(t);
	for (uint32_t n = 0; n < ARRAY_SIZE(records); n++)
		records[n] = FLOW_NO_RECORD;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t n = dice_roll(&dice, ARRAY_SIZE(records));

		expect(t, n, records[n]);
		if (records[n] != FLOW_NO_RECORD) {
			if (dice_roll(&dice, 2) == 0)
				continue;
			flow_table_remove(t, records[n]);
			records[n] = FLOW_NO_RECORD;
			live--;
		} else {
			records[n] = insert(t, n);
			live += records[n] != FLOW_NO_RECORD;
		}
		assert_int_equal(flow_table_count(t), live);
	}
	assert_true(live > CAPACITY * 9 / 10); /* otherwise the table was never full */
	for (uint32_t n = 0; n < ARRAY_SIZE(records); n++)
		expect(t, n, records[n]);
	flow_table_destroy(t);
}

/* Equal hashes are possible, so each bit of either key has to be compared. */
static void every_bit_counts(void **state)
{
	struct flow_table *t = flow6_table_create(1, secret);
	struct flow flow;
	struct flow6 six;
	struct flow6_key keys[2];
	enum flow_dir dir;
	uint64_t hash;

	assert_non_null(t);
	make(1, &flow, &six);
	flow6_forward_key(&flow, &six, &keys[FLOW_FORWARD]);
	flow6_return_key(&flow, &six, &keys[FLOW_RETURN]);
	assert_int_equal(insert(t, 1), 0);
	for (unsigned k = 0; k < 2; k++) {
		assert_int_equal(find(t, &keys[k], &dir), 0);
		hash = flow6_table_prefetch(t, &keys[k]);
		for (size_t bit = 0; bit < 8 * offsetof(struct flow6_key, domain); bit++) {
			struct flow6_key other = keys[k];

			((uint8_t *)&other)[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (flow6_table_has_hashed(t, &other, hash))
				fail_msg("bit %zu of key %u is not compared", bit, k);
			if (flow6_table_prefetch(t, &other) == hash)
				fail_msg("bit %zu of key %u is not hashed", bit, k);
		}
	}
	flow_table_destroy(t);
}

static enum flow_end ended(void *arg, struct flow *flow, uint32_t record)
{
	++*(unsigned *)arg;
	assert_int_equal(flow->state, FLOW_UDP);
	return FLOW_END_REMOVE;
}

static void idle_flows_end(void **state)
{
	struct flow_table *t = flow6_table_create(8, secret);
	struct flow_timers timers = {.state_s = {[FLOW_UDP] = 30}};
	unsigned n = 0;

	assert_non_null(t);
	assert_int_equal(insert(t, 1), 0);
	assert_int_equal(insert(t, 2), 1);
	flow_table_at(t, 1)->seen_s = 20;
	assert_int_equal(flow_table_sweep(t, 40, 8, &timers, ended, &n), 1);
	assert_int_equal(n, 1);
	expect(t, 1, FLOW_NO_RECORD);
	expect(t, 2, 1);
	flow_table_destroy(t);
}

static void impossible_capacities(void **state)
{
	assert_null(flow6_table_create(0, secret));
	assert_null(flow6_table_create(FLOW_CAPACITY_MAX + 1u, secret));
	assert_int_equal(flow6_table_bytes(4), 4 * 128 + 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_a_list),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(idle_flows_end),
		cmocka_unit_test(impossible_capacities),
	};

	return cmocka_run_group_tests_name("flow/flow6", tests, NULL, NULL);
}
