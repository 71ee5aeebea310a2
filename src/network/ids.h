/*
 * Numbers of 16 bits that are given again only when nobody can mean their former owner.
 *
 * Flows keep the numbers of nexthops and sites, and a number has room for no generation. A
 * number's life:
 *
 *   free -> used -> retired -> free
 *
 * It is retired when its owner is gone. Flows, and packets on their way, may have it for a while.
 * It is free again when three things have happened, in this order:
 *
 *   1  ids_published(): all workers read what was made after it was retired
 *   2  its rest is over: what kept it outside of flows has forgotten it, as do packets that wait
 *      for fragments or in rings between workers; so no flow takes it any more
 *   3  a census that began after both has looked at every flow and found none that has it
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
	IDS_NONE = 0, /* never given */
	IDS_WORDS = (UINT16_MAX + 1) / 64, /* of a bitmap of numbers */
};

enum ids_state { IDS_FREE, IDS_USED, IDS_RETIRED };

struct ids;

/* Numbers from @first, at least 1, to @last. NULL if memory ran out. */
struct ids *ids_create(uint16_t first, uint16_t last);
void ids_destroy(struct ids *ids); /* NULL is fine */

/* A free number; IDS_NONE: there is none left. */
uint16_t ids_take(struct ids *ids);

/* The same of one number. False: it is not free, or not one of these. */
bool ids_take_given(struct ids *ids, uint16_t id);

/* A used number that no worker has ever seen is free at once. */
void ids_give_back(struct ids *ids, uint16_t id);

/*
 * A used number has no owner any more: nothing that is published from now on leads to it. It rests
 * until @until_s at least, by the clock of ids_census_begin().
 */
void ids_retire(struct ids *ids, uint16_t id, uint32_t until_s);

/* All workers read what was made after the last ids_retire(), and nothing from before. */
void ids_published(struct ids *ids);

/*
 * A census (worker/census.h) begins at @now_s, and ends with the numbers that flows have:
 * ids_has(). One that is given up is begun anew. How many are free now that were not.
 */
void ids_census_begin(struct ids *ids, uint32_t now_s);
size_t ids_census_end(struct ids *ids, const uint64_t used[IDS_WORDS]);

/* Would a census that begins at @now_s free a number, if no flow has it? */
bool ids_wants_census(const struct ids *ids, uint32_t now_s);

enum ids_state ids_state(const struct ids *ids, uint16_t id);

size_t ids_n_free(const struct ids *ids);
size_t ids_n_retired(const struct ids *ids);

/* No number above it is used or retired; it bounds arrays. IDS_NONE: none is. */
uint16_t ids_max(const struct ids *ids);

/* The bit of a number in the bitmap of a census. */
static inline bool ids_has(const uint64_t used[IDS_WORDS], uint16_t id)
{
	return used[id / 64] >> id % 64 & 1;
}

static inline void ids_mark(uint64_t used[IDS_WORDS], uint16_t id)
{
	used[id / 64] |= UINT64_C(1) << id % 64;
}
