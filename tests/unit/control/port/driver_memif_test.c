/*
 * A memif port beside a worker that never rests: peers come and go in the middle of bursts, and one
 * breaks the protocol. The worker uses no queue whose memory is unmapped: that would end the test.
 */
#include "control/port/driver.h"
#include "control/port/memif.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

enum { PEERS = 12, BURST = 16, TURNS = 2000, POLLS = 100 /* before it looks */ };

static char folder[] = "/tmp/memif-port-XXXXXX";
static struct config_port port_config = {
	.name = "wan", .driver = PORT_MEMIF, .role = MEMIF_SERVER, .has_role = true, .line = 3};
static struct config config = {.workers = 2, .ports = &port_config, .n_ports = 1, .file = "file"};
static struct port port;
static struct port_set set = {.ports = &port, .n = 1, .config = &config, .peers = -1};

/* --- a worker --------------------------------------------------------------------------------- */

static struct worker_port published;
static uint32_t generation, taken; /* of what was published, and of what the worker has seen */
static bool stop;
static uint64_t worked; /* bursts that had packets */

static void poll_queue(struct memif_queue *q)
{
	struct rte_mbuf *m[BURST];
	uint16_t n = memif_receive(q, m, BURST), sent = memif_send(q, m, n);

	rte_pktmbuf_free_bulk(m + sent, (unsigned)(n - sent));
	__atomic_store_n(&worked, worked + (n > 0), __ATOMIC_RELAXED);
	if (n == 0)
		sched_yield();
}

static void *work(void *arg)
{
	struct worker_port mine = {.closed = true};

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		uint32_t now = __atomic_load_n(&generation, __ATOMIC_ACQUIRE);

		if (now != taken) {
			mine = published;
			__atomic_store_n(&taken, now, __ATOMIC_RELEASE);
		}
		for (uint16_t i = 0; i < POLLS * mine.n_queues && !mine.closed; i++)
			poll_queue(&mine.memif[i % mine.n_queues]);
		if (mine.closed)
			sched_yield();
	}
	return NULL;
}

/* Returns when the worker has taken the port as it is now. */
static void publish(void *arg)
{
	uint32_t now = generation + 1;

	published = port.worker;
	__atomic_store_n(&generation, now, __ATOMIC_RELEASE);
	while (__atomic_load_n(&taken, __ATOMIC_ACQUIRE) != now)
		usleep(10);
}

static void serve(void)
{
	driver_memif_serve(&set, &port, publish, NULL);
}

/* --- peers ------------------------------------------------------------------------------------ */

static struct memif *open_peer(void)
{
	const struct memif_settings settings = {
		.socket = port_config.socket,
		.slots = 64,
		.queues = 2,
		.frame = 1518,
		.pool = set.pool,
		.epoll = -1,
	};
	struct memif *peer = memif_open(&settings);

	assert_non_null(peer);
	for (int i = 0; i < TURNS && memif_state(peer) != MEMIF_CONNECTED; i++) {
		serve();
		memif_serve(peer);
	}
	serve();
	assert_int_equal(memif_state(peer), MEMIF_CONNECTED);
	assert_int_equal(port.state, PORT_UP);
	assert_false(port.worker.closed);
	return peer;
}

/* Sends frames, which the worker sends back, until some have come. */
static void exchange(struct memif *peer)
{
	uint16_t n;
	struct memif_queue *queues = memif_queues(peer, &n);
	unsigned back[2] = {0};

	assert_int_equal(n, 2);
	while (back[0] < 50 || back[1] < 50)
		for (uint16_t q = 0; q < n; q++) {
			struct rte_mbuf *m[BURST];
			uint16_t got;

			assert_int_equal(rte_pktmbuf_alloc_bulk(set.pool, m, BURST), 0);
			for (int i = 0; i < BURST; i++)
				rte_pktmbuf_append(m[i], 1000);
			got = memif_send(&queues[q], m, BURST);
			rte_pktmbuf_free_bulk(m + got, BURST - got);
			got = memif_receive(&queues[q], m, BURST);
			rte_pktmbuf_free_bulk(m, got);
			back[q] += got;
			sched_yield(); /* the worker may have to wait for this core */
		}
}

static void test_peers_come_and_go(void **state)
{
	for (int i = 0; i < PEERS; i++) {
		struct memif *peer = open_peer();
		uint16_t n;

		exchange(peer);
		if (i % 4 == 0) { /* it breaks the protocol; the worker gives up that ring */
			memif_queues(peer, &n)[0].tx.ring->head += 100;
			for (int turn = 0; turn < TURNS && memif_state(peer) != MEMIF_LEFT;
			     turn++) {
				serve();
				memif_serve(peer);
				usleep(100);
			}
			assert_int_equal(memif_state(peer), MEMIF_LEFT);
		}
		memif_close(peer);
		serve();
		assert_int_equal(port.state, PORT_DOWN);
		assert_true(port.worker.closed);
		assert_null(port.worker.memif);
		assert_non_null(strstr(port.reason, port_config.socket));
	}
	assert_in_range(worked, 1, UINT64_MAX);
}

/* --- start and end ---------------------------------------------------------------------------- */

static int open_port(struct err_list *errs)
{
	struct port_opening o = {
		.set = &set,
		.port = &port,
		.driver = driver_find(PORT_MEMIF),
		.n_queues = 2,
		.file = "file",
		.errs = errs,
	};

	port = (struct port){.config = &port_config, .lock = -1, .worker.closed = true};
	return driver_memif_prepare(&o) != 0 ? -1 : driver_memif_open(&o);
}

static void test_refusals(void **state)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct port first;

	assert_int_equal(open_port(&errs), 0);
	assert_int_equal(port.state, PORT_DOWN);
	first = port;
	assert_int_not_equal(open_port(&errs), 0);
	assert_non_null(strstr(errs.errs[0].text, "another program listens"));
	port = first;
	port_meter_close(&port);
	driver_memif_close(&port);
	err_list_fini(&errs);
}

static pthread_t thread;

static int start_worker(void **state)
{
	struct err_list errs = ERR_LIST_EMPTY;

	if (open_port(&errs) != 0)
		return -1;
	return pthread_create(&thread, NULL, work, NULL);
}

static int stop_worker(void **state)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	port_meter_close(&port);
	driver_memif_close(&port);
	return 0;
}

static int start(void **state)
{
	char *argv[] = {"memif_test",	  "--no-huge", "--no-pci", "--no-shconf",
			"--no-telemetry", "-m",	       "16",	   NULL};

	if (rte_eal_init(7, argv) < 0 || mkdtemp(folder) == NULL)
		return -1;
	snprintf(port_config.socket, sizeof(port_config.socket), "%s/socket", folder);
	set.pool = rte_pktmbuf_pool_create("test", 1023, 0, 0, RTE_PKTMBUF_HEADROOM + 2048,
					   SOCKET_ID_ANY);
	return set.pool != NULL ? 0 : -1;
}

static int end(void **state)
{
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test_setup_teardown(test_peers_come_and_go, start_worker, stop_worker),
	};

	return cmocka_run_group_tests(tests, start, end);
}
