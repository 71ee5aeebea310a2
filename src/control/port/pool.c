/*
 * Packet buffers: one pool for all ports, so that a packet leaves by any port without a copy.
 *
 * AF_XDP gives the pool's memory to the kernel, and the kernel writes frames straight into it.
 * DPDK's driver registers (number of buffers) x (size of a buffer) from the pool's first page on.
 * The kernel knows no more than that. It refuses every buffer behind it, on receive and on
 * transmit, without an error. A buffer must not cross a page either if a card reads it by DMA. The
 * layout depends on the page size:
 *
 *   no af_xdp port   buffers one behind the other
 *   huge pages       the same inside each page; the rest of a page stays empty, so the last buffers
 *                    lie behind what is registered: we keep those back
 *   ordinary pages   a buffer is one page, so that there are no gaps
 *
 * AF_XDP needs buffers of at most a page, with 256 bytes in front of the frame besides our own
 * headroom.
 *
 * Without reserved huge pages the memory is our own instead of DPDK's, so that it can be on
 * transparent ones. DPDK's is a file in memory, which has small pages: to touch each of them takes
 * half a second at the start, and packets miss the TLB.
 *
 * Control thread.
 */
#include "base/memory.h"
#include "control/port/port_internal.h"
#include "in/steer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

static_assert((int)STEER_RING == (int)POOL_DESCRIPTORS, "the steer program shares this ring");

enum {
	CACHE = 256, /* in the buffer cache of a worker */
	ROOM_MIN = 2048,
	HUGE_PAGE = 2 << 20, /* smallest size; a larger pool does not hold fewer buffers */
	KEPT_BACK_MAX = 8, /* at most one of this many buffers is kept back; more is an error */
};

/* How the buffers are laid out. */
struct layout {
	uint16_t room; /* data room of an mbuf */
	uint32_t size; /* of a buffer, with all headers */
	unsigned flags; /* of the pool */
	size_t bytes; /* of all buffers */
};

bool pool_suits_af_xdp(const struct config *config)
{
	for (size_t i = 0; i < config->n_ports; i++)
		if (config->ports[i].driver == PORT_AF_XDP)
			return true;
	return false;
}

uint32_t pool_more_queues(const struct config *config)
{
	uint32_t more = 0;

	for (size_t i = 0; i < config->n_ports; i++) {
		struct interface in;

		if (config->ports[i].driver == PORT_AF_XDP &&
		    interface_read(config->ports[i].interface, &in) == 0 &&
		    in.queues > config->workers && in.queues <= PORT_QUEUES_MAX)
			more += in.queues - config->workers;
	}
	return more;
}

uint32_t pool_buffers(const struct config *config)
{
	return config_buffers(config) +
	       pool_more_queues(config) * config_queue_buffers(PORT_AF_XDP);
}

static uint16_t data_room(uint32_t mtu)
{
	uint32_t room = POOL_XDP_HEADROOM + POOL_ETHERNET + mtu;

	return (uint16_t)(RTE_PKTMBUF_HEADROOM + (room < ROOM_MIN ? ROOM_MIN : room));
}

static uint32_t buffer_size(uint16_t room, unsigned flags)
{
	return rte_mempool_calc_obj_size(sizeof(struct rte_mbuf) + room, flags, NULL);
}

/* The data room that makes a buffer exactly one page. */
static uint16_t room_of_page(uint32_t page)
{
	uint32_t headers = buffer_size(0, RTE_MEMPOOL_F_NO_SPREAD);

	return (uint16_t)(page - headers);
}

static struct layout layout_of(const struct config *config, uint32_t mtu, bool huge)
{
	uint32_t page = (uint32_t)getpagesize(), n = pool_buffers(config);
	struct layout l = {.room = data_room(mtu)};

	l.size = buffer_size(l.room, 0);
	if (!pool_suits_af_xdp(config)) {
		l.flags = RTE_MEMPOOL_F_NO_IOVA_CONTIG;
		l.bytes = (size_t)n * l.size;
	} else if (huge) {
		uint32_t in_page = HUGE_PAGE / l.size;

		l.bytes = (size_t)((n + in_page - 1) / in_page) * HUGE_PAGE;
	} else if (l.size <= page) {
		l.flags = RTE_MEMPOOL_F_NO_SPREAD;
		l.room = room_of_page(page);
		l.size = page;
		l.bytes = ((size_t)n + 1) * page; /* the first buffer begins at a page */
	} else { /* no af_xdp port can open: driver_kernel.c refuses */
		l.bytes = (size_t)n * ((l.size + page - 1) / page * page);
	}
	return l;
}

