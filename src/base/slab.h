/*
 * Many small objects of one size, from blocks of memory.
 *
 * Each block is twice as large as the one before, up to a huge page: for a large table the first
 * touch of small pages would cost more than all else. An object that is given back is taken again;
 * the blocks are freed together.
 *
 * One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct slab_block;
struct slab_spare;

/* An empty one is zeroed memory. */
struct slab {
	struct slab_spare *spare;
	struct slab_block *blocks;
	size_t n_spare;
};

/* The next @n slab_take() cannot fail. @size: of an object, the same in all calls. */
bool slab_reserve(struct slab *s, size_t size, size_t n);

/* Not zeroed. NULL: none is spare. */
void *slab_take(struct slab *s);
void slab_give(struct slab *s, void *object);

void slab_fini(struct slab *s); /* also frees the objects that were not given back */
