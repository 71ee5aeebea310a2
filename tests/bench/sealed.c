/* Traffic through IPsec tunnels: see sealed.h. */
#include "sealed.h"

#include "../packet/frame.h"
#include "base/checksum.h"
#include "base/memory.h"
#include "base/wire.h"
#include "esp/seal.h"
#include "loop.h"

#include <rte_cycles.h>
#include <rte_ring.h>
#include <stdlib.h>

enum {
	SLICE_BURSTS = 64,
	INNER_AT = RTE_PKTMBUF_HEADROOM + ETHER_LEN + IPV4_LEN + ESP_HEADER_LEN + 8,
	WINDOW = 1024,
	FAR_SPI = 0x1000,
};

static const unsigned in_port[] = {[FLOW_FORWARD] = RIG_UNDERLAY, [FLOW_RETURN] = RIG_UPLINK};
static const unsigned out_port[] = {[FLOW_FORWARD] = RIG_UPLINK, [FLOW_RETURN] = RIG_UNDERLAY};

/* --- SAs -------------------------------------------------------------------------------------- */

static struct esp_spec spec_of(unsigned tunnel, bool outbound, uint32_t spi)
{
	return (struct esp_spec){
		.outbound = outbound,
		.spi = spi,
		.window = WINDOW,
		.encryption = ESP_AES_GCM_16,
		.key = bare_key,
		.key_len = sizeof(bare_key),
		.ends.local = addr6_from_ipv4(htonl(IP(198, 51, 100, 1))),
		.ends.remote = addr6_from_ipv4(htonl(shape_remote(tunnel))),
	};
}

static uint32_t add(struct esp_table *t, const struct esp_spec *spec)
{
	const char *why = "no room";
	uint32_t handle;

	if (esp_add(t, spec, &handle, &why) != 0)
		rig_fail("no SA: %s", why);
	return handle;
}

static void add_tunnel(struct sealed *s, unsigned tunnel)
{
	char name[16];
	struct esp_spec spec;
	uint16_t id;

	snprintf(name, sizeof(name), "t%u", tunnel);
	id = network_find_tunnel_name(s->rig->net, name);
	if (esp_reserve(s->rig->esp, &s->spis[tunnel]) != 0)
		rig_fail("no SPI is left");
	spec = spec_of(tunnel, false, s->spis[tunnel]);
	spec.tunnel = id;
	add(s->rig->esp, &spec);
	spec = spec_of(tunnel, true, FAR_SPI + tunnel);
	spec.tunnel = id;
	esp_use(s->rig->esp, add(s->rig->esp, &spec));
}

static void make_sas(struct sealed *s)
{
	struct esp_spec far = spec_of(0, true, FAR_SPI);
	unsigned tunnels = s->rig->shape.tunnels;

	s->spis = calloc(tunnels, sizeof(*s->spis));
	s->numbers = calloc(tunnels, sizeof(*s->numbers));
	s->far = esp_table_create(1);
	if (s->spis == NULL || s->numbers == NULL || s->far == NULL)
		rig_fail("no memory for SAs");
	for (unsigned t = 0; t < tunnels; t++)
		add_tunnel(s, t);
	s->far_worker = esp_worker_create(s->far, 0);
	far.tunnel = 1;
	s->far_sa = esp_place(s->far, add(s->far, &far));
}

/* --- packets ---------------------------------------------------------------------------------- */

/* Another length of the inner packet; what it has more are zeros. */
static void resize(struct shot *shot, unsigned from, unsigned to)
{
	uint8_t *ip = shot->bytes, *udp = ip + IPV4_LEN;
	be16_t old = htons((uint16_t)from), new = htons((uint16_t)to);
	be16_t old_udp = htons((uint16_t)(from - IPV4_LEN)),
	       new_udp = htons((uint16_t)(to - IPV4_LEN));
	uint64_t delta = checksum_delta16(old_udp, new_udp);

	wire_put_be16(ip + IPV4_LENGTH, new);
	wire_put_be16(ip + IPV4_CHECKSUM,
		      checksum_apply(wire_be16(ip + IPV4_CHECKSUM), checksum_delta16(old, new)));
	wire_put_be16(udp + UDP_LENGTH, new_udp);
	/* the length is in the pseudo-header, too */
	wire_put_be16(udp + UDP_CHECKSUM, checksum_apply(wire_be16(udp + UDP_CHECKSUM), 2 * delta));
}

/* By one schedule for all far ends: an SA differs in SPI and number. */
static void seal(struct sealed *s, unsigned tunnel, struct rte_mbuf *m, unsigned len)
{
	struct esp_out out = {
		.sa = s->far_sa,
		.inner = (uint8_t *)m->buf_addr + INNER_AT,
		.inner_len = (uint16_t)len,
	};

	s->far_sa->spi = htonl(s->spis[tunnel]);
	s->far_sa->window.newest = s->numbers[tunnel]++;
	esp_seal(s->far_worker, &out, 1);
	/* the address is that of the first far end, which the gateway does not look at until the
	 * ICV held; so it is mended here */
	wire_put_be32(out.outer + IPV4_SRC, htonl(shape_remote(tunnel)));
	wire_put_be32(out.outer + IPV4_DST, htonl(IP(198, 51, 100, 1)));
	wire_put_be16(out.outer + IPV4_CHECKSUM, 0);
	wire_put_be16(out.outer + IPV4_CHECKSUM, checksum_make(out.outer, IPV4_LEN));
	m->data_off = RTE_PKTMBUF_HEADROOM;
	m->data_len = (uint16_t)(out.outer_len + ETHER_LEN);
}

