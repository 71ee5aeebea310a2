/*
 * The memory that the two ends of a memif share.
 *
 * The client makes it: one region with all rings, and behind them a buffer for each slot of each
 * ring. It is a memory file that is sealed, so that neither end can make it smaller: access behind
 * its end would kill the process (SIGBUS).
 *
 * As the server we map what the client sends us. It must be such a file, with that seal, and as
 * large as the client says. Huge pages are refused: a peer can give their memory back under our
 * feet, and if no other page is free, the next access would kill us.
 *
 * Control thread.
 */
#include "control/port/memif_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

enum {
	BUFFER_MIN = 2048,
	BUFFER_STEP = 64,
};

/* offsets have 32 bits; and a peer must not make us use any amount */
#define MEMORY_MAX ((size_t)1 << 30)

static size_t ring_bytes(uint8_t log2_slots)
{
	return sizeof(struct memif_ring) + (sizeof(struct memif_desc) << log2_slots);
}

static size_t total(const struct memif_memory *mem)
{
	size_t sum = 0;

	for (uint32_t i = 0; i < mem->n_regions; i++)
		sum += mem->regions[i].size;
	return sum;
}

/* --- the server ------------------------------------------------------------------------------- */

static const char *check_file(int fd, uint64_t size)
{
	struct statfs fs;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return "the region is no memory file that is sealed against shrinking";
	if (fstatfs(fd, &fs) != 0 || fs.f_type == HUGETLBFS_MAGIC)
		return "the region has huge pages";
	if (fstat(fd, &st) != 0 || st.st_size < 0 || (uint64_t)st.st_size < size)
		return "the region is smaller than the peer says";
	return NULL;
}

const char *memif_memory_add_region(struct memif_memory *mem, uint16_t index, uint64_t size, int fd)
{
	const char *why;
	void *base;

	if (fd < 0)
		return "a region came without its descriptor";
	if (index != mem->n_regions || index >= MEMIF_REGIONS_MAX)
		return "the number of a region is wrong";
	if (size == 0 || size > MEMORY_MAX - total(mem))
		return "the regions are too large";
	why = check_file(fd, size);
	if (why != NULL)
		return why;
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return "the region can not be mapped";
	mem->regions[mem->n_regions++] = (struct memif_region){.base = base, .size = size};
	return NULL;
}

const char *memif_memory_add_ring(struct memif_memory *mem, const struct memif_message *message,
				  uint16_t max, uint8_t max_log2_slots)
{
	bool to_server = message->add_ring.flags & MEMIF_RING_TO_SERVER;
	uint16_t index = message->add_ring.index;
	struct memif_place *place;

	if (index >= max || index >= MEMIF_QUEUES_MAX)
		return "there are too many rings";
	place = to_server ? &mem->to_server[index] : &mem->to_client[index];
	if (place->there)
		return "a ring came twice";
	if (message->add_ring.log2_slots > max_log2_slots ||
	    message->add_ring.log2_slots < MEMIF_LOG2_SLOTS_MIN)
		return "a ring has a wrong size";
	*place = (struct memif_place){
		.there = true,
		.region = message->add_ring.region,
		.offset = message->add_ring.offset,
		.log2_slots = message->add_ring.log2_slots,
	};
	return NULL;
}

static bool fits(const struct memif_memory *mem, const struct memif_place *place)
{
	size_t bytes = ring_bytes(place->log2_slots), size;

	if (place->region >= mem->n_regions || place->offset % MEMIF_LINE != 0)
		return false;
	size = mem->regions[place->region].size;
	return place->offset <= size && bytes <= size - place->offset;
}

static struct memif_ring *ring_at(const struct memif_memory *mem, const struct memif_place *place)
{
	return (struct memif_ring *)(void *)(mem->regions[place->region].base + place->offset);
}

static struct memif_way way_of(const struct memif_memory *mem, const struct memif_place *place)
{
	return (struct memif_way){
		.ring = ring_at(mem, place),
		.slots = UINT32_C(1) << place->log2_slots,
	};
}

/* How many rings there are from number 0 on; -1: there are gaps. */
static int count_rings(const struct memif_place *places)
{
	int n = 0;

	while (n < MEMIF_QUEUES_MAX && places[n].there)
		n++;
	for (int i = n; i < MEMIF_QUEUES_MAX; i++)
		if (places[i].there)
			return -1;
	return n;
}

