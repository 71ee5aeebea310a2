/*
 * The peer of a memif port: another process that connects to a Unix socket, or listens on it, and
 * shares memory with us.
 *
 *   WAITING -> CONNECTED -> LEFT -> WAITING
 *
 * While CONNECTED workers may use memif_queues(). LEFT: the peer has gone, but its memory is still
 * mapped. When no worker uses the queues any more, memif_release() unmaps it.
 *
 * The peer is not trusted: messages, memory and counts are checked. Control thread.
 */
#pragma once

#include "path/memif.h"

struct memif;
struct rte_mempool;

enum memif_state { MEMIF_WAITING, MEMIF_CONNECTED, MEMIF_LEFT };

struct memif_settings {
	const char *socket; /* path; must outlive the memif */
	bool server; /* listens; otherwise connects */
	uint32_t id; /* of the interface: both ends have the same */
	uint32_t slots; /* of a ring, a power of two; the peer may want fewer */
	uint16_t queues; /* at most; the peer may want fewer */
	uint32_t frame; /* the longest frame that we send, bytes */
	struct rte_mempool *pool; /* for what is received */
	int epoll; /* reports when memif_serve() has work; -1: call it now and then */
};

enum { MEMIF_QUEUES_MAX = 32, MEMIF_REASON_SIZE = 160 };

/* The server listens from here on. NULL and errno: EADDRINUSE, if another program listens there. */
struct memif *memif_open(const struct memif_settings *settings);

/* Takes leave of the peer and closes everything. No worker may use the queues. Accepts NULL. */
void memif_close(struct memif *m);

/*
 * Does what there is to do on the sockets, without waiting. Call it when epoll reports, and once a
 * second: then it tries to connect, and looks at the rings.
 */
void memif_serve(struct memif *m);

enum memif_state memif_state(const struct memif *m);
const char *memif_reason(const struct memif *m); /* WAITING, LEFT: why; one sentence */
struct memif_queue *memif_queues(const struct memif *m, uint16_t *n); /* only while CONNECTED */
void memif_release(struct memif *m); /* only when LEFT; no worker may use the queues */

/* Does the peer expect to be woken by interrupts? We send none, so packets would wait for ever. */
bool memif_wants_interrupts(const struct memif *m);

/* Since memif_open(), over all peers. */
struct memif_counts {
	uint64_t received, sent; /* frames */
	uint64_t too_long; /* received, dropped: longer than a packet buffer */
	uint64_t no_buffer; /* bursts that waited for packet buffers */
};
void memif_read_counts(const struct memif *m, struct memif_counts *out);
