/*
 * Ids of 16 bits, used again only when nothing can refer to their former owner.
 *
 * Flows store the numbers of nexthops and sites. A number has no room for a generation. Its life
 * cycle:
 *
 *   free -> used -> retired -> free
 *
 * A number is retired when its owner is removed. Flows and packets in flight may still have it. It
 * is free again after three events, in this order:
 *
 *   1  ids_published(): all workers use a snapshot made after it was retired
 *   2  its rest is over: nothing outside of flows has it any more, such as packets that wait
 *      for fragments or in rings between workers; so no flow can take it any more
 *   3  a census that began after both has found no flow that has it
 *
 * The lowest free number is given first, so that arrays by number stay short.
 *
 * Control thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IDS_NONE = 0, /* never in use */
	IDS_WORDS = (UINT16_MAX + 1) / 64, /* 64-bit words of a bitmap of all numbers */
};

enum ids_state { IDS_FREE, IDS_USED, IDS_RETIRED };

struct ids;

/* For numbers from @first, at least 1, to @last. NULL if memory ran out. */
struct ids *ids_create(uint16_t first, uint16_t last);
void ids_destroy(struct ids *ids); /* NULL is fine */

/* Takes the lowest free number. IDS_NONE: exhausted. */
uint16_t ids_take(struct ids *ids);

/* Takes this number. False: it is not free, or out of range. */
bool ids_take_given(struct ids *ids, uint16_t id);

/* Frees a used number that no worker has ever seen, at once. */
void ids_give_back(struct ids *ids, uint16_t id);

/*
 * Retires a used number: no later snapshot may lead to it. It rests until @until_s at least, by the
 * clock of ids_census_begin().
 */
void ids_retire(struct ids *ids, uint16_t id, uint32_t until_s);

/*
 * The same of a number that no worker reads any more: what was published before leads nowhere to
 * it. No other publication has to follow before it is free again.
 */
void ids_retire_unread(struct ids *ids, uint16_t id, uint32_t until_s);

/*
 * To be called when all workers use a snapshot made after the last ids_retire(), and none from
 * before.
 */
void ids_published(struct ids *ids);

/*
 * ids_census_begin(): a census (worker/census.h) begins at @now_s. ids_census_end(): it has found
 * the numbers in the bitmap (ids_has()); returns how many numbers it freed. A census that is given
 * up is begun anew.
 */
void ids_census_begin(struct ids *ids, uint32_t now_s);
size_t ids_census_end(struct ids *ids, const uint64_t used[IDS_WORDS]);

/* Could a census that begins at @now_s free any number? */
bool ids_wants_census(const struct ids *ids, uint32_t now_s);

enum ids_state ids_state(const struct ids *ids, uint16_t id);

size_t ids_n_free(const struct ids *ids);
size_t ids_n_retired(const struct ids *ids);

/* The highest number that is used or retired: the bound of arrays. IDS_NONE: there is none. */
uint16_t ids_max(const struct ids *ids);

/* Is the number in the bitmap of a census? */
static inline bool ids_has(const uint64_t used[IDS_WORDS], uint16_t id)
{
	return used[id / 64] >> id % 64 & 1;
}

static inline void ids_mark(uint64_t used[IDS_WORDS], uint16_t id)
{
	used[id / 64] |= UINT64_C(1) << id % 64;
}
