/*
 * memif: see memif.h.
 *
 * DPDK has a driver for memif, net_memif. It is not used, for two reasons. It takes the peer's word
 * for where a buffer lies, so a peer could read and write all memory of the gateway. And when a
 * peer leaves, a thread of DPDK unmaps the memory while workers may be reading it. Here control
 * unmaps it once no worker uses it any more.
 *
 * What the peer can write is read once, into a variable, and checked there. A ring with a count or
 * a buffer that is out of bounds is not used again; control then ends the connection.
 *
 * Zero copy is not offered: the peer could change a packet after it was checked.
 */
#include "path/memif.h"

#include <string.h>

#include <rte_mbuf.h>

enum { CHAIN_MAX = 64 }; /* descriptors of a frame */

/* A descriptor as it was at one moment. */
static struct memif_desc desc_read(const struct memif_desc *d)
{
	return (struct memif_desc){
		.flags = __atomic_load_n(&d->flags, __ATOMIC_RELAXED),
		.region = __atomic_load_n(&d->region, __ATOMIC_RELAXED),
		.length = __atomic_load_n(&d->length, __ATOMIC_RELAXED),
		.offset = __atomic_load_n(&d->offset, __ATOMIC_RELAXED),
	};
}

static uint32_t index_of(const struct memif_way *w, uint16_t slot)
{
	return slot & (w->slots - 1);
}

static uint8_t *own_buffer(const struct memif_way *w, uint16_t slot)
{
	return w->buffers + (size_t)index_of(w, slot) * w->buffer_size;
}

/* The @d.length bytes that a descriptor names; NULL: they are not inside the peer's memory. */
static uint8_t *peers_buffer(const struct memif_queue *q, const struct memif_desc *d)
{
	const struct memif_region *region;

	if (d->region >= q->n_regions)
		return NULL;
	region = &q->regions[d->region];
	if (d->offset > region->size || d->length > region->size - d->offset)
		return NULL;
	return region->base + d->offset;
}

/* NULL: the descriptor of this slot is out of bounds. */
static uint8_t *buffer_at(const struct memif_queue *q, const struct memif_way *w, uint16_t slot,
			  const struct memif_desc *d)
{
	if (w->buffers == NULL)
		return peers_buffer(q, d);
	return d->length <= w->buffer_size ? own_buffer(w, slot) : NULL;
}

static void set_fault(struct memif_way *w, enum memif_fault fault)
{
	__atomic_store_n(&w->fault, fault, __ATOMIC_RELAXED);
}

static void count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* How many slots the peer's counter lets us use. A count that cannot be is a fault. */
static uint16_t usable(struct memif_way *w, uint16_t theirs)
{
	uint16_t n = (uint16_t)(theirs - w->done);

	if (likely(n <= w->slots))
		return n;
	set_fault(w, MEMIF_BAD_COUNT);
	return 0;
}

/* --- receive ---------------------------------------------------------------------------------- */

/* The client: the buffers of @n slots from @slot on are free for the peer. */
static void offer(struct memif_way *w, uint16_t slot, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++, slot++) {
		struct memif_desc *d = &w->ring->desc[index_of(w, slot)];

		d->flags = 0;
		d->region = 0;
		d->length = w->buffer_size;
		d->offset = (uint32_t)(own_buffer(w, slot) - w->region);
	}
	__atomic_store_n(&w->ring->head, (uint16_t)(slot), __ATOMIC_RELEASE);
}

void memif_offer_all(struct memif_queue *q)
{
	offer(&q->rx, q->rx.done, q->rx.slots);
}

/* All slots before @done are ours no longer. */
static void give_back(struct memif_way *w, uint16_t done)
{
	uint16_t n = (uint16_t)(done - w->done);

	if (w->buffers != NULL)
		offer(w, (uint16_t)(w->done + w->slots), n);
	else
		__atomic_store_n(&w->ring->tail, done, __ATOMIC_RELEASE);
	w->done = done;
}

/*
 * Copies the frame that begins at slot *@at and ends before @end. *@at becomes the slot behind it.
 * False: it does not fit, or there is a fault.
 */
static bool take_frame(struct memif_queue *q, struct rte_mbuf *m, uint16_t *at, uint16_t end)
{
	uint32_t len = 0, room = rte_pktmbuf_tailroom(m);
	uint8_t *to = rte_pktmbuf_mtod(m, uint8_t *);
	bool fits = true;

	for (unsigned i = 0; i < CHAIN_MAX && *at != end; i++) {
		struct memif_desc d = desc_read(&q->rx.ring->desc[index_of(&q->rx, *at)]);
		const uint8_t *from = buffer_at(q, &q->rx, *at, &d);

		if (unlikely(from == NULL)) {
			set_fault(&q->rx, MEMIF_BAD_BUFFER);
			return false;
		}
		(*at)++;
		fits = fits && d.length <= room - len;
		if (likely(fits)) {
			memcpy(to + len, from, d.length);
			len += d.length;
		}
		if (likely(!(d.flags & MEMIF_DESC_NEXT))) {
			m->data_len = (uint16_t)len;
			m->pkt_len = len;
			return fits;
		}
	}
	set_fault(&q->rx, MEMIF_BAD_CHAIN);
	return false;
}

