/*
 * Asking another worker's table: the answers are those of a look-up, and a flow that stays is found
 * while its owner moves its key from bucket to bucket.
 *
 *     owner's thread: moves one key to and fro       this thread: is it there?
 *
 *        bucket A                      bucket B
 *        11 keys that cannot move      11 keys that cannot move     and the key K, in one of them
 *
 * One more key for A drives K into B, and one more for B drives it back. So K moves all the time,
 * and a reader that is not told of a move finds it in neither bucket.
 */
#include "flow/ask.h"

#include "flow/table.h"

#include "flows.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

enum {
	CAPACITY = 16, /* four buckets */
	FIXED = 11,
	MOVES_MIN = 600000,
	ASKED_MIN = 1000000,
	PATIENCE_S = 30,
};

/* Buckets by number: K's two, and two for return keys that do not matter. */
enum { A, B, C, D };

struct owner {
	struct flow_table *t;
	struct flow kept, for_a, for_b;
	uint64_t moves;
	uint32_t stop;
};

static bool ask(const struct flow_table *t, const struct flow *flow, enum flow_dir dir)
{
	struct flow_key key;
	uint64_t hash;

	if (dir == FLOW_FORWARD)
		flow_forward_key(flow, &key);
	else
		flow_return_key(flow, &key);
	hash = flow_hash(&t->secret, &key);
	ask_prefetch(t, hash);
	ask_prefetch_record(t, hash);
	return ask_has(t, &key, hash);
}

/* Tables from empty to more than full, with flows that end, rest and are woken. */
static void test_answers_of_a_look_up(void **state)
{
	enum { FLOWS = 210, FULL = 200 };
	struct flow_table *t = flow_table_create(FULL, flows_secret);
	uint32_t records[FLOWS], live = 0;
	uint64_t dice = 5;

	for (uint32_t k = 0; k < FLOWS; k++)
		records[k] = FLOW_NO_RECORD;
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t k = dice_roll(&dice, FLOWS), other = dice_roll(&dice, FLOWS);
		struct flow flow = flows_make(k), seen = flows_make(other);

		if (records[k] == FLOW_NO_RECORD) {
			records[k] = flow_table_insert(t, &flow);
		} else {
			if (dice_roll(&dice, 2) == 0) {
				flow_table_rest(t, records[k], 1);
				assert_false(ask(t, &flow, FLOW_FORWARD));
				assert_false(ask(t, &flow, FLOW_RETURN));
				flow_table_wake(t, records[k]);
			} else {
				flow_table_remove(t, records[k]);
			}
			records[k] = FLOW_NO_RECORD;
		}
		live += records[other] != FLOW_NO_RECORD;
		for (unsigned dir = FLOW_FORWARD; dir <= FLOW_RETURN; dir++)
			assert_int_equal(ask(t, &seen, dir), records[other] != FLOW_NO_RECORD);
	}
	assert_in_range(live, 5000, 15000);
	flow_table_destroy(t);
}

static struct flow6 addresses_of(uint32_t n)
{
	return (struct flow6){
		.src = {{n, 1}},
		.dst = {{n / 7, 2}},
		.nat_src = {{n / 3, 3}},
	};
}

/* The same for IPv6, where the addresses are in a second line. */
static void test_answers_of_a_look_up_6(void **state)
{
	enum { FLOWS = 210, FULL = 200 };
	struct flow_table *t = flow6_table_create(FULL, flows_secret);
	uint32_t records[FLOWS];
	uint64_t dice = 6;

	for (uint32_t k = 0; k < FLOWS; k++)
		records[k] = FLOW_NO_RECORD;
	for (uint32_t i = 0; i < 10000; i++) {
		uint32_t k = dice_roll(&dice, FLOWS), other = dice_roll(&dice, FLOWS);
		struct flow flow = flows_make(k), seen = flows_make(other);
		struct flow6 six = addresses_of(k), seen_six = addresses_of(other);
		struct flow6_key forward, back;

		flow.src = flow.dst = flow.nat_src = 0;
		seen.src = seen.dst = seen.nat_src = 0;
		flow6_forward_key(&flow, &six, &forward);
		flow6_return_key(&flow, &six, &back);
		if (records[k] == FLOW_NO_RECORD) {
			records[k] = flow6_table_insert_hashed(t, &flow, &six,
							       flow6_hash(&t->secret, &forward),
							       flow6_hash(&t->secret, &back));
		} else {
			flow_table_remove(t, records[k]);
			records[k] = FLOW_NO_RECORD;
		}
		flow6_forward_key(&seen, &seen_six, &forward);
		flow6_return_key(&seen, &seen_six, &back);
		ask_prefetch_record(t, flow6_hash(&t->secret, &back));
		assert_int_equal(ask_has6(t, &forward, flow6_hash(&t->secret, &forward)),
				 records[other] != FLOW_NO_RECORD);
		assert_int_equal(ask_has6(t, &back, flow6_hash(&t->secret, &back)),
				 records[other] != FLOW_NO_RECORD);
	}
	flow_table_destroy(t);
}

