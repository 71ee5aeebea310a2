/*
 * The contracts between a worker's thread and the control thread: publication, quiescence, and
 * consistent copies of counters.
 *
 *   main thread = control        worker's thread        port: a ring, and a callback on its receive
 *                                                       queue that the test blocks or releases
 *
 * The callback runs inside a turn of the worker. So the test knows that a worker is in the middle
 * of a turn when control publishes.
 */
#include "stage.h"

#include "worker/worker.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

enum {
	CAPACITY = 1024,
	PATIENCE_MS = 20000,
	HELD_MS = 100, /* a call that does not wait returns within this time */
	COPIES = 200000,
	IDLE_CALLS = 10000, /* then it sleeps */
};

/* The receive queue: what its callback does, and how often it was called. */
struct gate {
	uint32_t held; /* written by the test: the callback waits */
	uint32_t inside; /* written by the callback: it waits */
	uint64_t calls;
	struct rte_mempool *pool; /* not NULL: each call receives one frame that is no IP */
};

struct scene {
	struct stage_bench *bench;
	struct gate gate;
	uint16_t ethdev;
	struct rte_ring *ring;
	struct rte_mempool *pool;
	struct snapshot first, second, third; /* in the second one the port is closed */
	struct worker *worker;
};

static void pause_us(long us)
{
	const struct timespec t = {.tv_nsec = us * 1000};

	nanosleep(&t, NULL);
}

static uint32_t load(const uint32_t *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *flag, uint32_t value)
{
	__atomic_store_n(flag, value, __ATOMIC_RELEASE);
}

static void await(const uint32_t *flag, const char *what)
{
	for (int i = 0; i < PATIENCE_MS && load(flag) == 0; i++)
		pause_us(1000);
	if (load(flag) == 0)
		fail_msg("waited in vain: %s", what);
}

/* Called by the worker, between its clock and its first packet. */
static uint16_t receive_gate(uint16_t port, uint16_t queue, struct rte_mbuf **pkts, uint16_t n,
			     uint16_t max, void *arg)
{
	struct gate *g = arg;
	struct rte_mbuf *m;

	__atomic_fetch_add(&g->calls, 1, __ATOMIC_RELAXED);
	while (load(&g->held) != 0) {
		store(&g->inside, 1);
		pause_us(100);
	}
	if (g->pool == NULL || n == max)
		return n;
	m = rte_pktmbuf_alloc(g->pool);
	if (m == NULL)
		return n;
	memset(rte_pktmbuf_append(m, 60), 0, 60);
	pkts[n] = m;
	return (uint16_t)(n + 1);
}

