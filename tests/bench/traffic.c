/*
 * Traffic for the rig: see traffic.h.
 *
 * Frames stand in the buffer as a NIC would put them: from RTE_PKTMBUF_HEADROOM on. A template is
 * 48 bytes, copied whole; the shot is then copied over the part that is too much. Buffers keep their
 * payload of zeros for ever, which is why each direction has its own.
 */
#include "traffic.h"

#include "../packet/frame.h"
#include "base/checksum.h"
#include "base/memory.h"
#include "base/wire.h"
#include "packet.h"

#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

enum {
	GRE_LEN = 8, /* with key */
	FORWARD_HEAD = ETHER_LEN + IPV4_LEN + GRE_LEN,
	HOSTS = 4000,
	SERVERS = 4096,
	FIRST_PORT = 10000,
	SERVER_PORT = 443,
	INTERNET = RIG_SITES, /* template number */
	SHOTS_AHEAD = 64, /* prefetched before they are sent */
};

static const unsigned in_port[] = {[FLOW_FORWARD] = RIG_UNDERLAY, [FLOW_RETURN] = RIG_UPLINK};
static const unsigned out_port[] = {[FLOW_FORWARD] = RIG_UPLINK, [FLOW_RETURN] = RIG_UNDERLAY};
static const uint16_t head_len[] = {[FLOW_FORWARD] = FORWARD_HEAD, [FLOW_RETURN] = ETHER_LEN};

static uint64_t random_next(uint64_t *state)
{
	/* splitmix64 (Steele, Lea, Flood 2014) */
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Below @n; the bias of at most n / 2^32 does not matter here. */
static uint32_t random_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(((random_next(state) >> 32) * n) >> 32);
}

static uint32_t flow_src(uint32_t flow)
{
	return UINT32_C(0x0a000001) + flow / RIG_SITES % HOSTS;
}

static uint32_t flow_dst(uint32_t flow)
{
	return UINT32_C(0x08080000) + (flow * UINT32_C(0x9e3779b1) >> 20) % SERVERS;
}

static uint16_t flow_sport(uint32_t flow)
{
	return (uint16_t)(FIRST_PORT + flow / RIG_SITES / HOSTS);
}

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

void traffic_forward_shot(uint32_t flow, struct shot *shot)
{
	make_shot(shot, htonl(flow_src(flow)), htonl(flow_dst(flow)), htons(flow_sport(flow)),
		  htons(SERVER_PORT), flow);
}

void traffic_return_shot(const struct traffic *t, uint32_t flow, struct shot *shot)
{
	const struct mapping *m = &t->mappings[flow];

	make_shot(shot, htonl(flow_dst(flow)), m->addr, htons(SERVER_PORT), m->port, flow);
}

static uint32_t shot_flow(const struct shot *shot)
{
	uint32_t flow;

	memcpy(&flow, shot->bytes + SHOT_LEN - sizeof(flow), sizeof(flow));
	return flow;
}

static void make_forward_template(uint8_t *frame, unsigned site)
{
	uint8_t *ip = frame + ETHER_LEN, *gre = ip + IPV4_LEN;

	memcpy(frame, "\x02\0\0\0\0\x01\x02\0\0\0\0\xaa\x08\0", ETHER_LEN);
	ip[IPV4_VERSION_IHL] = 0x45;
	wire_put_be16(ip + IPV4_LENGTH, htons(IPV4_LEN + GRE_LEN + INNER_LEN));
	ip[IPV4_TTL] = 64;
	ip[IPV4_PROTO] = PROTO_GRE;
	wire_put_be32(ip + IPV4_SRC, htonl(IP(192, 0, 2, 1) + site));
	wire_put_be32(ip + IPV4_DST, htonl(IP(198, 51, 100, 1)));
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, IPV4_LEN));
	gre[0] = 0x20; /* with key */
	wire_put_be16(gre + 2, htons(ETHER_IPV4));
	wire_put_be32(gre + 4, htonl(site));
}

struct traffic *traffic_create(struct rig *rig, uint32_t n_flows)
{
	struct traffic *t = aligned_alloc(64, (sizeof(*t) + 63) & ~(size_t)63);