static const char *check_rings(struct memif_memory *mem)
{
	int n = count_rings(mem->to_server);

	if (n <= 0 || n != count_rings(mem->to_client))
		return "there must be as many rings in one direction as in the other";
	mem->n = (uint16_t)n;
	for (int i = 0; i < n; i++) {
		if (!fits(mem, &mem->to_server[i]) || !fits(mem, &mem->to_client[i]))
			return "a ring is outside of its region";
		if (ring_at(mem, &mem->to_server[i])->cookie != MEMIF_COOKIE ||
		    ring_at(mem, &mem->to_client[i])->cookie != MEMIF_COOKIE)
			return "a ring has not been made";
	}
	return NULL;
}

/* Queues with all that server and client have in common. */
static const char *make_queues(struct memif_memory *mem, struct rte_mempool *pool)
{
	mem->queues = aligned_alloc(MEMIF_LINE, mem->n * sizeof(mem->queues[0]));
	if (mem->queues == NULL)
		return "there is no memory";
	for (uint16_t i = 0; i < mem->n; i++) {
		struct memif_queue *q = &mem->queues[i];

		*q = (struct memif_queue){.n_regions = mem->n_regions, .pool = pool};
		memcpy(q->regions, mem->regions, sizeof(q->regions));
	}
	return NULL;
}

const char *memif_memory_take(struct memif_memory *mem, struct rte_mempool *pool)
{
	const char *why = check_rings(mem);

	if (why == NULL)
		why = make_queues(mem, pool);
	for (uint16_t i = 0; i < mem->n && why == NULL; i++) {
		struct memif_queue *q = &mem->queues[i];

		q->rx = way_of(mem, &mem->to_server[i]);
		q->tx = way_of(mem, &mem->to_client[i]);
		__atomic_store_n(&q->rx.ring->tail, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&q->tx.ring->tail, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&q->rx.ring->flags, MEMIF_RING_QUIET, __ATOMIC_RELAXED);
	}
	return why;
}

/* --- the client ------------------------------------------------------------------------------- */

/* Region 0 is made, empty and sealed. */
static const char *make_region(struct memif_memory *mem, size_t size)
{
	void *base;

	mem->fd = memfd_create("homeward memif", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (mem->fd < 0 || ftruncate(mem->fd, (off_t)size) != 0 ||
	    fcntl(mem->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		return "there is no memory to share";
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, mem->fd, 0);
	if (base == MAP_FAILED)
		return "there is no memory to share";
	mem->regions[0] = (struct memif_region){.base = base, .size = size};
	mem->n_regions = 1;
	return NULL;
}

/* Ring number @i of all; those to the server come first, and so do their buffers. */
static struct memif_way own_way(struct memif_memory *mem, struct memif_place *place, uint16_t i,
				uint8_t log2_slots)
{
	size_t buffers = (size_t)i << log2_slots;
	struct memif_way way;

	*place = (struct memif_place){
		.there = true,
		.offset = (uint32_t)(i * ring_bytes(log2_slots)),
		.log2_slots = log2_slots,
	};
	way = way_of(mem, place);
	way.ring->cookie = MEMIF_COOKIE;
	way.region = mem->regions[0].base;
	way.buffers = way.region + mem->buffers + buffers * mem->buffer_size;
	way.buffer_size = mem->buffer_size;
	return way;
}

const char *memif_memory_make(struct memif_memory *mem, uint16_t n, uint8_t log2_slots,
			      uint32_t frame, struct rte_mempool *pool)
{
	size_t size;
	const char *why;

	mem->n = n;
	mem->buffer_size = (frame + BUFFER_STEP - 1) / BUFFER_STEP * BUFFER_STEP;
	if (mem->buffer_size < BUFFER_MIN)
		mem->buffer_size = BUFFER_MIN;
	do {
		mem->buffers = (uint32_t)(2 * n * ring_bytes(log2_slots));
		size = mem->buffers + ((size_t)2 * n * mem->buffer_size << log2_slots);
	} while (size > MEMORY_MAX && log2_slots-- > MEMIF_LOG2_SLOTS_MIN);

	why = make_region(mem, size);
	if (why == NULL)
		why = make_queues(mem, pool);
	for (uint16_t i = 0; i < n && why == NULL; i++) {
		struct memif_queue *q = &mem->queues[i];

		q->tx = own_way(mem, &mem->to_server[i], i, log2_slots);
		q->rx = own_way(mem, &mem->to_client[i], (uint16_t)(n + i), log2_slots);
		q->rx.ring->flags = MEMIF_RING_QUIET;
	}
	return why;
}

void memif_memory_free(struct memif_memory *mem)
{
	for (uint32_t i = 0; i < mem->n_regions; i++)
		munmap(mem->regions[i].base, mem->regions[i].size);
	if (mem->fd >= 0)
		close(mem->fd);
	free(mem->queues);
	*mem = (struct memif_memory){.fd = -1};
}
