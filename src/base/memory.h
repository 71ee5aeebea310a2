/*
 * Big memory: tables that are allocated once at start and used until the end.
 *
 * Reserved huge pages if they suffice, else transparent ones, else small pages. Every page is
 * touched before this returns: a first touch costs far more than a packet may wait for.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum memory_kind {
	MEMORY_HUGE, /* reserved huge pages */
	MEMORY_TRANSPARENT, /* asked for with madvise(2) */
};

/*
 * Zeroed, aligned to 2 MiB. NULL with errno: ENOMEM also if the machine has not that much memory
 * available, since the kernel would kill a process when the pages are touched. @kind may be NULL.
 */
void *memory_map(size_t size, enum memory_kind *kind);
void memory_unmap(void *mem, size_t size); /* NULL is fine */

/*
 * For rows by id: zeroed, aligned to 2 MiB, and a page costs nothing until it is used. NULL if
 * memory ran out. memory_unmap() ends it.
 */
void *memory_reserve(size_t size);

/*
 * Puts @size bytes from the start of reserved memory on transparent huge pages, and makes those of
 * the first @used bytes now. What was written stays, and other threads may use the memory
 * meanwhile. If the machine has no huge pages, they are small.
 */
void memory_settle(void *mem, size_t size, size_t used);

/* Zeroed, on cache lines of its own; a large table has transparent huge pages. NULL: none left. */
void *memory_rows(size_t size);
void memory_rows_free(void *mem, size_t size); /* NULL is fine */

/*
 * Bytes that are available without swapping and that the control groups of this process allow;
 * UINT64_MAX: unknown.
 */
uint64_t memory_available(void); /* small pages */
uint64_t memory_huge_available(void); /* reserved huge pages that nobody uses */

/*
 * Zeroed, on cache lines of its own, so that two threads never write to the same line. free() ends
 * it. NULL if memory ran out.
 */
void *memory_lines(size_t size);
