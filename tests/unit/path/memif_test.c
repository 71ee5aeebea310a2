/*
 * The rings of memif. Frames go from one end to the other unchanged, in each direction and with any
 * size of buffer. Whatever a peer writes into the shared memory, nothing outside of it is read or
 * written, and a ring that cannot be is not used again.
 *
 * The shared memory lies in front of a guard page: an access behind it ends the test.
 */
#include "path/memif.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

enum {
	SLOTS = 128,
	PAGE = 4096,
	RING = sizeof(struct memif_ring) + SLOTS * sizeof(struct memif_desc),
	BUFFERS = 2 * RING, /* offset */
	BURST = 160,
	ROUNDS = 10000,
	MEMORY = 140 * PAGE,
};

static struct rte_mempool *pool;
static uint8_t *guard; /* the page behind the shared memory */
static uint8_t *memory; /* what is shared */
static struct memif_queue server, client;

static struct memif_ring *ring_at(size_t offset)
{
	return (struct memif_ring *)(void *)(memory + offset);
}

/* Both ends of one queue; the client's buffers have @buffer bytes. */
static void connect_ends(uint32_t buffer)
{
	struct memif_ring *up, *down;
	size_t size = BUFFERS + (size_t)2 * SLOTS * buffer;

	/* it ends where the guard page begins */
	memory = guard - size;
	memset(memory, 0, size);
	up = ring_at(0);
	down = ring_at(RING);
	server = client = (struct memif_queue){
		.regions = {{memory, size}},
		.n_regions = 1,
		.pool = pool,
	};
	server.rx = (struct memif_way){.ring = up, .slots = SLOTS};
	server.tx = (struct memif_way){.ring = down, .slots = SLOTS};
	client.tx = (struct memif_way){
		.ring = up,
		.slots = SLOTS,
		.region = memory,
		.buffers = memory + BUFFERS,
		.buffer_size = buffer,
	};
	client.rx = client.tx;
	client.rx.ring = down;
	client.rx.buffers += (size_t)SLOTS * buffer;
	memif_offer_all(&client);
}

static int make_pool_and_memory(void **state)
{
	char *argv[] = {"memif_test",	  "--no-huge", "--no-pci", "--no-shconf",
			"--no-telemetry", "-m",	       "16",	   NULL};
	uint8_t *map;

	if (rte_eal_init(7, argv) < 0)
		return -1;
	pool = rte_pktmbuf_pool_create("test", 1023, 0, 0, RTE_PKTMBUF_HEADROOM + 2048,
				       SOCKET_ID_ANY);
	map = mmap(NULL, (size_t)(MEMORY + PAGE), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pool == NULL || map == MAP_FAILED)
		return -1;
	guard = map + MEMORY;
	return mprotect(map, MEMORY, PROT_READ | PROT_WRITE);
}

static struct rte_mbuf *make_frame(uint16_t len, uint8_t seed)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *data;

	assert_non_null(m);
	data = (uint8_t *)rte_pktmbuf_append(m, len);
	for (uint16_t i = 0; i < len; i++)
		data[i] = (uint8_t)(seed + i);
	return m;
}

static void check_frame(struct rte_mbuf *m, uint16_t len, uint8_t seed)
{
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);

	assert_int_equal(m->data_len, len);
	assert_int_equal(m->pkt_len, len);
	assert_int_equal(m->nb_segs, 1);
	for (uint16_t i = 0; i < len; i++)
		if (data[i] != (uint8_t)(seed + i))
			fail_msg("byte %u of %u is wrong", i, len);
}

/* One frame at a time, more often than the counters of the ring can count. */
static void check_direction(struct memif_queue *from, struct memif_queue *to, uint16_t len)
{
	for (uint32_t i = 0; i<70000; i += len> 600 ? 13 : 1) {
		struct rte_mbuf *m = make_frame(len, (uint8_t)i), *got[BURST];

		assert_int_equal(memif_send(from, &m, 1), 1);
		assert_int_equal(memif_receive(to, got, BURST), 1);
		check_frame(got[0], len, (uint8_t)i);
		rte_pktmbuf_free(got[0]);
	}
	assert_int_equal(from->tx.fault, MEMIF_SOUND);
	assert_int_equal(to->rx.fault, MEMIF_SOUND);
}

