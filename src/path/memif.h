/*
 * memif: rings of frames in memory that this process shares with another one.
 *
 * Each queue has two rings, one for each direction. The client made the memory; the server copies
 * frames into it and out of it. control/port/memif.h connects the two and makes the queues.
 *
 * The other process is not trusted. Whatever it writes, a worker reads and writes only the regions
 * that are mapped, and its work for each burst is bounded.
 *
 * A worker calls memif_receive() and memif_send() for its own queues; control reads their counters.
 */
#pragma once

#include "base/types.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

enum {
	MEMIF_REGIONS_MAX = 4,
	MEMIF_COOKIE = 0x3e31f20,
	MEMIF_DESC_NEXT = 1, /* the frame goes on in the next descriptor */
	MEMIF_RING_QUIET = 1, /* the receiver polls: it wants no interrupt */
	MEMIF_LINE = 64,
};

/* The layout of the shared memory is that of memif version 2.0. */
struct memif_desc {
	uint16_t flags;
	uint16_t region;
	uint32_t length;
	uint32_t offset;
	uint32_t metadata;
};

struct memif_ring {
	uint32_t cookie;
	uint16_t flags;
	uint16_t head; /* written by the client */
	_Alignas(MEMIF_LINE) uint16_t tail; /* written by the server */
	_Alignas(MEMIF_LINE) struct memif_desc desc[];
};

static_assert(sizeof(struct memif_desc) == 16, "the peer has the same layout");
static_assert(offsetof(struct memif_ring, head) == 6, "the same");
static_assert(offsetof(struct memif_ring, tail) == 64, "the same");
static_assert(offsetof(struct memif_ring, desc) == 128, "the same");

struct memif_region {
	uint8_t *base;
	size_t size;
};

/* Why a worker no longer uses a ring: the peer broke the protocol. */
enum memif_fault {
	MEMIF_SOUND,
	MEMIF_BAD_COUNT, /* more frames or buffers than the ring has */
	MEMIF_BAD_BUFFER, /* a buffer outside of its memory */
	MEMIF_BAD_CHAIN, /* a frame without an end, or in too many buffers */
	MEMIF_FAULTS,
};

/* One direction of a queue. */
struct memif_way {
	struct memif_ring *ring;
	uint32_t slots; /* a power of two */
	uint16_t done; /* slots that we have finished, modulo 2^16 */
	/* we are the client: our buffers, one for each slot, in our region; NULL: the server */
	uint8_t *buffers;
	uint8_t *region;
	uint32_t buffer_size;

	/* written by the worker, read by control */
	uint64_t frames;
	uint64_t too_long; /* longer than a packet buffer; dropped */
	uint64_t no_buffer; /* bursts without a free packet buffer; the frames wait */
	enum memif_fault fault;
};

struct memif_queue {
	_Alignas(MEMIF_LINE) struct memif_way rx;
	struct memif_way tx;
	struct memif_region regions[MEMIF_REGIONS_MAX];
	uint32_t n_regions;
	struct rte_mempool *pool; /* for received frames */
};

/* Receives at most @n packets, each in one buffer. Returns their number. */
uint16_t memif_receive(struct memif_queue *q, struct rte_mbuf **packets, uint16_t n);

/*
 * Copies packets to the peer, and frees them. Returns how many fitted; the rest stays with the
 * caller.
 */
uint16_t memif_send(struct memif_queue *q, struct rte_mbuf **packets, uint16_t n);

/*
 * The client gives the peer a buffer in each slot of the ring by which we receive. Control thread,
 * before a worker uses @q.
 */
void memif_offer_all(struct memif_queue *q);