	if (t == NULL)
		rig_fail("no memory for traffic");
	memset(t, 0, sizeof(*t));
	t->rig = rig;
	t->n_flows = n_flows;
	t->mappings = memory_map((size_t)n_flows * sizeof(t->mappings[0]), NULL);
	if (t->mappings == NULL)
		rig_fail("no memory for %u flows", n_flows);
	for (unsigned s = 0; s < RIG_SITES; s++)
		make_forward_template(t->templates[s], s);
	memcpy(t->templates[INTERNET], "\x02\0\0\0\0\x02\x02\0\0\0\0\xbb\x08\0", ETHER_LEN);
	for (unsigned d = 0; d < 2; d++) {
		rig_buffers(t->free[d], BUFFERS_PER_DIRECTION);
		for (unsigned i = 0; i < BUFFERS_PER_DIRECTION; i++) {
			struct rte_mbuf *m = t->free[d][i];

			memset(m->buf_addr, 0, m->buf_len);
		}
	}
	return t;
}

void traffic_destroy(struct traffic *t)
{
	for (unsigned d = 0; d < 2; d++)
		rte_pktmbuf_free_bulk(t->free[d], BUFFERS_PER_DIRECTION);
	memory_unmap(t->mappings, (size_t)t->n_flows * sizeof(t->mappings[0]));
	free(t);
}

/* The compiler makes vector moves of these; nothing else is done to a packet. */
static inline void load(struct rte_mbuf *m, const uint8_t *template, uint16_t head,
			const struct shot *shot)
{
	uint8_t *frame = (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM;

	memcpy(frame, template, TEMPLATE_LEN);
	memcpy(frame + head, shot, SHOT_LEN);
	m->data_off = RTE_PKTMBUF_HEADROOM;
	m->data_len = (uint16_t)(head + INNER_LEN);
	m->pkt_len = (uint32_t)head + INNER_LEN;
}

void traffic_send(struct traffic *t, enum flow_dir dir, const struct shot *shots, unsigned n)
{
	struct rte_mbuf **mbufs = &t->free[dir][t->next_free[dir]];

	for (unsigned i = 0; i < n; i++) {
		unsigned site = shot_flow(&shots[i]) % RIG_SITES;

		__builtin_prefetch(&shots[i + SHOTS_AHEAD], 0, 0);
		load(mbufs[i], t->templates[dir == FLOW_FORWARD ? site : INTERNET], head_len[dir],
		     &shots[i]);
	}
	if (rte_ring_enqueue_bulk(t->rig->ports[in_port[dir]].in, (void **)mbufs, n, NULL) != n)
		rig_fail("a ring is full");
}

unsigned traffic_collect(struct traffic *t, enum flow_dir dir, unsigned max)
{
	struct rte_mbuf **mbufs = &t->free[dir][t->next_free[dir]];
	unsigned n =
		rte_ring_dequeue_burst(t->rig->ports[out_port[dir]].out, (void **)mbufs, max, NULL);

	t->next_free[dir] = (t->next_free[dir] + max) % BUFFERS_PER_DIRECTION;
	return n;
}

static void learn(struct traffic *t, const struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, ETHER_LEN);
	uint32_t flow;

	memcpy(&flow, ip + IPV4_LEN + UDP_LEN, sizeof(flow));
	if (m->data_len != ETHER_LEN + INNER_LEN || flow >= t->n_flows)
		rig_fail("what came out of the uplink is not what went in");
	t->mappings[flow] = (struct mapping){
		.addr = wire_be32(ip + IPV4_SRC),
		.port = wire_be16(ip + IPV4_LEN + UDP_SPORT),
		.seen = 1,
	};
}

