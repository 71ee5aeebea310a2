/*
 * A hash table with open addressing. The hash has a random secret, so nobody can write a file whose
 * keys collide. All keys are in one piece of memory, and all entries in another: a large file has
 * tens of thousands of keys. Most sets have a few, and are searched from one end to the other.
 */
#include "control/config/seen.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { SMALL = 8 };

struct seen_entry {
	const struct tree_node *place;
	uint64_t hash;
	size_t key, len; /* where in `keys` */
};

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_of(const unsigned char *key, size_t len)
{
	static uint64_t secret[2];
	uint64_t hash, word;

	/* without random numbers the set works, too */
	if (secret[1] == 0 && getrandom(secret, sizeof(secret), 0) != sizeof(secret))
		secret[1] = 1;
	secret[1] |= 1;
	hash = mix(secret[0] ^ len, secret[1]);
	for (size_t i = 0; i < len; i += sizeof(word)) {
		word = 0;
		memcpy(&word, key + i, len - i < sizeof(word) ? len - i : sizeof(word));
		hash = mix(hash ^ word, secret[1]);
	}
	return hash;
}

static void *grow(void *mem, size_t size)
{
	mem = realloc(mem, size);
	if (mem == NULL) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return mem;
}

static bool is_key(const struct seen *seen, const struct seen_entry *e, uint64_t hash,
		   const void *key, size_t len)
{
	return e->hash == hash && e->len == len && memcmp(seen->keys + e->key, key, len) == 0;
}

/* The slot of a key, or the free one where it belongs. */
static uint32_t *slot_of(const struct seen *seen, uint64_t hash, const void *key, size_t len)
{
	size_t i = hash & (seen->n_slots - 1);

	while (seen->slots[i] != 0 &&
	       !is_key(seen, &seen->entries[seen->slots[i] - 1], hash, key, len))
		i = (i + 1) & (seen->n_slots - 1);
	return &seen->slots[i];
}

static const struct seen_entry *find(const struct seen *seen, uint64_t hash, const void *key,
				     size_t len)
{
	if (seen->n_slots > 0) {
		uint32_t slot = *slot_of(seen, hash, key, len);

		return slot == 0 ? NULL : &seen->entries[slot - 1];
	}
	for (size_t i = 0; i < seen->n; i++)
		if (is_key(seen, &seen->entries[i], hash, key, len))
			return &seen->entries[i];
	return NULL;
}

/* Half of the slots are free at least. */
static void make_slots(struct seen *seen)
{
	free(seen->slots);
	seen->n_slots = 4 * seen->room;
	seen->slots = grow(NULL, seen->n_slots * sizeof(seen->slots[0]));
	memset(seen->slots, 0, seen->n_slots * sizeof(seen->slots[0]));
	for (size_t i = 0; i < seen->n; i++) {
		const struct seen_entry *e = &seen->entries[i];

		*slot_of(seen, e->hash, seen->keys + e->key, e->len) = (uint32_t)i + 1;
	}
}

static void make_room(struct seen *seen, size_t len)
{
	if (seen->n == seen->room) {
		seen->room = seen->room == 0 ? SMALL : 2 * seen->room;
		seen->entries = grow(seen->entries, seen->room * sizeof(seen->entries[0]));
		if (seen->room > SMALL)
			make_slots(seen);
	}
	if (seen->keys_room - seen->keys_len < len) {
		seen->keys_room = 2 * seen->keys_room + SEEN_KEY_MAX;
		seen->keys = grow(seen->keys, seen->keys_room);
	}
}

const struct tree_node *seen_add(struct seen *seen, const void *key, size_t len,
				 const struct tree_node *place)
{
	uint64_t hash = hash_of(key, len);
	const struct seen_entry *before = find(seen, hash, key, len);

	assert(len <= SEEN_KEY_MAX);
	if (before != NULL)
		return before->place;
	make_room(seen, len);
	if (seen->n_slots > 0)
		*slot_of(seen, hash, key, len) = (uint32_t)seen->n + 1;
	seen->entries[seen->n++] = (struct seen_entry){place, hash, seen->keys_len, len};
	if (len > 0)
		memcpy(seen->keys + seen->keys_len, key, len);
	seen->keys_len += len;
	return NULL;
}

const struct tree_node *seen_find(const struct seen *seen, const void *key, size_t len)
{
	const struct seen_entry *e = find(seen, hash_of(key, len), key, len);

	return e == NULL ? NULL : e->place;
}

void seen_fini(struct seen *seen)
{
	free(seen->entries);
	free(seen->slots);
	free(seen->keys);
	*seen = (struct seen){0};
}