static void test_both_directions(void **state)
{
	connect_ends(2048);
	check_direction(&client, &server, 60);
	check_direction(&server, &client, 60);
	check_direction(&client, &server, 2048);
	check_direction(&server, &client, 2048);
	assert_int_equal(rte_mempool_avail_count(pool), 1023);
}

/* A frame that is longer than a buffer is in several. */
static void test_small_buffers(void **state)
{
	connect_ends(256);
	check_direction(&client, &server, 256);
	check_direction(&client, &server, 257);
	check_direction(&server, &client, 1500);
	check_direction(&client, &server, 2048);
	assert_int_equal(rte_mempool_avail_count(pool), 1023);
}

/* A full ring takes no more; the rest stays with the sender. */
static void check_full(struct memif_queue *from, struct memif_queue *to)
{
	struct rte_mbuf *burst[BURST], *got[BURST];
	uint16_t n;

	for (uint8_t i = 0; i < BURST; i++)
		burst[i] = make_frame(100, i);
	assert_int_equal(memif_send(from, burst, BURST), SLOTS);
	assert_int_equal(memif_send(from, burst + SLOTS, BURST - SLOTS), 0);
	n = memif_receive(to, got, 5);
	assert_int_equal(n, 5);
	assert_int_equal(memif_send(from, burst + SLOTS, BURST - SLOTS), 5);
	n += memif_receive(to, got + n, BURST);
	assert_int_equal(n, SLOTS + 5);
	for (uint8_t i = 0; i < n; i++)
		check_frame(got[i], 100, i);
	rte_pktmbuf_free_bulk(got, n);
	rte_pktmbuf_free_bulk(burst + n, BURST - n);
	assert_int_equal(to->rx.frames, n);
	assert_int_equal(from->tx.frames, n);
}

static void test_full_ring(void **state)
{
	connect_ends(256);
	check_full(&client, &server);
	check_full(&server, &client);
}

static void test_no_buffers(void **state)
{
	struct rte_mbuf *all[1023], *m = make_frame(60, 1), *got[BURST];

	connect_ends(256);
	assert_int_equal(memif_send(&client, &m, 1), 1);
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, all, 1023), 0);
	assert_int_equal(memif_receive(&server, got, BURST), 0);
	assert_int_equal(server.rx.no_buffer, 1);
	rte_pktmbuf_free_bulk(all, 1023);
	assert_int_equal(memif_receive(&server, got, BURST), 1); /* it has waited */
	check_frame(got[0], 60, 1);
	rte_pktmbuf_free(got[0]);
}

/* --- a hostile peer --------------------------------------------------------------------------- */

struct lie {
	const char *why;
	uint16_t head; /* frames that the client claims to have sent */
	struct memif_desc desc; /* in every slot */
	uint16_t received;
	enum memif_fault fault;
};

static const struct lie lies[] = {
	{"an honest one", 1, {0, 0, 60, BUFFERS, 0}, 1, MEMIF_SOUND},
	{"a frame that fills a packet buffer", 1, {0, 0, 2048, BUFFERS, 0}, 1, MEMIF_SOUND},
	{"more frames than slots", SLOTS + 1, {0, 0, 60, BUFFERS, 0}, 0, MEMIF_BAD_COUNT},
	{"backwards", UINT16_MAX, {0, 0, 60, BUFFERS, 0}, 0, MEMIF_BAD_COUNT},
	{"no such region", 1, {0, 1, 60, 0, 0}, 0, MEMIF_BAD_BUFFER},
	{"far from any region", 1, {0, UINT16_MAX, 60, 0, 0}, 0, MEMIF_BAD_BUFFER},
	{"it begins behind the region", 1, {0, 0, 0, UINT32_MAX, 0}, 0, MEMIF_BAD_BUFFER},
	{"it ends behind the region",
	 1,
	 {0, 0, 2048, BUFFERS + 2 * SLOTS * 256 - 2047, 0},
	 0,
	 MEMIF_BAD_BUFFER},
	{"its end overflows", 1, {0, 0, UINT32_MAX, BUFFERS, 0}, 0, MEMIF_BAD_BUFFER},
	{"a chain without an end", SLOTS, {MEMIF_DESC_NEXT, 0, 60, BUFFERS, 0}, 0, MEMIF_BAD_CHAIN},
	{"the same, of nothing", SLOTS, {MEMIF_DESC_NEXT, 0, 0, BUFFERS, 0}, 0, MEMIF_BAD_CHAIN},
	{"longer than a packet buffer", 3, {0, 0, 2049, BUFFERS, 0}, 0, MEMIF_SOUND},
	{"an empty frame", 1, {0, 0, 0, BUFFERS, 0}, 1, MEMIF_SOUND},
};