static void load(struct sealed *s, struct rte_mbuf *m, enum flow_dir dir, const struct shot *shot,
		 unsigned len)
{
	uint8_t *frame = (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM;
	uint8_t *inner =
		dir == FLOW_FORWARD ? (uint8_t *)m->buf_addr + INNER_AT : frame + ETHER_LEN;

	memcpy(inner, shot->bytes, SHOT_LEN);
	memset(inner + SHOT_LEN, 0, len - SHOT_LEN);
	if (dir == FLOW_FORWARD) {
		seal(s, shot_flow(shot) % s->rig->shape.tunnels, m, len);
		memcpy(frame, "\x02\0\0\0\0\x01\x02\0\0\0\0\xaa\x08\0", ETHER_LEN);
	} else {
		memcpy(frame, "\x02\0\0\0\0\x02\x02\0\0\0\0\xbb\x08\0", ETHER_LEN);
		m->data_off = RTE_PKTMBUF_HEADROOM;
		m->data_len = (uint16_t)(len + ETHER_LEN);
	}
	m->pkt_len = m->data_len;
}

/* Puts @n shots into the port's ring. Their buffers wait at the returned place. */
static struct rte_mbuf **send_shots(struct sealed *s, enum flow_dir dir, const struct shot *shots,
				    unsigned n, unsigned len)
{
	struct rte_mbuf **mbufs = &s->free[dir][s->next_free[dir]];

	for (unsigned i = 0; i < n; i++)
		load(s, mbufs[i], dir, &shots[i], len);
	if (n > 0 &&
	    rte_ring_enqueue_bulk(s->rig->ports[in_port[dir]].in[0], (void **)mbufs, n, NULL) != n)
		rig_fail("a ring is full");
	return mbufs;
}

static void collect(struct sealed *s, enum flow_dir dir, unsigned n)
{
	struct rte_mbuf **mbufs = &s->free[dir][s->next_free[dir]];

	if (n > 0 && rte_ring_dequeue_bulk(s->rig->ports[out_port[dir]].out[0], (void **)mbufs, n,
					   NULL) != n) {
		rig_check_no_drops(s->rig);
		rig_fail("a packet is still inside");
	}
	s->next_free[dir] = (s->next_free[dir] + n) % SEALED_BUFFERS;
	if (s->next_free[dir] + RIG_BURST > SEALED_BUFFERS)
		s->next_free[dir] = 0;
}

/* --- flows ------------------------------------------------------------------------------------ */

static void open_flows(struct sealed *s)
{
	for (uint32_t first = 0; first < s->n_flows; first += RIG_BURST) {
		uint32_t left = s->n_flows - first;
		unsigned n = left < RIG_BURST ? left : RIG_BURST;
		struct shot shots[RIG_BURST];
		struct rte_mbuf **mbufs;

		for (unsigned i = 0; i < n; i++)
			shot_forward_in(&s->rig->shape, first + i, &shots[i]);
		mbufs = send_shots(s, FLOW_FORWARD, shots, n, INNER_LEN);
		worker_turn(s->rig->workers[0]);
		collect(s, FLOW_FORWARD, n);
		for (unsigned i = 0; i < n; i++)
			shot_learn(mbufs[i], s->mappings, s->n_flows);
	}
}

static void make_shots(struct sealed *s)
{
	for (unsigned d = 0; d < 2; d++) {
		s->shots[d] = memory_map(s->n_flows * sizeof(struct shot), NULL);
		if (s->shots[d] == NULL)
			rig_fail("no memory for shots");
	}
	for (uint32_t i = 0; i < s->n_flows; i++) {
		shot_forward_in(&s->rig->shape, i, &s->shots[FLOW_FORWARD][i]);
		shot_return_in(&s->rig->shape, i, &s->mappings[i], &s->shots[FLOW_RETURN][i]);
	}
	for (unsigned d = 0; d < 2; d++)
		shots_shuffle(s->shots[d], s->n_flows);
}

/* --- the check -------------------------------------------------------------------------------- */

static void verify_forward(const struct sealed *s, const struct rte_mbuf *m)
{
	if (m->data_len != ETHER_LEN + s->inner_len)
		rig_fail("a packet came out of its tunnel with another length");
	shot_verify(m, FLOW_FORWARD, &s->rig->shape, s->mappings, s->n_flows);
}

/* Opened by OpenSSL, and read by code that shares nothing with the data plane. */
static void verify_return(const struct sealed *s, const struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, ETHER_LEN);
	const uint8_t *esp = ip + IPV4_LEN;
	uint8_t frame[2048] = "\x02\0\0\0\0\x02\x02\0\0\0\0\xbb\x08\0";
	size_t len =
		bare_open_esp(s->bare, esp, m->data_len - ETHER_LEN - IPV4_LEN, frame + ETHER_LEN);
	uint32_t tunnel, flow;
	const char *why = "the ICV is wrong";
	struct frame f;

	if (len <= s->inner_len || !frame_parse(frame, ETHER_LEN + s->inner_len, &f, &why))
		rig_fail("a sealed packet came out wrong: %s", why);
	flow = __builtin_bswap32((uint32_t)(f.token >> 32));
	tunnel = flow % s->rig->shape.tunnels;
	if (flow >= s->n_flows || f.dst != shape_src(&s->rig->shape, flow) ||
	    f.dport != shape_sport(&s->rig->shape, flow) || f.ttl != 63 ||
	    wire_be32(esp) != htonl(FAR_SPI + tunnel) ||
	    wire_be32(ip + IPV4_DST) != htonl(shape_remote(tunnel)))
		rig_fail("flow %u: a sealed packet came out with the wrong headers", flow);
}

