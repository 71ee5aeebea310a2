/*
 * Packet buffers that an AF_XDP socket still holds when its port is closed at run time.
 *
 * DPDK's driver closes the socket and loses the buffers in its four rings: some 2,000 of the common
 * pool each time. A few returns of an interface would exhaust the pool. The rings are memory shared
 * with the kernel (Documentation/networking/af_xdp.rst). So we map them once more and read them
 * just before the socket is closed:
 *
 *   fill         given to the kernel, not yet taken     completion   sent, not yet taken back
 *   rx           received, not yet taken by a worker    tx           to be sent, not yet taken
 *
 * Buffers that the kernel itself holds at that moment are in none of the rings. Their number
 * follows from the rings' counts: what the kernel took from fill and did not deliver to rx, and
 * what it took from tx and did not deliver to completion. Those buffers are lost for good, and are
 * counted.
 *
 * The caller makes sure that no worker uses the rings and that the kernel delivers nothing more.
 *
 * Control thread.
 */
#include "control/port/port_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_xdp.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

enum {
	DESCRIPTORS_MAX = 4096,
	LINE_SIZE = 512,
	SENT_TRIES = 20,
	SENT_PAUSE_NS = 1000000,
};

enum ring_kind { RING_RX, RING_TX, RING_FILL, RING_COMPLETION, RING_KINDS };

static const struct {
	unsigned long long at; /* mmap() offset of the ring */
	size_t entry; /* bytes; each entry begins with the buffer's address */
} kinds[RING_KINDS] = {
	[RING_RX] = {XDP_PGOFF_RX_RING, sizeof(struct xdp_desc)},
	[RING_TX] = {XDP_PGOFF_TX_RING, sizeof(struct xdp_desc)},
	[RING_FILL] = {XDP_UMEM_PGOFF_FILL_RING, sizeof(uint64_t)},
	[RING_COMPLETION] = {XDP_UMEM_PGOFF_COMPLETION_RING, sizeof(uint64_t)},
};

struct ring {
	const uint8_t *map; /* NULL: not found */
	uint32_t entries; /* number of entries, a power of two */
	struct xdp_ring_offset at;
};

static bool is_af_xdp(int fd)
{
	int domain = 0;
	socklen_t len = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_XDP;
}

/* Are both the same socket, perhaps under different descriptors? */
static bool rings_is_same(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino;
}

static bool is_known(const struct port_set *set, int fd)
{
	for (size_t i = 0; i < set->n; i++)
		for (unsigned q = 0; q < set->ports[i].n_sockets; q++)
			if (rings_is_same(set->ports[i].sockets[q], fd))
				return true;
	return false;
}

int rings_find_socket(const struct port_set *set)
{
	int end = (int)sysconf(_SC_OPEN_MAX);

	end = end < DESCRIPTORS_MAX ? end : DESCRIPTORS_MAX;
	for (int fd = 0; fd < end; fd++)
		if (is_af_xdp(fd) && !is_known(set, fd))
			return fd;
	return -1;
}

static uint32_t count_at(const struct ring *ring, uint64_t at)
{
	return __atomic_load_n((const uint32_t *)(const void *)(ring->map + at), __ATOMIC_ACQUIRE);
}

static uint32_t written(const struct ring *ring)
{
	return count_at(ring, ring->at.producer);
}

static uint32_t taken(const struct ring *ring)
{
	return count_at(ring, ring->at.consumer);
}

void rings_close_strays(const struct port_set *set)
{
	int fd;

	while ((fd = rings_find_socket(set)) >= 0)
		close(fd);
}

/* The largest power of two of entries that fit into @bytes, which were rounded up to pages. */
static uint32_t entries_of(const struct ring *ring, enum ring_kind kind, size_t bytes)
{
	size_t fit = bytes > ring->at.desc ? (bytes - ring->at.desc) / kinds[kind].entry : 0;
	uint32_t n = 1;

	while (n <= fit / 2)
		n *= 2;
	return n;
}