/* One burst of first packets; cycles in worker_turn(). */
static uint64_t open_burst(struct traffic *t, uint32_t from, unsigned n)
{
	struct shot shots[RIG_BURST + SHOTS_AHEAD];
	struct rte_mbuf **mbufs = &t->free[FLOW_FORWARD][t->next_free[FLOW_FORWARD]];
	uint64_t begin, spent;

	for (unsigned i = 0; i < n; i++)
		traffic_forward_shot(from + i, &shots[i]);
	traffic_send(t, FLOW_FORWARD, shots, n);
	begin = rte_rdtsc();
	worker_turn(t->rig->worker);
	spent = rte_rdtsc() - begin;
	if (traffic_collect(t, FLOW_FORWARD, RIG_BURST) != n) {
		rig_check_no_drops(t->rig);
		rig_fail("a packet is still inside");
	}
	for (unsigned i = 0; i < n; i++)
		learn(t, mbufs[i]);
	return spent;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double traffic_open(struct traffic *t, uint32_t from, uint32_t to)
{
	size_t n = (to - from + RIG_BURST - 1) / RIG_BURST, kept = n - n / 50;
	uint64_t *turns = malloc(n * sizeof(*turns)), sum = 0;

	if (turns == NULL)
		rig_fail("no memory");
	t->next_free[FLOW_FORWARD] = 0; /* all are home */
	for (size_t i = 0; i < n; i++) {
		uint32_t first = from + (uint32_t)i * RIG_BURST;

		turns[i] = open_burst(t, first, to - first < RIG_BURST ? to - first : RIG_BURST);
	}
	qsort(turns, n, sizeof(*turns), compare);
	for (size_t i = 0; i < kept; i++)
		sum += turns[i];
	free(turns);
	return (double)sum / (double)kept / RIG_BURST;
}

static void shuffle(uint32_t *order, uint32_t n, uint64_t *random)
{
	for (uint32_t i = n; i > 1; i--) {
		uint32_t k = random_below(random, i), kept = order[i - 1];

		order[i - 1] = order[k];
		order[k] = kept;
	}
}

struct sequence traffic_make_sequence(const struct traffic *t, uint32_t at_least)
{
	uint32_t *order[2];
	uint64_t random = 1;
	uint32_t rounds = (at_least / 2 + t->n_flows - 1) / t->n_flows;
	uint64_t per_direction = (uint64_t)t->n_flows * (rounds == 0 ? 1 : rounds);
	struct sequence s = {.n_bursts = (uint32_t)(per_direction / PER_DIRECTION)};
	uint64_t at = 0;

	s.bytes = ((uint64_t)s.n_bursts + 1) * RIG_BURST * sizeof(struct shot);
	s.shots = memory_map(s.bytes, NULL);
	for (unsigned d = 0; d < 2; d++) {
		order[d] = malloc((size_t)t->n_flows * sizeof(uint32_t));
		if (order[d] == NULL || s.shots == NULL)
			rig_fail("no memory for a sequence of %u flows", t->n_flows);
		for (uint32_t i = 0; i < t->n_flows; i++)
			order[d][i] = i;
	}
	for (uint64_t k = 0; k < (uint64_t)s.n_bursts * PER_DIRECTION; k++) {
		uint32_t i = (uint32_t)(k % t->n_flows);

		if (i == 0) {
			shuffle(order[FLOW_FORWARD], t->n_flows, &random);
			shuffle(order[FLOW_RETURN], t->n_flows, &random);
		}
		at = k / PER_DIRECTION * RIG_BURST + k % PER_DIRECTION;
		traffic_forward_shot(order[FLOW_FORWARD][i], &s.shots[at]);
		traffic_return_shot(t, order[FLOW_RETURN][i], &s.shots[at + PER_DIRECTION]);
	}
	free(order[0]);
	free(order[1]);
	return s;
}

void traffic_free_sequence(struct sequence *s)
{
	memory_unmap(s->shots, s->bytes);
	s->shots = NULL;
}

/* The frame must be what an independent reader takes it for: addresses, ports, checksums. */
static void verify_frame(const struct traffic *t, const struct rte_mbuf *m, enum flow_dir dir)
{
	const struct mapping *map;
	struct frame f;
	const char *why;
	uint32_t flow;
	bool good;

	if (!frame_parse(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, &f, &why))
		rig_fail("a frame came out wrong: %s", why);
	flow = __builtin_bswap32((uint32_t)(f.token >> 32));
	if (flow >= t->n_flows)
		rig_fail("a frame of no flow came out");
	map = &t->mappings[flow];
	if (dir == FLOW_FORWARD)
		good = f.outer_dst == 0 && f.src == ntohl(map->addr) && f.dst == flow_dst(flow) &&
		       f.sport == ntohs(map->port) && f.dport == SERVER_PORT;
	else
		good = f.has_key && f.key == flow % RIG_SITES &&
		       f.outer_dst == IP(192, 0, 2, 1) + flow % RIG_SITES &&
		       f.src == flow_dst(flow) && f.dst == flow_src(flow) &&
		       f.sport == SERVER_PORT && f.dport == flow_sport(flow);
	if (!good || f.proto != PROTO_UDP || f.ttl != 63)
		rig_fail("flow %u: a frame came out with the wrong headers", flow);
}

void traffic_verify(struct traffic *t, const struct sequence *s)
{
	struct rte_mbuf **mbufs[2];

	for (unsigned d = 0; d < 2; d++) {
		mbufs[d] = &t->free[d][t->next_free[d]];
		traffic_send(t, d, &s->shots[d * PER_DIRECTION], PER_DIRECTION);
	}
	worker_turn(t->rig->worker);
	for (unsigned d = 0; d < 2; d++) {
		if (traffic_collect(t, d, PER_DIRECTION) != PER_DIRECTION) {
			rig_check_no_drops(t->rig);
			rig_fail("a packet is still inside");
		}
		for (unsigned i = 0; i < PER_DIRECTION; i++)
			verify_frame(t, mbufs[d][i], d);
	}
}
