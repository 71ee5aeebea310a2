/*
 * Shots: see shots.h.
 *
 * Flows and their packets are computed from the number of the flow. Only what the gateway chooses
 * is stored for a flow: its egress address and port.
 */
#include "shots.h"

#include "../packet/frame.h"
#include "base/checksum.h"
#include "base/wire.h"
#include "path/packet.h"

enum {
	GRE_LEN = 8, /* with key */
	SERVER_PORT = 443,
};

static void make_shot(struct shot *shot, be32_t src, be32_t dst, be16_t sport, be16_t dport,
		      uint32_t flow)
{
	uint8_t *ip = shot->bytes, *udp = ip + IPV4_LEN;
	uint64_t sum;

	memset(shot, 0, sizeof(*shot));
	ip[IPV4_VERSION_IHL] = 0x45;
	wire_put_be16(ip + IPV4_LENGTH, htons(INNER_LEN));
	ip[IPV4_TTL] = 64;
	ip[IPV4_PROTO] = PROTO_UDP;
	wire_put_be32(ip + IPV4_SRC, src);
	wire_put_be32(ip + IPV4_DST, dst);
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, IPV4_LEN));

	wire_put_be16(udp + UDP_SPORT, sport);
	wire_put_be16(udp + UDP_DPORT, dport);
	wire_put_be16(udp + UDP_LENGTH, htons(INNER_LEN - IPV4_LEN));
	memcpy(udp + UDP_LEN, &flow, sizeof(flow));
	sum = checksum_add(0, ip + IPV4_SRC, 8) + htons(PROTO_UDP) + htons(INNER_LEN - IPV4_LEN);
	sum = checksum_add(sum, udp, UDP_LEN + sizeof(flow)); /* the rest is zeros */
	wire_put_be16(udp + UDP_CHECKSUM, (uint16_t)~checksum_fold(sum));
}

static void make_forward(const struct shape *s, uint32_t flow, uint32_t server, struct shot *shot)
{
	make_shot(shot, htonl(shape_src(s, flow)), htonl(server), htons(shape_sport(s, flow)),
		  htons(SERVER_PORT), flow);
}

void shot_forward_in(const struct shape *s, uint32_t flow, struct shot *shot)
{
	make_forward(s, flow, shape_dst(s, flow), shot);
}

void shot_forward(uint32_t flow, struct shot *shot)
{
	shot_forward_in(&shape_usual, flow, shot);
}

void shot_forward_to(uint32_t flow, uint32_t server, struct shot *shot)
{
	make_forward(&shape_usual, flow, server, shot);
}

void shot_return_in(const struct shape *s, uint32_t flow, const struct mapping *m,
		    struct shot *shot)
{
	make_shot(shot, htonl(shape_dst(s, flow)), m->addr, htons(SERVER_PORT), m->port, flow);
}

void shot_return(uint32_t flow, const struct mapping *m, struct shot *shot)
{
	shot_return_in(&shape_usual, flow, m, shot);
}

static void make_forward_template(uint8_t *frame, unsigned tunnel)
{
	uint8_t *ip = frame + ETHER_LEN, *gre = ip + IPV4_LEN;

	memcpy(frame, "\x02\0\0\0\0\x01\x02\0\0\0\0\xaa\x08\0", ETHER_LEN);
	ip[IPV4_VERSION_IHL] = 0x45;
	wire_put_be16(ip + IPV4_LENGTH, htons(IPV4_LEN + GRE_LEN + INNER_LEN));
	ip[IPV4_TTL] = 64;
	ip[IPV4_PROTO] = PROTO_GRE;
	wire_put_be32(ip + IPV4_SRC, htonl(shape_remote(tunnel)));
	wire_put_be32(ip + IPV4_DST, htonl(IP(198, 51, 100, 1)));
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, IPV4_LEN));
	gre[0] = 0x20; /* with key */
	wire_put_be16(gre + 2, htons(ETHER_IPV4));
	wire_put_be32(gre + 4, htonl(tunnel));
}

void shot_put_tunnel(uint8_t *frame, unsigned tunnel)
{
	memset(frame, 0, HEAD_FORWARD);
	make_forward_template(frame, tunnel);
}

void shots_templates(struct templates *t, const struct shape *s)
{
	memset(t, 0, sizeof(*t));
	t->tunnels = s->tunnels;
	for (unsigned i = 0; i < RIG_SITES; i++)
		make_forward_template(t->heads[i], i);
	memcpy(t->heads[TEMPLATE_INTERNET], "\x02\0\0\0\0\x02\x02\0\0\0\0\xbb\x08\0", ETHER_LEN);
}

uint32_t shot_learn(const struct rte_mbuf *m, struct mapping *mappings, uint32_t n_flows)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, ETHER_LEN);
	uint32_t flow;

	memcpy(&flow, ip + IPV4_LEN + UDP_LEN, sizeof(flow));
	if (m->data_len != ETHER_LEN + INNER_LEN || flow >= n_flows)
		rig_fail("what came out of the uplink is not what went in");
	mappings[flow] = (struct mapping){
		.addr = wire_be32(ip + IPV4_SRC),
		.port = wire_be16(ip + IPV4_LEN + UDP_SPORT),
		.seen = 1,
	};
	return flow;
}

void shot_verify(const struct rte_mbuf *m, enum flow_dir dir, const struct shape *s,
		 const struct mapping *mappings, uint32_t n_flows)
{
	const struct mapping *map;
	struct frame f;
	const char *why;
	uint32_t flow;
	bool good;

	if (!frame_parse(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, &f, &why))
		rig_fail("a frame came out wrong: %s", why);
	flow = __builtin_bswap32((uint32_t)(f.token >> 32));
	if (flow >= n_flows)
		rig_fail("a frame of no flow came out");
	map = &mappings[flow];
	if (dir == FLOW_FORWARD)
		good = f.outer_dst == 0 && f.src == ntohl(map->addr) &&
		       f.dst == shape_dst(s, flow) && f.sport == ntohs(map->port) &&
		       f.dport == SERVER_PORT;
	else
		good = f.has_key && f.key == flow % s->tunnels &&
		       f.outer_dst == shape_remote(flow % s->tunnels) &&
		       f.src == shape_dst(s, flow) && f.dst == shape_src(s, flow) &&
		       f.sport == SERVER_PORT && f.dport == shape_sport(s, flow);
	if (!good || f.proto != PROTO_UDP || f.ttl != 63)
		rig_fail("flow %u: a frame came out with the wrong headers", flow);
}
