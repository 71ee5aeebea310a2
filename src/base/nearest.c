/*
 * The nearest known word, by edit distance.
 *
 * Counts insertions, deletions, substitutions and swaps of neighbours as one each (optimal string
 * alignment): the common typing errors. A word is near if at most a third of its letters are
 * wrong; one wrong letter is always near. A worse guess would confuse more than help.
 *
 * The work is bounded for any input and any number of known words: words longer than WORD_MAX are
 * compared by their first letters, a word is abandoned as soon as it is too far off, and after
 * WORK_MAX comparisons of two letters no further word is considered.
 */
#include "base/nearest.h"

#include <string.h>

enum {
	WORD_MAX = 64,
	WORK_MAX = 1 << 20, /* some milliseconds */
};

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/*
 * The distance of @a and @b; more than @limit if it is more. Row i of the usual table holds the
 * distances of i letters of @a; only places within @limit of the diagonal can be within @limit.
 */
static unsigned edit_distance(const char *a, size_t na, const char *b, size_t nb, unsigned limit,
			      unsigned *work)
{
	unsigned rows[3][WORD_MAX + 2]; /* the row being filled and the two before it */
	unsigned least_before = 0;

	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
		size_t first = i > limit ? i - limit : 1;
		size_t last = i + limit < nb ? i + limit : nb;
		unsigned least = first == 1 ? (unsigned)i : limit + 1;

		row[first - 1] = least;
		if (i + limit <= nb)
			up[last] = limit + 1; /* just outside the row before */
		for (size_t j = first; j <= last; j++) {
			unsigned other = a[i - 1] != b[j - 1];

			row[j] = min3(up[j] + 1, row[j - 1] + 1, up[j - 1] + other);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    up2[j - 2] + 1 < row[j])
				row[j] = up2[j - 2] + 1;
			least = row[j] < least ? row[j] : least;
		}
		*work += (unsigned)(last - first + 1);
		if (least > limit && least_before > limit)
			return limit + 1;
		least_before = least;
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
	if (n->work >= WORK_MAX)
		return;
	distance = edit_distance(n->word, word_len, known, len, n->distance - 1, &n->work);
	if (distance < n->distance) {
		n->distance = distance;
		n->best = known;
	}
}
