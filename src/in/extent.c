/* Extent: see extent.h. Work is bounded by the fragment's length: one step for 512 bytes. */
#include "in/extent.h"

bool extent_is_sound(size_t at, size_t len, bool last)
{
	return len > 0 && at % EXTENT_UNIT == 0 && at + len <= EXTENT_PAYLOAD_MAX &&
	       (last || len % EXTENT_UNIT == 0);
}

/* The bits of word @word that stand for units @from up to, not including, @to. */
static uint64_t mask_of(size_t word, size_t from, size_t to)
{
	uint64_t mask = UINT64_MAX;

	if (from > word * 64)
		mask &= UINT64_MAX << (from - word * 64);
	if (to < (word + 1) * 64)
		mask &= UINT64_MAX >> ((word + 1) * 64 - to);
	return mask;
}

/* How many of the units have arrived: 0 none, 1 some, 2 all. */
static unsigned cover(const struct extent *e, size_t from, size_t to)
{
	bool some = false, all = true;

	for (size_t w = from / 64; w * 64 < to; w++) {
		uint64_t mask = mask_of(w, from, to);

		some = some || (e->units[w] & mask) != 0;
		all = all && (e->units[w] & mask) == mask;
	}
	return all ? 2 : some;
}

enum extent_verdict extent_add(struct extent *e, size_t at, size_t len, bool last)
{
	size_t from = at / EXTENT_UNIT, end = at + len, to = (end + EXTENT_UNIT - 1) / EXTENT_UNIT;
	unsigned covered = cover(e, from, to);

	if (covered == 2 && end <= e->end && (!last || end == e->total))
		return EXTENT_AGAIN;
	if (covered != 0 || (last && (e->total != 0 || end < e->end)) ||
	    (!last && e->total != 0 && end >= e->total))
		return EXTENT_CLASH;

	for (size_t w = from / 64; w * 64 < to; w++)
		e->units[w] |= mask_of(w, from, to);
	e->have += (uint32_t)len;
	e->end = end > e->end ? (uint32_t)end : e->end;
	if (last)
		e->total = (uint32_t)end;
	return EXTENT_NEW;
}