static void test_lies_to_the_server(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		const struct lie *lie = &lies[i];
		struct rte_mbuf *got[BURST];
		uint16_t n;

		connect_ends(256);
		for (unsigned s = 0; s < SLOTS; s++)
			ring_at(0)->desc[s] = lie->desc;
		ring_at(0)->head = lie->head;
		n = memif_receive(&server, got, BURST);
		rte_pktmbuf_free_bulk(got, n);
		if (n != lie->received || server.rx.fault != lie->fault)
			fail_msg("%s: %u frames, fault %d", lie->why, n, server.rx.fault);
		assert_int_equal(memif_receive(&server, got, BURST), 0);
		assert_int_equal(server.rx.too_long,
				 lie->received == 0 && lie->fault == MEMIF_SOUND ? 3 : 0);
		assert_int_equal(rte_mempool_avail_count(pool), 1023);
	}
}

/* The server is to write to buffers that the client names. */
static void test_lies_about_free_buffers(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		const struct lie *lie = &lies[i];
		struct rte_mbuf *m;
		uint16_t n;

		if (lie->fault == MEMIF_SOUND || lie->fault == MEMIF_BAD_CHAIN)
			continue;
		m = make_frame(200, 1);
		connect_ends(256);
		for (unsigned s = 0; s < SLOTS; s++)
			ring_at(RING)->desc[s] = lie->desc;
		ring_at(RING)->head = lie->head;
		n = memif_send(&server, &m, 1);
		if (n != 0 || server.tx.fault != lie->fault)
			fail_msg("%s: %u frames, fault %d", lie->why, n, server.tx.fault);
		ring_at(RING)->head = 1;
		assert_int_equal(memif_send(&server, &m, 1), 0);
		rte_pktmbuf_free(m);
	}
}

/* All regions are in use: the next number is that of none. */
static void test_last_region(void **state)
{
	struct rte_mbuf *got[BURST];

	for (uint16_t region = 2; region < 6; region++) {
		connect_ends(256);
		for (unsigned r = 1; r < MEMIF_REGIONS_MAX; r++)
			server.regions[r] = server.regions[0];
		server.n_regions = MEMIF_REGIONS_MAX;
		ring_at(0)->desc[0] = (struct memif_desc){0, region, 60, BUFFERS, 0};
		ring_at(0)->head = 1;
		assert_int_equal(memif_receive(&server, got, BURST), region < MEMIF_REGIONS_MAX);
		if (region < MEMIF_REGIONS_MAX)
			rte_pktmbuf_free(got[0]);
		assert_int_equal(server.rx.fault,
				 region < MEMIF_REGIONS_MAX ? MEMIF_SOUND : MEMIF_BAD_BUFFER);
	}
}

/* The work for a frame is bounded: it may be in so many buffers and not more. */
static void test_long_chains(void **state)
{
	for (uint16_t n = 64; n < 66; n++) {
		struct rte_mbuf *got[BURST];
		uint16_t taken;

		connect_ends(256);
		for (unsigned s = 0; s < n; s++)
			ring_at(0)->desc[s] = (struct memif_desc){s + 1 < n ? MEMIF_DESC_NEXT : 0,
								  0, 1, BUFFERS, 0};
		ring_at(0)->head = n;
		taken = memif_receive(&server, got, BURST);
		rte_pktmbuf_free_bulk(got, taken);
		assert_int_equal(taken, n == 64);
		assert_int_equal(server.rx.fault, n == 64 ? MEMIF_SOUND : MEMIF_BAD_CHAIN);
	}
}

static void test_buffers_of_nothing(void **state)
{
	struct rte_mbuf *m = make_frame(200, 1);

	connect_ends(256);
	for (unsigned s = 0; s < SLOTS; s++)
		ring_at(RING)->desc[s].length = 0;
	assert_int_equal(memif_send(&server, &m, 1), 0);
	assert_int_equal(server.tx.fault, MEMIF_BAD_BUFFER);
	rte_pktmbuf_free(m);
}

