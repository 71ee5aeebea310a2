/*
 * Reassembled packets: packets put together from fragments, in buffers larger than any that a port
 * fills.
 *
 * Such a buffer's private area names the pool of the fragments' buffers: when the packet is cut
 * again the fragments are to be like any other packet. Other buffers have no private area.
 */
#pragma once

#include <rte_mbuf.h>

struct reassembled {
	struct rte_mempool *pool;
	uint16_t largest; /* of IPv6: what packet.h says; 0: of anything else */
	uint8_t room[118]; /* bytes in front of a packet that fills the buffer */
};

static inline bool reassembled_is(const struct rte_mbuf *m)
{
	return m->priv_size == sizeof(struct reassembled);
}

/* Where to take buffers from for fragments of what @m holds. */
static inline struct rte_mempool *reassembled_pool(struct rte_mbuf *m)
{
	return reassembled_is(m) ? ((struct reassembled *)rte_mbuf_to_priv(m))->pool : m->pool;
}

static inline uint16_t reassembled_largest(struct rte_mbuf *m)
{
	return reassembled_is(m) ? ((struct reassembled *)rte_mbuf_to_priv(m))->largest : 0;
}