size_t pool_bytes(const struct config *config, uint32_t mtu, bool huge)
{
	return layout_of(config, mtu, huge).bytes;
}

uint32_t pool_mtu_max_af_xdp(void)
{
	uint32_t mtu = POOL_FRAME_MAX;

	while (buffer_size(data_room(mtu), 0) > POOL_FRAME_MAX)
		mtu--;
	return mtu;
}

/* What the AF_XDP driver registers with the kernel: it does not check where the buffers are. */
static bool is_registered(const struct rte_mempool *pool, const void *object)
{
	const struct rte_mempool_memhdr *first = STAILQ_FIRST(&pool->mem_list);
	uintptr_t page = (uintptr_t)getpagesize(), begin = (uintptr_t)first->addr,
		  base = begin & ~(page - 1), at = (uintptr_t)object - pool->header_size;
	size_t size = rte_mempool_calc_obj_size(pool->elt_size, pool->flags, NULL),
	       bytes = pool->populated_size * size + (begin - base);

	return at >= base && at - base + size <= bytes;
}

/*
 * Takes the buffers that the kernel would refuse out of the pool and never puts them back. No
 * buffer is in use yet. 0 or -errno.
 */
static int keep_back(struct rte_mempool *pool)
{
	unsigned n = pool->populated_size, good = 0;
	void **objects = calloc(n, sizeof(objects[0]));
	int ret = objects == NULL ? -ENOMEM : rte_mempool_generic_get(pool, objects, n, NULL);

	if (ret == 0) {
		for (unsigned i = 0; i < n; i++)
			if (is_registered(pool, objects[i]))
				objects[good++] = objects[i];
		if (n - good > n / KEPT_BACK_MAX)
			ret = -ENOMEM; /* the memory is in many parts */
		rte_mempool_generic_put(pool, objects, good, NULL);
	}
	free(objects);
	return ret;
}

static void free_memory(struct rte_mempool_memhdr *part, void *opaque)
{
	memory_rows_free(part->addr, part->len);
}

/* 0 or -errno. */
static int populate_own(struct rte_mempool *pool, size_t bytes)
{
	void *mem = memory_rows(bytes);
	int ret;

	if (mem == NULL)
		return -ENOMEM;
	ret = rte_mempool_populate_virt(pool, mem, bytes, (size_t)getpagesize(), free_memory, NULL);
	if (ret <= 0) {
		memory_rows_free(mem, bytes);
		return ret < 0 ? ret : -ENOMEM;
	}
	return pool->populated_size < pool->size ? -ENOMEM : 0;
}

/* rte_pktmbuf_pool_create() with a layout. 0 or -errno. */
static int fill(struct rte_mempool *pool, const struct layout *l)
{
	struct rte_pktmbuf_pool_private private = {.mbuf_data_room_size = l->room};
	int ret = rte_mempool_set_ops_byname(pool, pool_note_ops(), NULL);

	if (ret != 0)
		return ret;
	rte_pktmbuf_pool_init(pool, &private);
	ret = rte_eal_has_hugepages() ? rte_mempool_populate_default(pool)
				      : populate_own(pool, l->bytes);
	if (ret < 0)
		return ret;
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return 0;
}

struct rte_mempool *pool_create(const struct config *config, uint32_t mtu)
{
	struct layout l = layout_of(config, mtu, rte_eal_has_hugepages());
	struct rte_mempool *pool = rte_mempool_create_empty(
		"packets", pool_buffers(config), (uint32_t)sizeof(struct rte_mbuf) + l.room, CACHE,
		sizeof(struct rte_pktmbuf_pool_private), SOCKET_ID_ANY, l.flags);
	int ret;

	if (pool == NULL)
		return NULL;
	ret = fill(pool, &l);
	if (ret == 0 && pool_suits_af_xdp(config))
		ret = keep_back(pool);
	if (ret != 0) {
		rte_mempool_free(pool);
		rte_errno = -ret;
		return NULL;
	}
	return pool;
}