static void verify(struct sealed *s)
{
	struct rte_mbuf **out =
		send_shots(s, FLOW_FORWARD, s->shots[FLOW_FORWARD], RIG_BURST / 2, s->inner_len);
	struct rte_mbuf **in =
		send_shots(s, FLOW_RETURN, s->shots[FLOW_RETURN], RIG_BURST / 2, s->inner_len);

	worker_turn(s->rig->workers[0]);
	collect(s, FLOW_FORWARD, RIG_BURST / 2);
	collect(s, FLOW_RETURN, RIG_BURST / 2);
	for (unsigned i = 0; i < RIG_BURST / 2; i++) {
		verify_forward(s, out[i]);
		verify_return(s, in[i]);
	}
}

/* --- life ------------------------------------------------------------------------------------- */

struct sealed *sealed_create(const struct shape *shape, uint32_t n_flows, struct bare *bare)
{
	struct sealed *s = calloc(1, sizeof(*s));

	if (s == NULL)
		rig_fail("no memory");
	s->n_flows = n_flows;
	s->inner_len = INNER_LEN;
	s->bare = bare;
	s->rig = rig_create_shape(n_flows, shape);
	make_sas(s);
	s->mappings = memory_map((size_t)n_flows * sizeof(s->mappings[0]), NULL);
	if (s->mappings == NULL)
		rig_fail("no memory for %u flows", n_flows);
	for (unsigned d = 0; d < 2; d++)
		rig_buffers(s->free[d], SEALED_BUFFERS);
	open_flows(s);
	make_shots(s);
	verify(s);
	return s;
}

void sealed_destroy(struct sealed *s)
{
	rig_check_no_drops(s->rig);
	for (unsigned d = 0; d < 2; d++) {
		rte_pktmbuf_free_bulk(s->free[d], SEALED_BUFFERS);
		memory_unmap(s->shots[d], s->n_flows * sizeof(struct shot));
	}
	memory_unmap(s->mappings, (size_t)s->n_flows * sizeof(s->mappings[0]));
	esp_worker_destroy(s->far_worker);
	esp_table_destroy(s->far);
	free(s->spis);
	free(s->numbers);
	rig_destroy(s->rig);
	free(s);
}

void sealed_resize(struct sealed *s, unsigned inner_len)
{
	for (unsigned d = 0; d < 2; d++)
		for (uint32_t i = 0; i < s->n_flows; i++)
			resize(&s->shots[d][i], s->inner_len, inner_len);
	s->inner_len = inner_len;
	verify(s);
}

/* --- timing ----------------------------------------------------------------------------------- */

static void send_next(struct sealed *s, enum flow_dir dir, unsigned n)
{
	if (s->next[dir] + n > s->n_flows)
		s->next[dir] = 0;
	send_shots(s, dir, &s->shots[dir][s->next[dir]], n, s->inner_len);
	s->next[dir] += n;
}

static uint64_t run_burst(struct sealed *s, unsigned opened)
{
	uint64_t begin, spent;

	send_next(s, FLOW_FORWARD, opened);
	send_next(s, FLOW_RETURN, RIG_BURST - opened);
	begin = rte_rdtsc();
	worker_turn(s->rig->workers[0]);
	spent = rte_rdtsc() - begin;
	collect(s, FLOW_FORWARD, opened);
	collect(s, FLOW_RETURN, RIG_BURST - opened);
	return spent;
}

double sealed_run(struct sealed *s, unsigned opened, uint64_t packets)
{
	size_t n = packets / (SLICE_BURSTS * RIG_BURST) + 1, kept = 0;
	double *slices = malloc(n * sizeof(*slices)), middle;

	if (slices == NULL)
		rig_fail("no memory");
	for (size_t i = 0; i < n; i++) {
		uint64_t before = rig_preemptions(), sum = 0;

		for (unsigned k = 0; k < SLICE_BURSTS; k++)
			sum += run_burst(s, opened);
		if (rig_preemptions() == before || i + 1 == n)
			slices[kept++] = (double)sum / (SLICE_BURSTS * RIG_BURST);
	}
	middle = median(slices, kept);
	free(slices);
	return middle;
}