static bool lies_in(const struct flow_table *t, const struct flow_key *key, uint32_t first,
		    uint32_t second)
{
	uint64_t hash = flow_hash(&t->secret, key);

	return hash_first(t, hash) == first && hash_second(t, hash) == second;
}

/* The next flow whose forward key has these buckets, and whose return key has @back alone. */
static struct flow search_flow(const struct flow_table *t, uint32_t first, uint32_t second,
			       uint32_t back)
{
	static uint32_t n;

	for (;;) {
		struct flow flow = flows_make(n++);
		struct flow_key forward, home;

		flow_forward_key(&flow, &forward);
		flow_return_key(&flow, &home);
		if (lies_in(t, &forward, first, second) && lies_in(t, &home, back, back))
			return flow;
	}
}

static void prepare(struct owner *o)
{
	struct flow flow;

	o->t = flow_table_create(CAPACITY, flows_secret);
	assert_int_equal(o->t->n_buckets, 4);
	for (unsigned i = 0; i < FIXED; i++) {
		flow = search_flow(o->t, A, A, B);
		assert_int_not_equal(flow_table_insert(o->t, &flow), FLOW_NO_RECORD);
	}
	o->kept = search_flow(o->t, A, B, C);
	assert_int_not_equal(flow_table_insert(o->t, &o->kept), FLOW_NO_RECORD);
	o->for_a = search_flow(o->t, A, A, D);
	o->for_b = search_flow(o->t, B, B, D);
}

/* A flow comes and goes, and drives K out of its bucket. */
static void drive(struct owner *o, const struct flow *flow)
{
	uint32_t record = flow_table_insert(o->t, flow);

	if (record != FLOW_NO_RECORD)
		flow_table_remove(o->t, record);
}

static void *move_to_and_fro(void *arg)
{
	struct owner *o = arg;

	while (__atomic_load_n(&o->stop, __ATOMIC_RELAXED) == 0) {
		drive(o, &o->for_a);
		drive(o, &o->for_b);
		__atomic_store_n(&o->moves, o->t->moves, __ATOMIC_RELAXED);
	}
	return NULL;
}

static uint64_t moves_of(const struct owner *o)
{
	return __atomic_load_n(&o->moves, __ATOMIC_RELAXED);
}

/*
 * Every answer about it is right, however often the key moves meanwhile. The flow that comes and
 * goes is asked for, too, for ThreadSanitizer: its record is written while it is read.
 */
static void test_a_flow_that_stays_is_found(void **state)
{
	time_t end = time(NULL) + PATIENCE_S;
	struct owner o = {0};
	struct flow_key key;
	uint64_t hash, asked = 0, missed = 0, seen = 0;
	pthread_t thread;

	prepare(&o);
	flow_forward_key(&o.kept, &key);
	hash = flow_hash(&o.t->secret, &key);
	assert_int_equal(pthread_create(&thread, NULL, move_to_and_fro, &o), 0);
	for (; (moves_of(&o) < MOVES_MIN || asked < ASKED_MIN) && time(NULL) < end; asked++) {
		missed += !ask_has(o.t, &key, hash);
		if (asked % 16 == 0)
			seen += ask(o.t, &o.for_a, FLOW_FORWARD);
	}
	__atomic_store_n(&o.stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	printf("asked %llu times, %llu moves meanwhile; %llu times met the other\n",
	       (unsigned long long)asked, (unsigned long long)o.moves, (unsigned long long)seen);
	assert_true(o.moves > 1000); /* or nothing was shown */
	assert_int_equal(missed, 0);
	flow_table_destroy(o.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_of_a_look_up),
		cmocka_unit_test(test_answers_of_a_look_up_6),
		cmocka_unit_test(test_a_flow_that_stays_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