/* Fills @packets, which are empty, from the next @n frames. Returns how many it filled. */
static uint16_t take_frames(struct memif_queue *q, struct rte_mbuf **packets, uint16_t n,
			    uint16_t slots)
{
	uint16_t at = q->rx.done, end = (uint16_t)(at + slots), taken = 0;

	for (uint16_t i = 0; i < n && at != end && q->rx.fault == MEMIF_SOUND; i++) {
		if (likely(take_frame(q, packets[taken], &at, end)))
			taken++;
		else if (q->rx.fault == MEMIF_SOUND)
			count(&q->rx.too_long, 1);
	}
	give_back(&q->rx, at);
	return taken;
}

uint16_t memif_receive(struct memif_queue *q, struct rte_mbuf **packets, uint16_t n)
{
	struct memif_way *w = &q->rx;
	const uint16_t *theirs = w->buffers != NULL ? &w->ring->tail : &w->ring->head;
	uint16_t slots, taken;

	if (unlikely(w->fault != MEMIF_SOUND))
		return 0;
	slots = usable(w, __atomic_load_n(theirs, __ATOMIC_ACQUIRE));
	n = n < slots ? n : slots;
	if (n == 0)
		return 0;
	if (unlikely(rte_pktmbuf_alloc_bulk(q->pool, packets, n) != 0)) {
		count(&w->no_buffer, 1);
		return 0;
	}
	taken = take_frames(q, packets, n, slots);
	if (unlikely(taken < n))
		rte_pktmbuf_free_bulk(packets + taken, (unsigned)(n - taken));
	count(&w->frames, taken);
	return taken;
}

/* --- send ------------------------------------------------------------------------------------- */

/*
 * The buffer of slot @slot, and in *@size how much it holds. NULL: the peer named none of its
 * memory.
 */
static uint8_t *empty_buffer(const struct memif_queue *q, uint16_t slot, struct memif_desc *d)
{
	const struct memif_way *w = &q->tx;

	*d = desc_read(&w->ring->desc[index_of(w, slot)]);
	if (w->buffers == NULL)
		return peers_buffer(q, d);
	d->length = w->buffer_size;
	return own_buffer(w, slot);
}

static void fill_slot(struct memif_queue *q, uint16_t slot, const uint8_t *buffer, uint32_t len,
		      bool more)
{
	struct memif_desc *d = &q->tx.ring->desc[index_of(&q->tx, slot)];

	d->flags = more ? MEMIF_DESC_NEXT : 0;
	d->length = len;
	if (q->tx.buffers == NULL)
		return;
	d->region = 0;
	d->offset = (uint32_t)(buffer - q->tx.region);
}

/* Copies one frame into the slots from *@at on. False: there are too few, or there is a fault. */
static bool put_frame(struct memif_queue *q, const struct rte_mbuf *m, uint16_t *at, uint16_t end)
{
	const uint8_t *from = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t left = m->data_len;

	for (uint16_t slot = *at; slot != end; slot++) {
		struct memif_desc d;
		uint8_t *to = empty_buffer(q, slot, &d);
		uint32_t n = left < d.length ? left : d.length;

		if (unlikely(to == NULL || d.length == 0)) {
			set_fault(&q->tx, MEMIF_BAD_BUFFER);
			return false;
		}
		memcpy(to, from, n);
		from += n;
		left -= n;
		fill_slot(q, slot, to, n, left > 0);
		if (likely(left == 0)) {
			*at = (uint16_t)(slot + 1);
			return true;
		}
	}
	return false;
}

uint16_t memif_send(struct memif_queue *q, struct rte_mbuf **packets, uint16_t n)
{
	struct memif_way *w = &q->tx;
	bool client = w->buffers != NULL;
	const uint16_t *theirs = client ? &w->ring->tail : &w->ring->head;
	uint16_t at = w->done, end, slots, sent = 0;

	if (unlikely(w->fault != MEMIF_SOUND))
		return 0;
	/* the client counts what it filled, and the peer what it emptied of that */
	slots = client ? (uint16_t)(__atomic_load_n(theirs, __ATOMIC_ACQUIRE) + w->slots)
		       : __atomic_load_n(theirs, __ATOMIC_ACQUIRE);
	end = (uint16_t)(at + usable(w, slots));
	while (sent < n && put_frame(q, packets[sent], &at, end))
		sent++;
	w->done = at;
	__atomic_store_n(client ? &w->ring->head : &w->ring->tail, at, __ATOMIC_RELEASE);
	rte_pktmbuf_free_bulk(packets, sent);
	count(&w->frames, sent);
	return sent;
}
