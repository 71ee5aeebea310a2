/*
 * Recovers buffers that a device took and did not give back when creating it failed.
 *
 * DPDK's AF_XDP driver takes 2,048 buffers before it attaches the program and binds the socket. If
 * one of these fails, the driver loses the buffers, or leaves them in the rings of a closed socket.
 * A port is tried again and again, so within a few minutes the pool would be empty for all ports.
 *
 * So the pool has its own operations: those of DPDK, which also note what this thread takes out
 * while a port is being opened. A buffer that is put back is removed from the note. The rest is
 * returned to the pool at the next attempt, a second or more later: a card may still write into the
 * buffers for a moment.
 *
 * Control thread; workers pass through note_dequeue() and note_enqueue(), and note nothing.
 */
#include "base/types.h"
#include "control/port/port_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_lcore.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

enum { MORE_RINGS = 3 }; /* beside those of the queues */

static const char ops_name[] = "homeward";

static const struct rte_mempool_ops *plain; /* DPDK's operations */
static _Thread_local struct pool_note *noting; /* NULL: nothing is noted */

static void write_down(struct pool_note *note, void *const *objects, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (note->n == note->room)
			note->missed++;
		else
			note->taken[note->n++] = objects[i];
	}
}

static void strike_off(struct pool_note *note, const void *object)
{
	for (size_t i = note->n; i-- > 0;) {
		if (note->taken[i] == object) {
			note->taken[i] = note->taken[--note->n];
			return;
		}
	}
}

static int note_dequeue(struct rte_mempool *pool, void **objects, unsigned n)
{
	int ret = plain->dequeue(pool, objects, n);

	if (unlikely(noting != NULL) && ret == 0)
		write_down(noting, objects, n);
	return ret;
}

static int note_enqueue(struct rte_mempool *pool, void *const *objects, unsigned n)
{
	for (unsigned i = 0; unlikely(noting != NULL) && i < n; i++)
		strike_off(noting, objects[i]);
	return plain->enqueue(pool, objects, n);
}

static const struct rte_mempool_ops *find_ops(const char *name)
{
	for (uint32_t i = 0; i < rte_mempool_ops_table.num_ops; i++)
		if (strcmp(rte_mempool_ops_table.ops[i].name, name) == 0)
			return &rte_mempool_ops_table.ops[i];
	return NULL;
}

const char *pool_note_ops(void)
{
	const char *best = rte_mbuf_best_mempool_ops();
	struct rte_mempool_ops ops;

	if (find_ops(ops_name) != NULL)
		return ops_name;
	plain = find_ops(best);
	if (plain == NULL)
		return best; /* the driver already says that the pool is empty */
	ops = *plain;
	snprintf(ops.name, sizeof(ops.name), "%s", ops_name);
	ops.enqueue = note_enqueue;
	ops.dequeue = note_dequeue;
	return rte_mempool_register_ops(&ops) < 0 ? best : ops_name;
}

/* Buffers in this thread's cache go back to the pool, so that they are in one place only. */
static void empty_cache(struct rte_mempool *pool)
{
	struct rte_mempool_cache *cache = rte_mempool_default_cache(pool, rte_lcore_id());

	if (cache != NULL)
		rte_mempool_cache_flush(cache, pool);
}

void pool_note_begin(struct pool_note *note, struct rte_mempool *pool, unsigned queues)
{
	size_t room = (size_t)(queues + MORE_RINGS) * POOL_DESCRIPTORS;

	*note = (struct pool_note){.taken = calloc(room, sizeof(note->taken[0])), .room = room};
	empty_cache(pool);
	noting = note->taken != NULL ? note : NULL;
}

unsigned pool_note_end(struct pool_note *note, struct rte_mempool *pool)
{
	unsigned missed = note->missed;

	empty_cache(pool);
	noting = NULL;
	if (note->n == 0)
		pool_note_forget(note);
	return missed;
}

unsigned pool_note_give_back(struct pool_note *note, struct rte_mempool *pool)
{
	unsigned n = (unsigned)note->n;

	if (n > 0)
		rte_mempool_generic_put(pool, note->taken, n, NULL);
	pool_note_forget(note);
	return n;
}

void pool_note_give_back_since(struct pool_note *note, struct rte_mempool *pool, size_t mark)
{
	while (note->n > mark) { /* note_enqueue() strikes it off */
		void *last = note->taken[note->n - 1];

		rte_mempool_generic_put(pool, &last, 1, NULL);
	}
}

void pool_note_forget(struct pool_note *note)
{
	free(note->taken);
	*note = (struct pool_note){.taken = NULL};
}
