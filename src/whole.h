/*
 * Wholes: packets put together from fragments, in buffers larger than any that a port fills.
 *
 * Such a buffer's private area names the pool of the fragments' buffers: when the packet is cut
 * again the pieces are to be like any other packet. Other buffers have no private area.
 */
#pragma once

#include <rte_mbuf.h>

struct whole {
	struct rte_mempool *pool;
	uint16_t largest; /* of IPv6: what packet.h says; 0: of anything else */
	uint8_t room[118]; /* bytes in front of a packet that fills the buffer */
};

static inline bool whole_is(const struct rte_mbuf *m)
{
	return m->priv_size == sizeof(struct whole);
}

/* Where to take buffers from for pieces of what @m holds. */
static inline struct rte_mempool *whole_pool(struct rte_mbuf *m)
{
	return whole_is(m) ? ((struct whole *)rte_mbuf_to_priv(m))->pool : m->pool;
}

static inline uint16_t whole_largest(struct rte_mbuf *m)
{
	return whole_is(m) ? ((struct whole *)rte_mbuf_to_priv(m))->largest : 0;
}