static void make_port(struct scene *s)
{
	const struct rte_eth_conf conf = {.txmode = {0}};
	static unsigned number; /* DPDK does not accept a name twice */
	char name[16];
	int ethdev;

	snprintf(name, sizeof(name), "gate%u", number++);
	s->ring = rte_ring_create(name, 64, SOCKET_ID_ANY, 0);
	s->pool =
		rte_pktmbuf_pool_create(name, 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	assert_true(s->ring != NULL && s->pool != NULL);
	ethdev = rte_eth_from_rings(name, &s->ring, 1, &s->ring, 1, SOCKET_ID_ANY);
	assert_true(ethdev >= 0);
	s->ethdev = (uint16_t)ethdev;
	assert_int_equal(rte_eth_dev_configure(s->ethdev, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(s->ethdev, 0, 64, SOCKET_ID_ANY, NULL, s->pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(s->ethdev, 0, 64, SOCKET_ID_ANY, NULL), 0);
	assert_int_equal(rte_eth_dev_start(s->ethdev), 0);
	assert_non_null(rte_eth_add_rx_callback(s->ethdev, 0, receive_gate, &s->gate));
}

static struct snapshot snapshot_of(const struct scene *s, bool closed)
{
	struct snapshot snap = {
		.net = s->bench->net,
		.nexthops = s->bench->nexthops,
		.n_ports = 1,
		.ports = {{.ethdev = s->ethdev, .n_queues = 1, .closed = closed}},
	};

	for (unsigned i = 0; i < FLOW_STATE_COUNT; i++)
		snap.settings.timers.state_s[i] = 60;
	return snap;
}

static int setup_worker(void **state, bool poll)
{
	static struct scene s;
	static const uint8_t seed[16] = "tests of threads";
	struct worker_config config = {
		.flows_capacity = CAPACITY,
		.count = 1,
		.cpu = -1,
		.poll = poll,
		.secret = seed,
	};

	memset(&s, 0, sizeof(s));
	s.bench = bench_create(2048, CAPACITY, 0, 1);
	make_port(&s);
	s.first = snapshot_of(&s, false);
	s.second = snapshot_of(&s, true);
	s.third = snapshot_of(&s, false);
	config.snapshot = &s.first;
	s.worker = worker_create(&config);
	assert_non_null(s.worker);
	*state = &s;
	return 0;
}

static int setup(void **state)
{
	return setup_worker(state, true);
}

/* An idle worker sleeps between two turns. */
static int setup_sleepy(void **state)
{
	return setup_worker(state, false);
}

static int teardown(void **state)
{
	struct scene *s = *state;

	store(&s->gate.held, 0);
	worker_stop(s->worker);
	worker_destroy(s->worker);
	rte_eth_dev_stop(s->ethdev);
	rte_eth_dev_close(s->ethdev);
	rte_ring_free(s->ring);
	rte_mempool_free(s->pool);
	bench_destroy(s->bench);
	return 0;
}

static uint64_t calls(const struct scene *s)
{
	return __atomic_load_n(&s->gate.calls, __ATOMIC_RELAXED);
}

/*
 * A worker takes the published snapshot: its port is closed there, so it does not receive from it.
 */
static void test_published_is_taken(void **state)
{
	struct scene *s = *state;

	assert_int_equal(worker_start(s->worker), 0);
	for (int round = 0; round < 20; round++) {
		uint64_t before;
		int waited = 0;

		worker_publish(s->worker, &s->second, NULL);
		worker_synchronize(&s->worker, 1);
		before = calls(s);
		pause_us(2000);
		assert_int_equal(calls(s), before); /* not one turn with the old snapshot */
		worker_publish(s->worker, &s->first, NULL);
		worker_synchronize(&s->worker, 1);
		while (calls(s) == before && waited++ < PATIENCE_MS)
			pause_us(1000);
		assert_true(calls(s) > before);
	}
}

struct waiter {
	struct scene *scene;
	uint32_t returned;
};

static void *wait_for_quiescence(void *arg)
{
	struct waiter *w = arg;

	worker_synchronize(&w->scene->worker, 1);
	store(&w->returned, 1);
	return NULL;
}

/* A worker in the middle of a turn may still use the former snapshot. */
static void test_turn_is_awaited(void **state)
{
	struct scene *s = *state;

	assert_int_equal(worker_start(s->worker), 0);
	for (int round = 0; round < 3; round++) {
		struct waiter waiter = {.scene = s};
		pthread_t thread;

		store(&s->gate.inside, 0);
		store(&s->gate.held, 1);
		await(&s->gate.inside, "the worker's next turn");
		worker_publish(s->worker, round % 2 == 0 ? &s->second : &s->first, NULL);
		assert_int_equal(pthread_create(&thread, NULL, wait_for_quiescence, &waiter), 0);
		pause_us(HELD_MS * 1000L);
		assert_int_equal(load(&waiter.returned), 0); /* the turn has not ended */
		store(&s->gate.held, 0);
		await(&waiter.returned, "the end of worker_synchronize()");
		pthread_join(thread, NULL);
		worker_publish(s->worker, &s->first, NULL);
		worker_synchronize(&s->worker, 1);
	}
}

static void *wait_for_taking(void *arg)
{
	struct waiter *w = arg;

	worker_synchronize(&w->scene->worker, 1);
	store(&w->returned, worker_has_taken(w->scene->worker) ? 1 : 2);
	return NULL;
}

/* The end of a turn that began before the publication is not enough. */
static void test_taking_is_awaited(void **state)
{
	struct scene *s = *state;

	assert_int_equal(worker_start(s->worker), 0);
	while (calls(s) < IDLE_CALLS)
		pause_us(1000);
	for (int round = 0; round < 20; round++) {
		struct waiter waiter = {.scene = s};
		pthread_t thread;

		store(&s->gate.inside, 0);
		store(&s->gate.held, 1);
		await(&s->gate.inside, "the worker's next turn");
		worker_publish(s->worker, round % 2 == 0 ? &s->third : &s->first, NULL);
		assert_int_equal(pthread_create(&thread, NULL, wait_for_taking, &waiter), 0);
		pause_us(1000);
		store(&s->gate.held, 0);
		await(&waiter.returned, "the end of worker_synchronize()");
		pthread_join(thread, NULL);
		assert_int_equal(waiter.returned, 1);
	}
}

/* A worker that was stopped, or never started, holds nothing. */
static void test_who_does_not_run_is_not_awaited(void **state)
{
	struct scene *s = *state;

	worker_publish(s->worker, &s->second, NULL);
	worker_synchronize(&s->worker, 1);
	assert_int_equal(worker_start(s->worker), 0);
	worker_stop(s->worker);
	worker_publish(s->worker, &s->first, NULL);
	worker_synchronize(&s->worker, 1);
}

static uint64_t drops_of(const struct worker_counters *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < DROP_COUNT; i++)
		sum += c->drops[i];
	return sum;
}

/*
 * Law 3 holds in every copy. The worker publishes its counters after each turn, and each turn drops
 * one packet. A copy of two moments would have different numbers of packets and of drops.
 */
static void test_copy_is_one_moment(void **state)
{
	struct scene *s = *state;
	struct worker_counters c;
	uint64_t last = 0, moments = 0;

	s->gate.pool = s->pool;
	assert_int_equal(worker_start(s->worker), 0);
	for (unsigned i = 0; i < COPIES || moments < 100; i++) {
		worker_read_counters(s->worker, &c);
		assert_int_equal(c.rx, c.tx + c.held + drops_of(&c));
		assert_true(c.rx >= last);
		moments += c.rx != last;
		last = c.rx;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_published_is_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_turn_is_awaited, setup, teardown),
		cmocka_unit_test_setup_teardown(test_taking_is_awaited, setup_sleepy, teardown),
		cmocka_unit_test_setup_teardown(test_who_does_not_run_is_not_awaited, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_copy_is_one_moment, setup, teardown),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