/* The client uses its own buffers, whatever the descriptors say. */
static void test_lies_to_the_client(void **state)
{
	struct rte_mbuf *m = make_frame(100, 7), *got[BURST];

	connect_ends(256);
	for (unsigned s = 0; s < SLOTS; s++)
		ring_at(RING)->desc[s] = (struct memif_desc){0, 99, 256, UINT32_MAX, 0};
	ring_at(RING)->tail = 3;
	assert_int_equal(memif_receive(&client, got, BURST), 3);
	rte_pktmbuf_free_bulk(got, 3);
	for (unsigned s = 0; s < SLOTS; s++)
		ring_at(0)->desc[s] = (struct memif_desc){0, 99, 0, UINT32_MAX, 0};
	assert_int_equal(memif_send(&client, &m, 1), 1);
	assert_int_equal(memif_receive(&server, got, BURST), 1);
	check_frame(got[0], 100, 7);
	rte_pktmbuf_free(got[0]);

	ring_at(RING)->desc[3].length = 257;
	ring_at(RING)->tail = 4;
	assert_int_equal(memif_receive(&client, got, BURST), 0);
	assert_int_equal(client.rx.fault, MEMIF_BAD_BUFFER);

	connect_ends(256);
	ring_at(RING)->tail = SLOTS + 1;
	assert_int_equal(memif_receive(&client, got, BURST), 0);
	assert_int_equal(client.rx.fault, MEMIF_BAD_COUNT);
	ring_at(0)->tail = 1; /* more than was sent */
	m = make_frame(100, 7);
	assert_int_equal(memif_send(&client, &m, 1), 0);
	assert_int_equal(client.tx.fault, MEMIF_BAD_COUNT);
	rte_pktmbuf_free(m);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Small values and boundaries are more likely than others. */
static uint32_t odd_number(uint32_t *state)
{
	static const uint32_t edges[] = {0,    1,	60,	    256,       2048,
					 2049, BUFFERS, UINT16_MAX, UINT32_MAX};
	uint32_t kind = next_random(state) % 4;

	return kind == 0   ? edges[next_random(state) % ARRAY_SIZE(edges)]
	       : kind == 1 ? next_random(state) % 64
	       : kind == 2 ? next_random(state) % MEMORY
			   : next_random(state) << 8;
}

static void scribble(uint32_t *state)
{
	for (int i = 0; i < 20; i++) {
		struct memif_ring *ring = ring_at(next_random(state) % 2 ? RING : 0);
		struct memif_desc *d = &ring->desc[next_random(state) % (SLOTS / 8)];

		d->flags = (uint16_t)(next_random(state) % 3);
		d->region = next_random(state) % 8 == 0;
		d->length = odd_number(state);
		d->offset = odd_number(state);
		if (next_random(state) % 2)
			ring->head = (uint16_t)(ring->head + odd_number(state) % (SLOTS + 2));
		else
			ring->tail = (uint16_t)(ring->tail + odd_number(state) % (SLOTS + 2));
	}
}

/* Both ends go on, or stop, and no packet buffer is lost. */
static void test_random_memory(void **state)
{
	unsigned faults = 0, frames = 0;

	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t random = round;
		struct memif_queue *ends[] = {&server, &client};

		connect_ends(256);
		for (unsigned i = 0; i < 8; i++) {
			struct memif_queue *q = ends[i % 2];
			struct rte_mbuf *got[BURST], *m = make_frame(300, (uint8_t)i);
			uint16_t n;

			scribble(&random);
			if (memif_send(q, &m, 1) == 0)
				rte_pktmbuf_free(m);
			scribble(&random);
			n = memif_receive(q, got, BURST);
			rte_pktmbuf_free_bulk(got, n);
			frames += n;
			faults += q->rx.fault != MEMIF_SOUND;
		}
	}
	assert_int_equal(rte_mempool_avail_count(pool), 1023);
	assert_in_range(faults, 1, UINT32_MAX);
	assert_in_range(frames, 1, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_directions),
		cmocka_unit_test(test_small_buffers),
		cmocka_unit_test(test_full_ring),
		cmocka_unit_test(test_no_buffers),
		cmocka_unit_test(test_lies_to_the_server),
		cmocka_unit_test(test_lies_about_free_buffers),
		cmocka_unit_test(test_last_region),
		cmocka_unit_test(test_long_chains),
		cmocka_unit_test(test_buffers_of_nothing),
		cmocka_unit_test(test_lies_to_the_client),
		cmocka_unit_test(test_random_memory),
	};

	return cmocka_run_group_tests(tests, make_pool_and_memory, NULL);
}
