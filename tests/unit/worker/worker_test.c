/*
 * A worker as the control thread sees it: create and destroy, start and stop, queries; without a
 * port to receive from. Packets are tested in tests/packet.
 */
#include "stage.h"

#include "worker/worker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { CAPACITY = 1024, PATIENCE_MS = 5000 };

static const uint8_t seed[16] = "tests of worker";

static struct snapshot snapshot_of(const struct stage_bench *b)
{
	struct snapshot s = {.net = b->net, .nexthops = b->nexthops};

	for (unsigned i = 0; i < FLOW_STATE_COUNT; i++)
		s.settings.timers.state_s[i] = 60;
	return s;
}

static struct worker_config config_of(const struct stage_bench *b)
{
	static struct snapshot first;

	first = snapshot_of(b);
	return (struct worker_config){
		.flows_capacity = CAPACITY,
		.flows6_capacity = CAPACITY,
		.count = 1,
		.snapshot = &first,
		.cpu = -1,
		.secret = seed,
	};
}

static int setup(void **state)
{
	*state = bench_create(2048, CAPACITY, 0, 1);
	return 0;
}

static int teardown(void **state)
{
	bench_destroy(*state);
	return 0;
}

static void pause_ms(long ms)
{
	const struct timespec t = {.tv_nsec = ms * 1000000};

	nanosleep(&t, NULL);
}

static uint64_t turns_of(const struct worker *w)
{
	struct worker_counters c;

	worker_read_counters(w, &c);
	return c.turns;
}

static void test_refused(void **state)
{
	struct worker_config none = config_of(*state), odd = config_of(*state);

	none.flows_capacity = 0;
	errno = 0;
	assert_null(worker_create(&none));
	assert_int_equal(errno, EINVAL);
	odd.flows6_capacity = UINT32_MAX; /* more than the highest number of a record */
	assert_null(worker_create(&odd));
	worker_destroy(NULL);
}

static void test_without_ipv6(void **state)
{
	struct worker_config c = config_of(*state);
	static struct flow_query q;
	struct worker *w;

	c.flows6_capacity = 0;
	w = worker_create(&c);
	assert_non_null(w);
	worker_query_start(w, &q);
	assert_int_equal(worker_turn(w), 0);
	assert_true(query_ended(&q));
	worker_destroy(w);
}

static void test_counters(void **state)
{
	struct worker_config c = config_of(*state);
	struct worker *w = worker_create(&c);
	struct worker_counters seen;
	struct tunnel_counters tunnel;
	struct site_counters site;
	struct slice_counters slice;
	struct neighbour_wanted wanted[4];

	assert_non_null(w);
	worker_read_counters(w, &seen);
	assert_int_equal(seen.turns, 0); /* nothing is published before the first turn */
	for (unsigned i = 0; i < 65; i++)
		assert_int_equal(worker_turn(w), 0);
	worker_read_counters(w, &seen);
	assert_int_equal(seen.turns, 65);
	assert_int_equal(seen.idle_turns, 65);
	assert_int_equal(seen.rx + seen.tx + seen.held + seen.flows, 0);
	worker_read_tunnel(w, TUNNEL_M1, &tunnel);
	worker_read_site(w, SITE_MADRID, &site);
	worker_read_slice(w, 0, &slice);
	assert_int_equal(tunnel.rx_packets + tunnel.tx_packets + tunnel.drops, 0);
	assert_int_equal(site.flows, 0);
	assert_int_equal(slice.flows + slice.ports, 0);
	assert_int_equal(worker_take_wanted(w, wanted, 4), 0);
	worker_destroy(w);
}

/* Any number of queries at once, and one of them that is given up before the worker saw it. */
static void test_query(void **state)
{
	struct worker_config c = config_of(*state);
	struct worker *w = worker_create(&c);
	static struct flow_query q[3];
	uint32_t n;

	assert_non_null(w);
	for (size_t i = 0; i < ARRAY_SIZE(q); i++)
		worker_query_start(w, &q[i]);
	query_cancel(&q[1]);
	for (size_t i = 0; i < ARRAY_SIZE(q); i++)
		assert_false(query_ended(&q[i]));
	worker_turn(w);
	worker_turn(w);
	for (size_t i = 0; i < ARRAY_SIZE(q); i++) {
		assert_true(query_ended(&q[i]));
		query_peek(&q[i], &n);
		assert_int_equal(n, 0);
		assert_int_equal(q[i].cursor, 0);
	}
	worker_query_start(w, &q[0]);
	assert_false(query_ended(&q[0]));
	worker_turn(w);
	assert_true(query_ended(&q[0]));
	worker_destroy(w);
}

/*
 * The thread runs turns, answers queries, releases the previous snapshot, stops, and can be started
 * again.
 */
static void test_thread(void **state)
{
	struct stage_bench *b = *state, *next = bench_create(2048, CAPACITY, 0, 1);
	struct worker_config c = config_of(b);
	const struct snapshot other = snapshot_of(next);
	struct worker *w = worker_create(&c);
	static struct flow_query q;

	assert_non_null(w);
	worker_stop(w); /* it is not running */
	worker_synchronize(&w, 1);
	for (int round = 0; round < 2; round++) {
		uint64_t turns;
		int waited = 0;

		assert_int_equal(worker_start(w), 0);
		worker_query_start(w, &q);
		while (!query_ended(&q) && waited++ < PATIENCE_MS)
			pause_ms(1);
		assert_true(query_ended(&q));
		worker_publish(w, round == 0 ? &other : c.snapshot, NULL);
		worker_synchronize(&w, 1);
		worker_stop(w);
		turns = turns_of(w);
		assert_true(turns > 0);
		pause_ms(2);
		assert_int_equal(turns_of(w), turns);
	}
	worker_destroy(w);
	bench_destroy(next);
}

/* A thread that has not begun yet will read what was published: it is awaited, too. */
static void test_start_is_awaited(void **state)
{
	struct worker_config c = config_of(*state);

	for (int round = 0; round < 20; round++) {
		struct worker *w = worker_create(&c);

		assert_non_null(w);
		assert_int_equal(worker_start(w), 0);
		worker_synchronize(&w, 1);
		assert_int_not_equal(turns_of(w), 0);
		worker_stop(w);
		worker_destroy(w);
	}
}

/* A reader sees one moment: all turns were idle ones, in every copy. */
static void test_consistent_copy(void **state)
{
	struct worker_config c = config_of(*state);
	struct worker *w = worker_create(&c);
	struct worker_counters seen;
	uint64_t last = 0;

	assert_non_null(w);
	assert_int_equal(worker_start(w), 0);
	for (unsigned i = 0; i < 20000; i++) {
		worker_read_counters(w, &seen);
		assert_int_equal(seen.turns, seen.idle_turns);
		assert_true(seen.turns >= last);
		last = seen.turns;
	}
	worker_stop(w);
	worker_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_ipv6, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_query, setup, teardown),
		cmocka_unit_test_setup_teardown(test_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_is_awaited, setup, teardown),
		cmocka_unit_test_setup_teardown(test_consistent_copy, setup, teardown),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
