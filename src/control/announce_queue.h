/*
 * Private to announce.c: which address is announced next, and when. Each is announced
 * ANNOUNCE_TIMES times with growing gaps, since a lost frame is not reported. Addresses that wait
 * for their first announcement go first.
 *
 * Control thread.
 */
#pragma once

#include "base/addr6.h"

#include <stddef.h>

enum { ANNOUNCE_TIMES = 3 };

struct announce_queue {
	struct announce_ring {
		struct announce_entry {
			struct addr6 addr;
			uint64_t due_ms;
		} * entries;
		size_t first, n, room;
	} rings[ANNOUNCE_TIMES]; /* by the number of announcements so far */
};

/* 0 or -ENOMEM. */
int announce_queue_add(struct announce_queue *q, const struct addr6 *addr, uint64_t now_ms);

/* Takes the next address whose time has come; @nth: from 0. False: none is due. */
bool announce_queue_take(struct announce_queue *q, uint64_t now_ms, struct addr6 *addr,
			 unsigned *nth);

bool announce_queue_is_empty(const struct announce_queue *q);
void announce_queue_clear(struct announce_queue *q); /* frees all; accepts a zeroed queue */
