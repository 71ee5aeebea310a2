/*
 * Which keys were met before, and where: finds what is listed twice.
 *
 * A key is some bytes; the place is the node where it stood first.
 */
#pragma once

#include <stddef.h>

struct tree_node;

struct seen {
	void *root; /* tsearch(3) */
};

enum { SEEN_KEY_MAX = 112 };

/*
 * Notes that @key (@len bytes, at most SEEN_KEY_MAX) stands at @place. Returns the place where it
 * was seen before, and keeps that one; or NULL if it is new. Out of memory ends the process.
 */
const struct tree_node *seen_add(struct seen *seen, const void *key, size_t len,
				 const struct tree_node *place);

/* The place where @key was seen, or NULL. */
const struct tree_node *seen_find(const struct seen *seen, const void *key, size_t len);

void seen_fini(struct seen *seen);