/* One line of proc_pid_maps(5). */
static void take_mapping(struct ring rings[RING_KINDS], const char *line, unsigned long inode)
{
	unsigned long begin, end, number;
	unsigned long long at;

	if (sscanf(line, "%lx-%lx %*s %llx %*s %lu", &begin, &end, &at, &number) != 4 ||
	    number != inode || strstr(line, "socket:") == NULL)
		return;
	for (enum ring_kind k = 0; k < RING_KINDS; k++) {
		if (kinds[k].at != at)
			continue;
		rings[k].map = (const uint8_t *)begin;
		rings[k].entries = entries_of(&rings[k], k, end - begin);
	}
}

/* Where the driver has mapped the rings of socket @fd. False: some are missing. */
static bool find_all(struct ring rings[RING_KINDS], int fd)
{
	struct xdp_mmap_offsets at;
	socklen_t len = sizeof(at);
	struct stat st;
	char line[LINE_SIZE];
	FILE *maps;

	if (fstat(fd, &st) != 0 || getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &len) != 0 ||
	    len != sizeof(at))
		return false;
	rings[RING_RX].at = at.rx;
	rings[RING_TX].at = at.tx;
	rings[RING_FILL].at = at.fr;
	rings[RING_COMPLETION].at = at.cr;
	maps = fopen("/proc/self/maps", "re");
	if (maps == NULL)
		return false;
	while (fgets(line, sizeof(line), maps) != NULL)
		take_mapping(rings, line, st.st_ino);
	fclose(maps);
	for (enum ring_kind k = 0; k < RING_KINDS; k++)
		if (rings[k].map == NULL)
			return false;
	return true;
}

/* NULL: the address that the kernel gave is no buffer of @pool. */
static struct rte_mbuf *buffer_at(const struct rte_mempool *pool, uint64_t addr)
{
	const struct rte_mempool_memhdr *first = STAILQ_FIRST(&pool->mem_list);
	uintptr_t base = (uintptr_t)first->addr & ~((uintptr_t)getpagesize() - 1);
	struct rte_mbuf *m = (struct rte_mbuf *)(base + addr + pool->header_size);

	return m->pool == pool && rte_mbuf_refcnt_read(m) == 1 &&
			       (char *)m->buf_addr ==
				       (char *)m + sizeof(*m) +
					       rte_pktmbuf_priv_size((struct rte_mempool *)pool)
		       ? m
		       : NULL;
}

static unsigned give_back(const struct ring *ring, enum ring_kind kind,
			  const struct rte_mempool *pool)
{
	uint32_t from = taken(ring), to = written(ring);
	unsigned n = 0;

	if (to - from > ring->entries)
		return 0;
	for (uint32_t i = from; i != to; i++) {
		size_t at = ring->at.desc + (i & (ring->entries - 1)) * kinds[kind].entry;
		uint64_t addr;
		struct rte_mbuf *m;

		memcpy(&addr, ring->map + at, sizeof(addr));
		m = buffer_at(pool, addr & XSK_UNALIGNED_BUF_ADDR_MASK);
		if (m == NULL)
			continue;
		rte_pktmbuf_free(m);
		n++;
	}
	return n;
}

/* Waits for packets that are being sent: until then the kernel reads their buffers. */
static uint32_t await_sent(const struct ring *rings)
{
	const struct timespec pause = {.tv_nsec = SENT_PAUSE_NS};
	uint32_t left = 0;

	for (int i = 0; i < SENT_TRIES; i++) {
		left = taken(&rings[RING_TX]) - written(&rings[RING_COMPLETION]);
		if (left == 0)
			break;
		nanosleep(&pause, NULL);
	}
	return left;
}

unsigned rings_reclaim(int fd, const struct rte_mempool *pool, unsigned *lost)
{
	struct ring rings[RING_KINDS] = {0};
	unsigned n = 0;

	*lost = 0;
	if (fd < 0 || !find_all(rings, fd))
		return 0;
	*lost = await_sent(rings) + taken(&rings[RING_FILL]) - written(&rings[RING_RX]);
	for (enum ring_kind k = 0; k < RING_KINDS; k++)
		n += give_back(&rings[k], k, pool);
	return n;
}
