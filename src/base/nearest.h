/*
 * "Did you mean ...?": the known word nearest to one that nobody knows.
 *
 *   struct nearest n = nearest_begin(unknown);
 *
 *   for (...)
 *           nearest_offer(&n, known[i].name);
 *   if (n.best != NULL)
 *           ... "did you mean %s?", n.best
 */
#pragma once

#include <stddef.h>

struct nearest {
	const char *word; /* borrowed */
	const char *best; /* of those offered, borrowed; NULL: none is near enough to be meant */
	unsigned distance;
	unsigned work; /* done so far: bounded, see nearest.c */
};

struct nearest nearest_begin(const char *word);
void nearest_offer(struct nearest *n, const char *known);
