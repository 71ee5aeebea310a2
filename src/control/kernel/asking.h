/*
 * Private to control/kernel/: which neighbours the kernel is asked to look for.
 *
 * The kernel's table of neighbours is small (1,024 by default), and a row that nobody answers takes
 * a place in it as one that is in use does. So on behalf of sites only some are looked for at a
 * time, a site may take up its part of them and no more where others want some, what is not found
 * is taken out of the kernel's table again, and is not asked for again for a while.
 *
 * No sockets and no clock here.
 */
#pragma once

#include "base/addr6.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ASKING_MAX = 96, /* at once: less than the kernel keeps without a question (gc_thresh1) */
	ASKING_SITE_MAX = 24, /* of one site */
	ASKING_MS = 3500, /* the kernel gives up after three requests, a second apart */
	ASKING_MISSED_MAX = 4096, /* remembered; a power of two */
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
	struct asking_row missed[ASKING_MISSED_MAX]; /* by a hash: a later one takes the place */
	uint64_t multiplier; /* odd, random: of that hash */
	uint64_t refused; /* wishes: too many at once, or missed lately */
};

void asking_init(struct asking *a);

/*
 * A site wants the neighbour. True: the kernel is to be asked for it. @gone: one that made room for
 * it and is to be forgotten by the kernel; its until_ms is 0 if there is none.
 */
bool asking_want(struct asking *a, uint8_t port, uint16_t site, const struct addr6 *addr,
		 uint64_t now_ms, struct asking_row *gone);

/* Found: row @i is done. */
void asking_found(struct asking *a, size_t i);

/* The oldest one whose time is over goes among the missed. False: there is none. */
bool asking_give_up(struct asking *a, uint64_t now_ms, struct asking_row *gone);

/* Somebody is there after all. */
void asking_heard(struct asking *a, uint8_t port, const struct addr6 *addr);
