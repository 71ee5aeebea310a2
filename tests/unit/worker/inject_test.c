/*
 * The ring between two threads: every packet arrives once, unchanged and in order, while the ring
 * runs full and empty and buffers run out.
 */
#include "stage.h"

#include "base/wire.h"
#include "worker/inject.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

enum { PACKETS = 20000, LEN_LEAST = 40, HELD = 3000 };

static size_t len_of(uint32_t number)
{
	return LEN_LEAST + number % (INJECT_MAX - LEN_LEAST + 1);
}

static void make(uint32_t number, uint8_t bytes[INJECT_MAX])
{
	memset(bytes, (int)(number & 0xff), INJECT_MAX);
	bytes[0] = 0x45;
	memcpy(bytes + 20, &number, sizeof(number));
}

static void *write_all(void *arg)
{
	struct inject *in = arg;
	uint8_t bytes[INJECT_MAX];

	for (uint32_t i = 0; i < PACKETS; i++) {
		make(i, bytes);
		while (!inject_put(in, INJECT_FRAME, PORT_UPLINK, bytes, len_of(i)))
			sched_yield();
	}
	return NULL;
}

static void check(const struct packet *p, uint32_t number)
{
	uint8_t bytes[INJECT_MAX];

	make(number, bytes);
	assert_int_equal(p->len, len_of(number));
	assert_memory_equal(p->data, bytes, p->len);
	assert_int_equal(p->out_port, PORT_UPLINK);
}

static void test_two_threads(void **state)
{
	struct stage_bench *b = bench_create(2048, 64, 0, 1);
	struct inject *in = inject_create();
	static struct rte_mbuf *held[HELD];
	unsigned n_held = 0;
	uint32_t number = 0;
	pthread_t writer;

	assert_non_null(in);
	assert_int_equal(pthread_create(&writer, NULL, write_all, in), 0);
	while (number < PACKETS) {
		unsigned n;

		memset(b->burst.n, 0, sizeof(b->burst.n));
		n = inject_take(in, &b->ctx, &b->burst);
		assert_int_equal(b->burst.n[STAGE_TRANSMIT], n);
		for (unsigned i = 0; i < n; i++) {
			check(b->burst.list[STAGE_TRANSMIT][i], number++);
			held[n_held++] = b->burst.list[STAGE_TRANSMIT][i]->mbuf;
		}
		if (n == 0 && inject_is_there(in)) { /* no buffers: as if a port held them */
			rte_pktmbuf_free_bulk(held, n_held);
			n_held = 0;
		}
	}
	pthread_join(writer, NULL);
	rte_pktmbuf_free_bulk(held, n_held);
	assert_false(inject_is_there(in));
	assert_int_equal(b->ctx.counters.injected, PACKETS);
	inject_destroy(in);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_two_threads)};

	return cmocka_run_group_tests_name("worker/inject", tests, bench_start_dpdk,
					   bench_stop_dpdk);
}
