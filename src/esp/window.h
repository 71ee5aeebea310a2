/*
 * The replay window of an inbound SA (RFC 4303 section 3.4.3), and the high half of extended
 * sequence numbers (appendix A2).
 *
 * A ring of bits, one for each number, a power of two of them and at least as many as the window
 * has packets. The window begins with number 0 seen, which is never sent.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct esp_window {
	uint64_t newest; /* the largest number accepted so far */
	uint16_t size; /* packets */
	uint16_t words; /* of bits; a power of two */
	uint64_t *bits; /* [words]: number n is bit n modulo all bits */
};

/* How many words of bits a window of @size packets needs. */
static inline uint16_t esp_window_words(uint16_t size)
{
	uint16_t words = 1;

	while (words * 64 < size)
		words = (uint16_t)(words * 2);
	return words;
}

/* @bits are zero. */
void esp_window_init(struct esp_window *w, uint64_t *bits, uint16_t size);

/* The whole number of a packet whose header has @low. 0: there is none. */
uint64_t esp_window_number(const struct esp_window *w, bool esn, uint32_t low);

/* May a packet with @number be new? */
bool esp_window_look(const struct esp_window *w, uint64_t number);

bool esp_window_move(struct esp_window *w, uint64_t number); /* what esp_window_set() leaves */

/* Marks @number as seen; the window moves up to it. False: it was seen, or is too old. */
static inline bool esp_window_set(struct esp_window *w, uint64_t number)
{
	if (number != w->newest + 1)
		return esp_window_move(w, number);
	/* the usual case: only its own bit is that of a number which leaves the ring */
	w->bits[number / 64 & (w->words - 1u)] |= UINT64_C(1) << (number & 63);
	__atomic_store_n(&w->newest, number, __ATOMIC_RELAXED); /* control reads it */
	return true;
}
