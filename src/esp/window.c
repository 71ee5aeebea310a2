/*
 * The replay window.
 *
 * Bits of numbers between the newest one so far and a newer one are those of numbers that left the
 * ring. They are cleared by whole words as the window moves. So a window has exactly the size that
 * was asked for, and a packet that follows its predecessor costs one bit.
 */
#include "esp/window.h"

#include <string.h>

static uint64_t *word_of(const struct esp_window *w, uint64_t number)
{
	return &w->bits[number / 64 & (w->words - 1u)];
}

static uint64_t bit_of(uint64_t number)
{
	return UINT64_C(1) << (number & 63);
}

void esp_window_init(struct esp_window *w, uint64_t *bits, uint16_t size)
{
	w->newest = 0;
	w->size = size;
	w->words = esp_window_words(size);
	w->bits = bits;
	bits[0] = bit_of(0);
}

/*
 * A2.2: the number is the one that lies in the window or above it, within 2^32. Where the window
 * covers the end of a subspace, its lower part belongs to the one before.
 */
uint64_t esp_window_number(const struct esp_window *w, bool esn, uint32_t low)
{
	uint64_t high = w->newest >> 32;
	uint32_t top = (uint32_t)w->newest, bottom = top - w->size + 1u;

	if (!esn)
		return low;
	if (top >= w->size - 1u)
		return (low >= bottom ? high : high + 1) << 32 | low;
	if (low < bottom)
		return high << 32 | low;
	return high > 0 ? (high - 1) << 32 | low : 0;
}

bool esp_window_look(const struct esp_window *w, uint64_t number)
{
	if (number > w->newest)
		return true;
	return w->newest - number < w->size && (*word_of(w, number) & bit_of(number)) == 0;
}

/* Clears the bits of the numbers from @from to @to. */
static void clear(struct esp_window *w, uint64_t from, uint64_t to)
{
	if (to - from >= (uint64_t)w->words * 64 - 1) {
		memset(w->bits, 0, w->words * sizeof(w->bits[0]));
		return;
	}
	while (from <= to) {
		uint64_t left = to - from + 1, here = 64 - (from & 63);
		uint64_t n = left < here ? left : here;
		uint64_t mask = (n == 64 ? ~UINT64_C(0) : bit_of(n) - 1) << (from & 63);

		*word_of(w, from) &= ~mask;
		from += n;
	}
}

bool esp_window_move(struct esp_window *w, uint64_t number)
{
	if (!esp_window_look(w, number))
		return false;
	if (number > w->newest) {
		clear(w, w->newest + 1, number);
		__atomic_store_n(&w->newest, number, __ATOMIC_RELAXED); /* control reads it */
	}
	*word_of(w, number) |= bit_of(number);
	return true;
}
