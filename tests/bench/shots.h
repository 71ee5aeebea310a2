/*
 * Shots: packets of numbered flows, ready to be copied.
 *
 * Flow i is a UDP conversation; the shape of the network (shape.h) says of whom. A shot is 32 bytes: inner IPv4 and UDP headers and the flow's number; a template gives
 * what stands before. The generator copies both into a buffer and does nothing else to a packet.
 */
#pragma once

#include "base/types.h"
#include "flow/flow.h"
#include "rig.h"
#include "shape.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_mbuf.h>

enum {
	INNER_LEN = 64, /* bytes of an inner packet: IPv4 20, UDP 8, payload 36 */
	SHOT_LEN = 32,
	TEMPLATE_LEN = 48,
	TEMPLATES = RIG_SITES + 1,
	TEMPLATE_INTERNET = RIG_SITES,
	HEAD_FORWARD = 14 + 20 + 8, /* Ethernet, IPv4, GRE with key */
	HEAD_RETURN = 14,
	SHOTS_AHEAD = 64, /* prefetched before they are sent */
};

struct shot {
	uint8_t bytes[SHOT_LEN]; /* the last 4: the flow's number, host order */
};

/* What the Internet sees of a flow; learned when it is opened. */
struct mapping {
	be32_t addr;
	be16_t port;
	uint16_t seen;
};

/*
 * Where there are more tunnels than templates, the headers of a forward packet are computed: a
 * template for each would take room in the cache from the gateway.
 */
struct templates {
	_Alignas(64) uint8_t heads[TEMPLATES][64];
	unsigned tunnels;
};

void shots_templates(struct templates *t, const struct shape *s);

/* A flow's first packet, and later ones in the same direction. */
void shot_forward(uint32_t flow, struct shot *shot);
void shot_forward_in(const struct shape *s, uint32_t flow, struct shot *shot);

/* The same towards another server (address in host order) than the flow's own. */
void shot_forward_to(uint32_t flow, uint32_t server, struct shot *shot);

/* A packet of the other direction. */
void shot_return(uint32_t flow, const struct mapping *m, struct shot *shot);
void shot_return_in(const struct shape *s, uint32_t flow, const struct mapping *m,
		    struct shot *shot);

/* Reads the mapping of a flow off its packet at the uplink; its number. */
uint32_t shot_learn(const struct rte_mbuf *m, struct mapping *mappings, uint32_t n_flows);

/*
 * Ends the program unless the frame is what it must be: read by code that shares nothing with the
 * data plane, addresses, ports, tunnel, TTL and checksums.
 */
void shot_verify(const struct rte_mbuf *m, enum flow_dir dir, const struct shape *s,
		 const struct mapping *mappings, uint32_t n_flows);

/* Writes the headers in front of a forward shot of any tunnel. */
void shot_put_tunnel(uint8_t *frame, unsigned tunnel);

/* Into random order, the same in each run. */
void shots_shuffle(struct shot *shots, uint32_t n);
void numbers_shuffle(uint32_t *order, uint32_t n, uint64_t *random); /* *@random: the seed */

static inline uint32_t shot_flow(const struct shot *shot)
{
	uint32_t flow;

	memcpy(&flow, shot->bytes + SHOT_LEN - sizeof(flow), sizeof(flow));
	return flow;
}

/*
 * Makes a buffer the frame of @shot. Frames stand as a NIC would put them, from RTE_PKTMBUF_HEADROOM
 * on. The template is copied whole, then the shot over what is too much of it; the compiler makes
 * five vector moves of that. The payload's zeros stay in the buffer for ever, which is why each
 * direction has buffers of its own.
 */
static inline void shot_load(struct rte_mbuf *m, const struct templates *t, enum flow_dir dir,
			     const struct shot *shot)
{
	bool usual = t->tunnels == RIG_SITES;
	unsigned tunnel = usual ? shot_flow(shot) % RIG_SITES : shot_flow(shot) % t->tunnels;
	uint16_t head = dir == FLOW_FORWARD ? HEAD_FORWARD : HEAD_RETURN;
	uint8_t *frame = (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM;

	__builtin_prefetch(shot + SHOTS_AHEAD, 0, 0);
	if (dir == FLOW_FORWARD && !usual)
		shot_put_tunnel(frame, tunnel);
	else
		memcpy(frame, t->heads[dir == FLOW_FORWARD ? tunnel : TEMPLATE_INTERNET],
		       TEMPLATE_LEN);
	memcpy(frame + head, shot, SHOT_LEN);
	m->data_off = RTE_PKTMBUF_HEADROOM;
	m->data_len = (uint16_t)(head + INNER_LEN);
	m->pkt_len = (uint32_t)head + INNER_LEN;
}
