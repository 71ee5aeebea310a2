/*
 * Remembers keys and where they were first seen: finds duplicates.
 *
 * A key is a string of bytes; the place is the node where it was first seen.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct seen_entry;
struct tree_node;

/* Begins zeroed. */
struct seen {
	struct seen_entry *entries;
	size_t n, room;
	uint32_t *slots; /* number of an entry and 1; 0: free. A small set has none */
	size_t n_slots; /* a power of two */
	unsigned char *keys;
	size_t keys_len, keys_room;
};

enum { SEEN_KEY_MAX = 160 };

/*
 * Adds @key (@len bytes, at most SEEN_KEY_MAX), seen at @place. Returns NULL if the key is new.
 * Otherwise keeps and returns the place where it was first seen. Ends the process when memory runs
 * out.
 */
const struct tree_node *seen_add(struct seen *seen, const void *key, size_t len,
				 const struct tree_node *place);

/* The place where @key was first seen, or NULL. */
const struct tree_node *seen_find(const struct seen *seen, const void *key, size_t len);

void seen_fini(struct seen *seen);
