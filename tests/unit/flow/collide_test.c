/*
 * An attacker who knows the code, but not the secret, tries to choose flows of the same buckets.
 * With a known secret the table would become slow; with a random one it is like any other traffic.
 *
 * What is counted is what a lookup costs, not time: how many keys live in their second bucket (a
 * second cache line for everybody in that bucket), how full the fullest bucket is, and whether a
 * flow was refused while there was room.
 */
#include "flow/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>

#include <cmocka.h>

enum {
	CAPACITY = 1024,
	BUCKETS = CAPACITY / FLOWS_PER_BUCKET,
	FLOWS = 128, /* an eighth of the table */
	SEEDS = 20,
};

/* The key of the attacker's own copy of the program: all hashes with it are known. */
static const uint8_t known[16];

static struct flow chosen[FLOWS];

struct cost {
	unsigned refused;
	unsigned displaced; /* keys in their second bucket */
	unsigned fullest; /* slots taken of the fullest bucket */
	unsigned missed; /* flows that are in the table and are not found: must be 0 */
};

/* Hosts of one site send to one server; the return keys differ by the egress port. */
static struct flow flow_of(uint32_t i)
{
	return (struct flow){
		.src = htonl(UINT32_C(0x0a000000) + (i >> 8)),
		.dst = htonl(UINT32_C(0xc0000250)),
		.sport = htons((uint16_t)(1024 + (i & 0xff))),
		.dport = htons(53),
		.site = 1,
		.proto = 17,
		.state = FLOW_UDP,
		.nat_src = htonl(UINT32_C(0xcb007101)),
		.nat_port = htons((uint16_t)(2048 + (i & 0x7fff))),
		.far = 0,
	};
}

static uint64_t forward_hash(const struct flow_table *t, const struct flow *f)
{
	struct flow_key key;

	flow_forward_key(f, &key);
	return flow_hash(&t->secret, &key);
}

/* Finds flows whose two buckets, with the known key, are both among the first four. */
static void choose(void)
{
	struct flow_table *t = flow_table_create(CAPACITY, known);
	uint32_t n = 0;

	assert_non_null(t);
	for (uint32_t i = 0; n < FLOWS; i++) {
		struct flow f = flow_of(i);
		uint64_t hash = forward_hash(t, &f);

		if (hash_first(t, hash) >= 4 || hash_second(t, hash) >= 4)
			continue;
		f.nat_port = htons((uint16_t)(2048 + n)); /* the gateway chooses the return key */
		chosen[n++] = f;
	}
	flow_table_destroy(t);
}

static void count_buckets(const struct flow_table *t, struct cost *cost)
{
	for (uint32_t b = 0; b < t->n_buckets; b++) {
		unsigned taken = 0;

		for (unsigned slot = 0; slot < BUCKET_SLOTS; slot++)
			taken += t->buckets[b].tag[slot] != 0;
		cost->fullest = taken > cost->fullest ? taken : cost->fullest;
		cost->displaced += t->buckets[b].displaced;
	}
}

static struct cost fill(const uint8_t secret[16])
{
	struct flow_table *t = flow_table_create(CAPACITY, secret);
	struct cost cost = {0};
	bool in[FLOWS];

	assert_non_null(t);
	assert_int_equal(t->n_buckets, BUCKETS);
	for (uint32_t i = 0; i < FLOWS; i++) {
		in[i] = flow_table_insert(t, &chosen[i]) != FLOW_NO_RECORD;
		cost.refused += !in[i];
	}
	count_buckets(t, &cost);
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct flow_key key;

		flow_forward_key(&chosen[i], &key);
		cost.missed += flow_table_has(t, &key) != in[i];
	}
	flow_table_destroy(t);
	return cost;
}

/* The attack works against a table with a known key. Otherwise the next test would show nothing. */
static void a_known_key_is_ruined(void **state)
{
	struct cost cost = fill(known);

	printf("known key: %u of %d refused, %u displaced, fullest bucket %u\n", cost.refused,
	       FLOWS, cost.displaced, cost.fullest);
	assert_true(cost.refused > FLOWS / 2);
	assert_int_equal(cost.fullest, BUCKET_SLOTS);
	assert_true(cost.displaced >= 8);
	assert_int_equal(cost.missed, 0);
}

/*
 * 256 keys are in 256 buckets, and only a bucket with more than 12 displaces one. By chance that
 * happens in less than one of 10^5 runs of this test.
 */
static void a_secret_key_does_not_notice(void **state)
{
	for (unsigned i = 0; i < SEEDS; i++) {
		uint8_t secret[16];
		struct cost cost;

		assert_int_equal(getrandom(secret, sizeof(secret), 0), sizeof(secret));
		cost = fill(secret);
		assert_int_equal(cost.refused, 0);
		assert_int_equal(cost.displaced, 0);
		assert_true(cost.fullest < BUCKET_SLOTS);
		assert_int_equal(cost.missed, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_key_is_ruined),
		cmocka_unit_test(a_secret_key_does_not_notice),
	};

	choose();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
