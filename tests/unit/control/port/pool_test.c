/*
 * Packet buffers without reserved huge pages: all are registered with the kernel, none crosses a
 * page, and their memory can be on transparent huge pages.
 */
#include "control/port/port_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

enum { PAGE = 4096, HUGE_PAGE = 2 << 20 };

static const struct row {
	const char *why;
	enum port_driver driver; /* of the first port; the second is a memory port */
	uint32_t workers, mtu;
} rows[] = {
	{"one worker", PORT_AF_XDP, 1, 1500},
	{"buffers change workers", PORT_AF_XDP, 4, 1500},
	{"the largest MTU", PORT_AF_XDP, 2, 3400},
	{"a small MTU takes no less", PORT_AF_XDP, 1, 576},
	{"the kernel does not see them", PORT_AF_PACKET, 2, 1500},
	{"larger than a page", PORT_AF_PACKET, 1, 9000},
};

static struct config_port ports[2];

static struct config make_config(const struct row *row)
{
	ports[0].driver = row->driver;
	ports[1].driver = PORT_MEMORY;
	return (struct config){.ports = ports, .n_ports = 2, .workers = row->workers};
}

/* As DPDK's AF_XDP driver computes it (drivers/net/af_xdp of 22.11: from the first page on). */
static bool driver_registers(const struct rte_mempool *pool, const char *begin, const char *end)
{
	const char *memory = STAILQ_FIRST(&pool->mem_list)->addr;
	const char *base = memory - (uintptr_t)memory % PAGE;
	size_t frame = rte_mempool_calc_obj_size(pool->elt_size, pool->flags, NULL);

	return begin >= base && end <= memory + (size_t)pool->populated_size * frame;
}

static void check_buffers(struct rte_mempool *pool, const struct row *row)
{
	unsigned n = rte_mempool_avail_count(pool);
	void **all = calloc(n, sizeof(all[0]));
	size_t frame = rte_mempool_calc_obj_size(pool->elt_size, pool->flags, NULL);

	assert_non_null(all);
	assert_int_equal(rte_mempool_generic_get(pool, all, n, NULL), 0);
	for (unsigned i = 0; i < n && row->driver == PORT_AF_XDP; i++) {
		const char *begin = (char *)all[i] - pool->header_size, *end = begin + frame;

		if (!driver_registers(pool, begin, end) ||
		    (uintptr_t)begin / PAGE != (uintptr_t)(end - 1) / PAGE)
			fail_msg("%s: buffer %u of %u is not for the kernel", row->why, i, n);
	}
	rte_mempool_generic_put(pool, all, n, NULL);
	free(all);
}

static void test_kernel_knows_every_buffer(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config config = make_config(&rows[i]);
		struct rte_mempool *pool = pool_create(&config, rows[i].mtu);

		if (pool == NULL)
			fail_msg("%s: no pool", rows[i].why);
		assert_in_range(rte_mempool_avail_count(pool), config_buffers(&config) - 1,
				config_buffers(&config));
		assert_in_range(rte_pktmbuf_data_room_size(pool), rows[i].mtu, UINT16_MAX);
		check_buffers(pool, &rows[i]);
		rte_mempool_free(pool);
	}
}

/* The pool takes as much memory as was checked at the start. */
static void test_bytes_are_those_it_takes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config config = make_config(&rows[i]);
		struct rte_mempool *pool = pool_create(&config, rows[i].mtu);
		size_t taken = 0;

		assert_non_null(pool);
		for (struct rte_mempool_memhdr *m = STAILQ_FIRST(&pool->mem_list); m != NULL;
		     m = STAILQ_NEXT(m, next))
			taken += m->len;
		assert_in_range(pool_bytes(&config, rows[i].mtu, false), taken, taken + PAGE);
		rte_mempool_free(pool);
	}
}

/* One part, which begins where a transparent huge page can: all of it is on them. */
static void test_memory_suits_huge_pages(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config config = make_config(&rows[i]);
		struct rte_mempool *pool = pool_create(&config, rows[i].mtu);

		assert_non_null(pool);
		assert_int_equal(pool->nb_mem_chunks, 1);
		assert_int_equal((uintptr_t)STAILQ_FIRST(&pool->mem_list)->addr % HUGE_PAGE, 0);
		rte_mempool_free(pool);
	}
}

static int start_eal(void **state)
{
	char *argv[] = {"pool_test", "--no-huge", "--no-shconf",    "--no-pci",
			"-m",	     "512",	  "--log-level",    "*:error",
			"-l",	     "0",	  "--no-telemetry", NULL};

	return rte_eal_init(ARRAY_SIZE(argv) - 1, argv) < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel_knows_every_buffer),
		cmocka_unit_test(test_bytes_are_those_it_takes),
		cmocka_unit_test(test_memory_suits_huge_pages),
	};

	return cmocka_run_group_tests(tests, start_eal, NULL);
}
