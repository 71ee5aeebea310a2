/* Buffers that a driver took while its port could not be opened are freed, and none twice. */
#include "control/port/port_internal.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

static struct rte_mbuf *bufs[POOL_DESCRIPTORS];

static const struct row {
	const char *why;
	unsigned takes, frees; /* by the driver */
	unsigned noted;
} rows[] = {
	{"nothing was taken", 0, 0, 0},
	{"a whole ring is forgotten", POOL_DESCRIPTORS, 0, POOL_DESCRIPTORS},
	{"all by the thread's cache", 10, 0, 10},
	{"the driver frees all", POOL_DESCRIPTORS, POOL_DESCRIPTORS, 0},
	{"and some, into the cache", POOL_DESCRIPTORS, 10, POOL_DESCRIPTORS - 10},
	{"the cache was used and given back", 10, 10, 0},
};

static struct rte_mempool *make_pool(void)
{
	static struct config_port ports[] = {{.driver = PORT_AF_XDP}, {.driver = PORT_MEMORY}};
	const struct config config = {.ports = ports, .n_ports = 2, .workers = 1};
	struct rte_mempool *pool = pool_create(&config, 1500);

	assert_non_null(pool);
	return pool;
}

static void test_what_is_forgotten_comes_back(void **state)
{
	struct rte_mempool *pool = make_pool();
	unsigned all = rte_mempool_avail_count(pool);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct pool_note note;

		/* the thread's cache has some buffers from before */
		rte_pktmbuf_free(rte_pktmbuf_alloc(pool));
		pool_note_begin(&note, pool, 1);
		if (row->takes > 0)
			assert_int_equal(rte_pktmbuf_alloc_bulk(pool, bufs, row->takes), 0);
		if (row->frees > 0)
			rte_pktmbuf_free_bulk(bufs, row->frees);
		assert_int_equal(pool_note_end(&note, pool), 0);
		if (note.n != row->noted)
			fail_msg("%s: %zu are noted", row->why, note.n);
		assert_int_equal(pool_note_give_back(&note, pool), row->noted);
		if (rte_mempool_avail_count(pool) != all)
			fail_msg("%s: %u of %u are there", row->why, rte_mempool_avail_count(pool),
				 all);
	}
	rte_mempool_free(pool);
}

static void *take_one(void *arg)
{
	return rte_pktmbuf_alloc(arg);
}

static void test_what_workers_take_is_theirs(void **state)
{
	struct rte_mempool *pool = make_pool();
	struct pool_note note;
	pthread_t worker;
	void *taken;

	pool_note_begin(&note, pool, 1);
	assert_int_equal(pthread_create(&worker, NULL, take_one, pool), 0);
	assert_int_equal(pthread_join(worker, &taken), 0);
	assert_int_equal(pool_note_end(&note, pool), 0);
	assert_non_null(taken);
	assert_int_equal(note.n, 0);
	rte_pktmbuf_free(taken);
	rte_mempool_free(pool);
}

static void test_more_than_a_note_holds_is_said(void **state)
{
	struct rte_mempool *pool = make_pool();
	struct pool_note note;
	unsigned missed;

	pool_note_begin(&note, pool, 1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(rte_pktmbuf_alloc_bulk(pool, bufs, POOL_DESCRIPTORS), 0);
	missed = pool_note_end(&note, pool);
	assert_in_range(missed, 1, 5 * POOL_DESCRIPTORS - 1);
	assert_int_equal(pool_note_give_back(&note, pool), 5 * POOL_DESCRIPTORS - missed);
	rte_mempool_free(pool);
}

/* A queue could not be made: what was taken for the queues before stays with them. */
static void test_only_the_last_come_back(void **state)
{
	struct rte_mempool *pool = make_pool();
	unsigned before = rte_mempool_avail_count(pool);
	struct pool_note note;
	size_t mark;

	pool_note_begin(&note, pool, 2);
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, bufs, POOL_DESCRIPTORS), 0);
	mark = note.n;
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, &bufs[1], POOL_DESCRIPTORS - 1), 0);
	pool_note_give_back_since(&note, pool, mark);
	assert_int_equal(note.n, mark);
	assert_int_equal(pool_note_end(&note, pool), 0);
	assert_int_equal(rte_mempool_avail_count(pool), before - POOL_DESCRIPTORS);
	assert_int_equal(pool_note_give_back(&note, pool), POOL_DESCRIPTORS);
	rte_mempool_free(pool);
}

static int start_eal(void **state)
{
	char *argv[] = {"pool_note_test",
			"--no-huge",
			"--no-shconf",
			"--no-pci",
			"-m",
			"512",
			"--log-level",
			"*:error",
			"-l",
			"0",
			"--no-telemetry",
			NULL};

	return rte_eal_init(ARRAY_SIZE(argv) - 1, argv) < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_forgotten_comes_back),
		cmocka_unit_test(test_what_workers_take_is_theirs),
		cmocka_unit_test(test_more_than_a_note_holds_is_said),
		cmocka_unit_test(test_only_the_last_come_back),
	};

	return cmocka_run_group_tests(tests, start_eal, NULL);
}
