/*
 * Private to control/kernel/: which neighbours we ask the kernel to resolve.
 *
 * The kernel's neighbour table is small (1,024 entries by default), and an entry that nobody
 * answers takes as much room as one in use. So only some addresses are resolved at a time on behalf
 * of sites. When several sites want entries, each may use only its share. An address that was not
 * found is removed from the kernel's table, and is not asked for again for a while.
 *
 * No sockets and no clock here.
 */
#pragma once

#include "base/addr6.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* at once; stays below gc_thresh1, from which the kernel collects garbage */
	ASKING_MAX = 96,
	ASKING_SITE_MAX = 24, /* at once for one site */
	ASKING_MS = 3500, /* the kernel gives up after three requests, a second apart */
	ASKING_MISSED_MAX = 4096, /* addresses remembered as not found; a power of two */
	ASKING_MISSED_MS = 10000,
};

struct asking_row {
	struct addr6 addr;
	uint64_t until_ms;
	uint16_t site;
	uint8_t port;
};

struct asking {
	struct asking_row rows[ASKING_MAX]; /* oldest first */
	size_t n;
	/* hash table; a later entry overwrites an earlier one */
	struct asking_row missed[ASKING_MISSED_MAX];
	uint64_t multiplier; /* of the hash; odd, random */
	uint64_t refused; /* refused requests: too many at once, or not found recently */
};

void asking_init(struct asking *a);

/*
 * A site wants the neighbour. True: the kernel must be asked for it. @gone: an entry that was
 * removed to make room, which the kernel must forget; its until_ms is 0 if there is none.
 */
bool asking_want(struct asking *a, uint8_t port, uint16_t site, const struct addr6 *addr,
		 uint64_t now_ms, struct asking_row *gone);

/* Row @i was found: removes it. */
void asking_found(struct asking *a, size_t i);

/*
 * Moves the oldest row whose time is over to the addresses that were not found. False: there is
 * none.
 */
bool asking_give_up(struct asking *a, uint64_t now_ms, struct asking_row *gone);

/* The address answered: it no longer counts as not found. */
void asking_heard(struct asking *a, uint8_t port, const struct addr6 *addr);
