/*
 * A set of keys in the C library's balanced tree. It uses no hash, so a file cannot cause
 * collisions. A key costs a few microseconds even with all 65,000 tunnels in it.
 */
#include "control/config/seen.h"

#include <assert.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct key_entry {
	const struct tree_node *place;
	size_t len;
	unsigned char key[];
};

static int seen_compare(const void *a, const void *b)
{
	const struct key_entry *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->key, y->key, x->len);
}

const struct tree_node *seen_add(struct seen *seen, const void *key, size_t len,
				 const struct tree_node *place)
{
	struct key_entry *entry, *const *found;

	assert(len <= SEEN_KEY_MAX);
	entry = malloc(sizeof(*entry) + len);
	if (entry == NULL)
		goto out_of_memory;
	entry->place = place;
	entry->len = len;
	memcpy(entry->key, key, len);

	found = tsearch(entry, &seen->root, seen_compare);
	if (found == NULL)
		goto out_of_memory;
	if (*found == entry)
		return NULL;
	free(entry);
	return (*found)->place;

out_of_memory:
	fputs("out of memory\n", stderr);
	abort();
}

const struct tree_node *seen_find(const struct seen *seen, const void *key, size_t len)
{
	_Alignas(struct key_entry) unsigned char space[sizeof(struct key_entry) + SEEN_KEY_MAX];
	struct key_entry *wanted = (struct key_entry *)space, *const * found;

	assert(len <= SEEN_KEY_MAX);
	wanted->len = len;
	memcpy(wanted->key, key, len);
	found = tfind(wanted, &seen->root, seen_compare);
	return found == NULL ? NULL : (*found)->place;
}

void seen_fini(struct seen *seen)
{
	tdestroy(seen->root, free);
	seen->root = NULL;
}
