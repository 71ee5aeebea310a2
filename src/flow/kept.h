/*
 * Kept records: the records of a table in a file, so that they outlive the process.
 *
 * The file is in a file system of memory (tmpfs or hugetlbfs). A table uses its records as it would
 * use any memory, so packets pay nothing. The next process reads them and puts those that are still
 * right into tables of its own (setup/adopt.h). The index is not kept: it is made from the records.
 *
 *   0        header: who wrote it, and how to read it
 *   2 MiB    records      [capacity]
 *            addresses    [capacity] of a table of IPv6 flows, at the next multiple of 2 MiB
 *
 * A process may be killed at any store. Then one record may be half written: readers check each.
 *
 * Control thread.
 */
#pragma once

#include "flow/flow6.h"

#include <stddef.h>

enum { KEPT_NAME_SIZE = 16 };

/* Who wrote the records. */
struct kept_writer {
	uint8_t secret[16]; /* of its tables: workers are chosen by hashes */
	uint64_t origin_ns; /* CLOCK_MONOTONIC when seen_s was 0 */
	uint32_t capacity; /* records */
	uint16_t worker, workers;
	bool six; /* of IPv6 flows */
};

/* Mapped records. Zeroed: none. */
struct kept {
	void *map;
	size_t size;
	struct flow *records;
	struct flow6 *six; /* NULL: IPv4 */
	uint32_t capacity;
};

/*
 * Makes the file @path, which must not exist, mode 0600, with zeroed records, all of whose memory
 * is there. 0 or -errno: -ENOMEM or -ENOSPC if there is not enough.
 */
int kept_create(struct kept *k, const char *path, const struct kept_writer *writer);

/* The records are written from now on: seconds count from @origin_ns. Accepts no records, too. */
void kept_begin(struct kept *k, uint64_t origin_ns);

/*
 * Maps what another process has written, for reading. 0; -ENOENT; -EBADMSG: it is no file of ours,
 * or cut; -ESTALE: its records have another layout, or the machine has been started since; or
 * another -errno.
 */
int kept_open(struct kept *k, const char *path, struct kept_writer *writer);

void kept_close(struct kept *k); /* the file stays */

/* Bytes of such a file. */
uint64_t kept_bytes(uint32_t capacity, bool six);

/*
 * Is @name that of a file of records, such as 4-0 or 6-12 (control/kept_flows.h)? Memory that all
 * of these take in @directory, bytes, also those of a start that has failed (new-4-0); 0: none.
 */
bool kept_is_name(const char *name);
uint64_t kept_held(const char *directory);

/*
 * Could a table have written @f? False for a free record, too. Says nothing about numbers of sites
 * and nexthops.
 */
bool kept_is_flow(const struct flow *f, const struct flow6 *six);
