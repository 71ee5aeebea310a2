/*
 * The nearest known word, by edit distance.
 *
 * Counts insertions, deletions, substitutions and swaps of neighbours as one each (optimal string
 * alignment): the slips of a typing hand. A word is near if at most a third of its letters, and
 * always one, are wrong; a guess further off would confuse more than help.
 *
 * Words longer than WORD_MAX are compared by their first letters: the work is bounded whatever
 * anybody types.
 */
#include "base/nearest.h"

#include <string.h>

enum { WORD_MAX = 64 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

static unsigned edit_distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1]; /* the row being filled and the two before it */
	size_t na = strnlen(a, WORD_MAX), nb = strnlen(b, WORD_MAX);

	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned other = a[i - 1] != b[j - 1];

			row[j] = min3(up[j] + 1, row[j - 1] + 1, up[j - 1] + other);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    up2[j - 2] + 1 < row[j])
				row[j] = up2[j - 2] + 1;
		}
	}
	return rows[na % 3][nb];
}

struct nearest nearest_begin(const char *word)
{
	unsigned third = strnlen(word, WORD_MAX) / 3;

	return (struct nearest){.word = word, .distance = (third > 0 ? third : 1) + 1};
}

void nearest_offer(struct nearest *n, const char *known)
{
	size_t word_len = strnlen(n->word, WORD_MAX), len = strnlen(known, WORD_MAX);
	unsigned distance;

	if ((word_len > len ? word_len - len : len - word_len) >= n->distance)
		return; /* so many letters more or fewer: no need to look */
	distance = edit_distance(n->word, known);
	if (distance < n->distance) {
		n->distance = distance;
		n->best = known;
	}
}
