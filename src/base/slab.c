/* Objects of one size: see slab.h. */
#include "base/slab.h"

#include "base/memory.h"

#include <stdalign.h>
#include <stdint.h>

enum {
	LEAST = 512, /* bytes of the first block */
	SMALL_MOST = 128 << 10,
	MOST = 2 << 20, /* a huge page */
};

struct slab_spare {
	struct slab_spare *next;
};

struct slab_block {
	struct slab_block *next;
	size_t size; /* bytes */
	alignas(16) uint8_t bytes[];
};

static size_t next_size(const struct slab *s)
{
	size_t size = s->blocks == NULL ? LEAST : 2 * s->blocks->size;

	return size > SMALL_MOST ? MOST : size;
}

static bool add_block(struct slab *s, size_t size)
{
	size_t bytes = next_size(s);
	struct slab_block *block = memory_rows(bytes);

	if (block == NULL)
		return false;
	block->next = s->blocks;
	block->size = bytes;
	s->blocks = block;
	for (size_t n = (bytes - sizeof(*block)) / size; n-- > 0;)
		slab_give(s, &block->bytes[n * size]); /* the first one is taken first */
	return true;
}

bool slab_reserve(struct slab *s, size_t size, size_t n)
{
	while (s->n_spare < n)
		if (!add_block(s, size))
			return false;
	return true;
}

void *slab_take(struct slab *s)
{
	struct slab_spare *spare = s->spare;

	if (spare == NULL)
		return NULL;
	s->spare = spare->next;
	s->n_spare--;
	return spare;
}

void slab_give(struct slab *s, void *object)
{
	struct slab_spare *spare = object;

	spare->next = s->spare;
	s->spare = spare;
	s->n_spare++;
}

void slab_fini(struct slab *s)
{
	while (s->blocks != NULL) {
		struct slab_block *next = s->blocks->next;

		memory_rows_free(s->blocks, s->blocks->size);
		s->blocks = next;
	}
	*s = (struct slab){0};
}
