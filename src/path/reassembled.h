/*
 * Reassembled packets are in buffers larger than those of the ports.
 *
 * The private area of such a buffer names the pool of the ports' buffers: when the packet is
 * fragmented again, the fragments use buffers of that pool. Other buffers have no private area.
 */
#pragma once

#include <rte_mbuf.h>

struct reassembled {
	struct rte_mempool *pool;
	uint16_t largest; /* IPv6: as in packet.h; IPv4: 0 */
	uint8_t room[118]; /* bytes in front of a packet that fills the buffer */
};

static inline bool reassembled_is(const struct rte_mbuf *m)
{
	return m->priv_size == sizeof(struct reassembled);
}

/* The pool for buffers of fragments of @m. */
static inline struct rte_mempool *reassembled_pool(struct rte_mbuf *m)
{
	return reassembled_is(m) ? ((struct reassembled *)rte_mbuf_to_priv(m))->pool : m->pool;
}

static inline uint16_t reassembled_largest(struct rte_mbuf *m)
{
	return reassembled_is(m) ? ((struct reassembled *)rte_mbuf_to_priv(m))->largest : 0;
}
