/*
 * Big memory: see memory.h.
 *
 * A mapping is a multiple of 2 MiB. For transparent huge pages the start must be aligned, so we map
 * a page more than asked and give back both ends.
 */
#include "base/memory.h"

#include "base/cgroup.h"
#include "base/types.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_SIZE (UINT64_C(2) << 20)
#define SMALL_SIZE 4096
#define LARGE_ROWS (UINT64_C(256) << 10) /* from here on huge pages save more than they waste */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static size_t round_up(size_t size)
{
	return (size + HUGE_SIZE - 1) & ~(HUGE_SIZE - 1);
}

/* The number behind @name in /proc/meminfo; UINT64_MAX: not there. */
static uint64_t read_meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "re");
	uint64_t found = UINT64_MAX, value;
	char line[128], key[64];

	if (f == NULL)
		return found;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%63[^:]: %" SCNu64, key, &value) == 2 && strcmp(key, name) == 0)
			found = value;
	fclose(f);
	return found;
}

uint64_t memory_available(void)
{
	uint64_t kib = read_meminfo("MemAvailable"), groups = cgroup_memory_left("/proc/self");
	uint64_t machine = kib != UINT64_MAX ? kib * 1024 : kib;

	return groups < machine ? groups : machine;
}

uint64_t memory_huge_available(void)
{
	uint64_t pages = read_meminfo("HugePages_Free");

	/* memory_map() takes pages of 2 MiB only */
	if (pages == UINT64_MAX || read_meminfo("Hugepagesize") != HUGE_SIZE / 1024)
		return 0;
	return pages * HUGE_SIZE;
}

/* Keeps a reserve: what the kernel reports as available is an estimate. */
static bool machine_has(size_t size)
{
	uint64_t available = memory_available();

	return size <= available - available / 32;
}

/* @size is a multiple of 2 MiB. */
static void *map_aligned(size_t size, int flags)
{
	size_t all = size + HUGE_SIZE;
	uint8_t *mem, *raw = mmap(NULL, all, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (raw == MAP_FAILED)
		return NULL;
	mem = (uint8_t *)(((uintptr_t)raw + HUGE_SIZE - 1) & ~(uintptr_t)(HUGE_SIZE - 1));
	if (mem > raw)
		munmap(raw, (size_t)(mem - raw));
	if (raw + all > mem + size)
		munmap(mem + size, (size_t)(raw + all - (mem + size)));
	return mem;
}

static void *map_transparent(size_t size)
{
	void *mem;

	if (!machine_has(size)) {
		errno = ENOMEM;
		return NULL;
	}
	mem = map_aligned(size, 0);
	if (mem != NULL)
		madvise(mem, size, MADV_HUGEPAGE);
	return mem;
}

void *memory_reserve(size_t size)
{
	return map_aligned(round_up(size), MAP_NORESERVE);
}

void memory_settle(void *mem, size_t size, size_t used)
{
	madvise(mem, round_up(size), MADV_HUGEPAGE);
	madvise(mem, (used + SMALL_SIZE - 1) & ~(size_t)(SMALL_SIZE - 1), MADV_POPULATE_WRITE);
}

void *memory_rows(size_t size)
{
	void *mem = size < LARGE_ROWS ? memory_lines(size) : memory_reserve(size);

	if (mem != NULL && size >= LARGE_ROWS)
		memory_settle(mem, size, size);
	return mem;
}

void memory_rows_free(void *mem, size_t size)
{
	if (size < LARGE_ROWS)
		free(mem);
	else
		memory_unmap(mem, size);
}

static void touch(uint8_t *mem, size_t size)
{
	for (size_t i = 0; i < size; i += SMALL_SIZE)
		*(volatile uint8_t *)(mem + i) = 0;
}

/*
 * Reserved huge pages may be unusable, for instance if a control group has none left: touching one
 * raises SIGBUS. True also on kernels before 5.14, which cannot tell.
 */
static bool populate(void *mem, size_t size)
{
	return madvise(mem, size, MADV_POPULATE_WRITE) == 0 || errno == EINVAL;
}

void *memory_map(size_t size, enum memory_kind *kind)
{
	enum memory_kind got = MEMORY_HUGE;
	void *mem;

	size = round_up(size);
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (21 << MAP_HUGE_SHIFT), -1, 0);
	if (mem != MAP_FAILED && !populate(mem, size)) {
		munmap(mem, size);
		mem = MAP_FAILED;
	}
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

void *memory_lines(size_t size)
{
	size_t whole = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	void *mem = aligned_alloc(CACHE_LINE, whole);

	if (mem != NULL)
		memset(mem, 0, whole);
	return mem;
}
