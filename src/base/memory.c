/*
 * Big memory: see memory.h.
 *
 * A mapping is a multiple of 2 MiB. For transparent huge pages the start must be aligned, so we map
 * a page more than asked and give back both ends.
 */
#include "base/memory.h"

#include <stdint.h>
#include <sys/mman.h>

#define HUGE_SIZE (UINT64_C(2) << 20)
#define SMALL_SIZE 4096

static size_t round_up(size_t size)
{
	return (size + HUGE_SIZE - 1) & ~(HUGE_SIZE - 1);
}

static void *map_transparent(size_t size)
{
	size_t all = size + HUGE_SIZE;
	uint8_t *raw = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *mem;

	if (raw == MAP_FAILED)
		return NULL;

	mem = (uint8_t *)(((uintptr_t)raw + HUGE_SIZE - 1) & ~(uintptr_t)(HUGE_SIZE - 1));
	if (mem > raw)
		munmap(raw, mem - raw);
	if (raw + all > mem + size)
		munmap(mem + size, raw + all - (mem + size));
	madvise(mem, size, MADV_HUGEPAGE);
	return mem;
}

static void touch(uint8_t *mem, size_t size)
{
	for (size_t i = 0; i < size; i += SMALL_SIZE)
		*(volatile uint8_t *)(mem + i) = 0;
}

void *memory_map(size_t size, enum memory_kind *kind)
{
	enum memory_kind got = MEMORY_HUGE;
	void *mem;

	size = round_up(size);
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (21 << MAP_HUGE_SHIFT), -1, 0);
	if (mem == MAP_FAILED) {
		got = MEMORY_TRANSPARENT;
		mem = map_transparent(size);
		if (mem == NULL)
			return NULL;
	}
	touch(mem, size);
	if (kind != NULL)
		*kind = got;
	return mem;
}

void memory_unmap(void *mem, size_t size)
{
	if (mem != NULL)
		munmap(mem, round_up(size));
}
