/*
 * Packet buffers: one pool for all ports, so that a packet leaves by any port without a copy.
 *
 * AF_XDP maps the whole pool into the kernel and writes frames straight into it. It wants buffers
 * of at most a page, and 256 bytes in front of the frame besides our own headroom. Everything is
 * counted from what can be in flight: both queues and the kernel's two rings of each port, and what
 * a worker holds in its cache, its bursts and its hand-over ring.
 *
 * Control thread.
 */
#include "control/port/port_internal.h"

#include <rte_mbuf.h>
#include <rte_mempool.h>

enum {
	BUFFERS_PER_PORT = 4 * POOL_DESCRIPTORS,
	BUFFERS_PER_WORKER = 4096,
	CACHE = 256, /* buffers a worker keeps for itself */
	ROOM_MIN = 2048,
};

uint32_t pool_buffers(const struct config *config)
{
	return BUFFERS_PER_PORT * (uint32_t)config->n_ports +
	       BUFFERS_PER_WORKER * (uint32_t)config->workers - 1;
}

static uint16_t data_room(uint32_t mtu)
{
	uint32_t room = POOL_XDP_HEADROOM + POOL_ETHERNET + mtu;

	return (uint16_t)(RTE_PKTMBUF_HEADROOM + (room < ROOM_MIN ? ROOM_MIN : room));
}

static uint32_t frame_size(uint32_t mtu)
{
	return rte_mempool_calc_obj_size(sizeof(struct rte_mbuf) + data_room(mtu), 0, NULL);
}

size_t pool_bytes(const struct config *config, uint32_t mtu)
{
	return (size_t)pool_buffers(config) * frame_size(mtu);
}

uint32_t pool_mtu_max_af_xdp(void)
{
	uint32_t mtu = POOL_FRAME_MAX;

	while (frame_size(mtu) > POOL_FRAME_MAX)
		mtu--;
	return mtu;
}

struct rte_mempool *pool_create(const struct config *config, uint32_t mtu)
{
	return rte_pktmbuf_pool_create("packets", pool_buffers(config), CACHE, 0, data_room(mtu),
				       SOCKET_ID_ANY);
}
