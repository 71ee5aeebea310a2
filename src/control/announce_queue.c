/*
 * The queue of announcements: see announce_queue.h.
 *
 * All addresses have the same gaps between their announcements. So entries that move to the next
 * ring arrive there in the order of their time, and each ring is a plain FIFO.
 */
#include "control/announce_queue.h"

#include <errno.h>
#include <stdlib.h>

enum { ROOM_FIRST = 64 };

/* Gaps before the second and the third announcement. */
static const uint64_t gaps_ms[ANNOUNCE_TIMES] = {0, 1000, 2000};

static int announce_queue_grow(struct announce_ring *r)
{
	size_t room = r->room == 0 ? ROOM_FIRST : 2 * r->room;
	struct announce_entry *entries = calloc(room, sizeof(entries[0]));

	if (entries == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++)
		entries[i] = r->entries[(r->first + i) % r->room];
	free(r->entries);
	*r = (struct announce_ring){entries, 0, r->n, room};
	return 0;
}

static int announce_queue_push(struct announce_ring *r, const struct addr6 *addr, uint64_t due_ms)
{
	if (r->n == r->room && announce_queue_grow(r) != 0)
		return -ENOMEM;
	r->entries[(r->first + r->n++) % r->room] = (struct announce_entry){*addr, due_ms};
	return 0;
}

int announce_queue_add(struct announce_queue *q, const struct addr6 *addr, uint64_t now_ms)
{
	return announce_queue_push(&q->rings[0], addr, now_ms);
}

static bool pop(struct announce_ring *r, uint64_t now_ms, struct addr6 *addr)
{
	if (r->n == 0 || r->entries[r->first].due_ms > now_ms)
		return false;
	*addr = r->entries[r->first].addr;
	r->first = (r->first + 1) % r->room;
	r->n--;
	return true;
}

/* If memory runs out for the next announcement, this one was the last. */
bool announce_queue_take(struct announce_queue *q, uint64_t now_ms, struct addr6 *addr,
			 unsigned *nth)
{
	for (unsigned i = 0; i < ANNOUNCE_TIMES; i++) {
		if (!pop(&q->rings[i], now_ms, addr))
			continue;
		if (i + 1 < ANNOUNCE_TIMES)
			announce_queue_push(&q->rings[i + 1], addr, now_ms + gaps_ms[i + 1]);
		*nth = i;
		return true;
	}
	return false;
}

bool announce_queue_is_empty(const struct announce_queue *q)
{
	size_t n = 0;

	for (size_t i = 0; i < ANNOUNCE_TIMES; i++)
		n += q->rings[i].n;
	return n == 0;
}

void announce_queue_clear(struct announce_queue *q)
{
	for (size_t i = 0; i < ANNOUNCE_TIMES; i++)
		free(q->rings[i].entries);
	*q = (struct announce_queue){{{NULL, 0, 0, 0}}};
}
