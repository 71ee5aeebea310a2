/*
 * memif: real I/O without the kernel. Packets go through shared memory to a generator in another
 * process on another core, and back.
 *
 *   memif             the gateway: the worker loop on two memif ports, until it is told to end
 *   memif-generator   opens all flows, sends random packets of both directions, prints the rate
 *
 * The generator keeps at most WINDOW packets of each direction on their way and sends what came back
 * again, so that nothing is lost and the slower of the two sets the rate. It runs the same loop
 * against the pass-through (memif-through) to show what the two ports alone can do.
 */
#include "figures.h"

#include "loop.h"
#include "traffic.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

enum {
	WINDOW = 768, /* packets on their way, of a direction */
	OPEN_WINDOW = 256,
	LINK_S = 10,
	STILL_S = 5, /* nothing came back for so long: lost */
	WINDOW_MS = 100,
	WINDOWS = 32,
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	stopped = 1;
}

void figure_memif(const struct figure_options *o)
{
	struct rig *rig = rig_create_memif(o->flows);

	signal(SIGTERM, stop);
	puts("ready");
	fflush(stdout);
	while (!stopped)
		worker_turn(rig->workers[0]);
	rig_check_no_drops(rig);
	rig_destroy(rig);
}

void figure_memif_through(const struct figure_options *o)
{
	struct rig *rig = rig_create_memif(o->flows);

	signal(SIGTERM, stop);
	puts("ready");
	fflush(stdout);
	while (!stopped)
		loop_through(rig);
	rig_destroy(rig);
}

struct generator {
	uint16_t ethdevs[RIG_PORTS];
	struct templates templates;
	uint32_t n_flows;
	struct mapping *mappings;
	struct rte_mbuf *frames[2][RIG_BURST]; /* ours for ever: sending copies them */
	uint64_t sent[2], received[2];
};

static const unsigned in_port[] = {[FLOW_FORWARD] = RIG_UNDERLAY, [FLOW_RETURN] = RIG_UPLINK};
static const unsigned out_port[] = {[FLOW_FORWARD] = RIG_UPLINK, [FLOW_RETURN] = RIG_UNDERLAY};

/* Sends up to @n; a second reference keeps the frames from being freed. */
static unsigned generator_send(struct generator *g, enum flow_dir dir, const struct shot *shots,
			       unsigned n)
{
	struct rte_mbuf **frames = g->frames[dir];
	unsigned sent;

	for (unsigned i = 0; i < n; i++) {
		shot_load(frames[i], &g->templates, dir, &shots[i]);
		rte_mbuf_refcnt_set(frames[i], 2);
	}
	sent = rte_eth_tx_burst(g->ethdevs[in_port[dir]], 0, frames, (uint16_t)n);
	g->sent[dir] += sent;
	return sent;
}

static unsigned generator_receive(struct generator *g, enum flow_dir dir, bool learn)
{
	struct rte_mbuf *mbufs[RIG_BURST];
	uint16_t n = rte_eth_rx_burst(g->ethdevs[out_port[dir]], 0, mbufs, RIG_BURST);

	for (uint16_t i = 0; i < n && learn; i++)
		shot_learn(mbufs[i], g->mappings, g->n_flows);
	if (n > 0)
		rte_pktmbuf_free_bulk(mbufs, n);
	g->received[dir] += n;
	return n;
}

static void wait_for_link(struct generator *g)
{
	uint64_t end = rig_now_ns() + LINK_S * UINT64_C(1000000000);

	for (unsigned i = 0; i < RIG_PORTS;) {
		struct rte_eth_link link;

		rte_eth_link_get_nowait(g->ethdevs[i], &link);
		if (link.link_status == RTE_ETH_LINK_UP)
			i++;
		else if (rig_now_ns() > end)
			rig_fail("no gateway on the other side of the memif");
		else
			usleep(1000);
	}
}

static void generator_open(struct generator *g)
{
	struct shot shots[RIG_BURST + SHOTS_AHEAD];
	uint64_t last = rig_now_ns();
	uint32_t next = 0;

	while (g->received[FLOW_FORWARD] < g->n_flows) {
		unsigned n = g->n_flows - next < RIG_BURST ? g->n_flows - next : RIG_BURST;

		if (g->sent[FLOW_FORWARD] - g->received[FLOW_FORWARD] < OPEN_WINDOW && n > 0) {
			for (unsigned i = 0; i < n; i++)
				shot_forward(next + i, &shots[i]);
			next += generator_send(g, FLOW_FORWARD, shots, n);
		}
		if (generator_receive(g, FLOW_FORWARD, true) > 0)
			last = rig_now_ns();
		else if (rig_now_ns() - last > STILL_S * UINT64_C(1000000000))
			rig_fail("%" PRIu64 " first packets were lost",
				 g->sent[0] - g->received[0]);
	}
}

static void generator_turn(struct generator *g, struct sequence *s, uint32_t next[2])
{
	for (unsigned d = 0; d < 2; d++) {
		const struct shot *shots =
			&s->shots[(uint64_t)next[d] * RIG_BURST + d * PER_DIRECTION];

		if (g->sent[d] - g->received[d] < WINDOW &&
		    generator_send(g, d, shots, PER_DIRECTION) > 0)
			next[d] = next[d] + 1 < s->n_bursts ? next[d] + 1 : 0;
		generator_receive(g, d, false);
	}
}

/* Mpps in windows of time; the median. */
static double generator_run(struct generator *g, struct sequence *s)
{
	uint32_t next[2] = {0};
	double rates[WINDOWS];

	for (unsigned w = 0; w < WINDOWS; w++) {
		uint64_t before = g->received[0] + g->received[1], begin = rig_now_ns(), took;

		while ((took = rig_now_ns() - begin) < WINDOW_MS * UINT64_C(1000000))
			for (unsigned i = 0; i < 64; i++)
				generator_turn(g, s, next);
		rates[w] = (double)(g->received[0] + g->received[1] - before) * 1e3 / (double)took;
	}
	return median(rates, WINDOWS);
}

/* Where nothing rewrites, answers go to where the answers of flow 0 would. */
static void pretend_open(struct generator *g)
{
	for (uint32_t i = 0; i < g->n_flows; i++)
		g->mappings[i] = (struct mapping){.addr = htonl(0xcb007101), .port = htons(2048)};
}

/* DPDK's memif takes a queue away under a reader's feet: the gateway must end first. */
static void outlive_gateway(struct generator *g)
{
	uint64_t end = rig_now_ns() + LINK_S * UINT64_C(1000000000);
	struct rte_eth_link link = {.link_status = RTE_ETH_LINK_UP};

	while (link.link_status == RTE_ETH_LINK_UP && rig_now_ns() < end) {
		usleep(10000);
		rte_eth_link_get_nowait(g->ethdevs[0], &link);
	}
}

static void generate(const struct figure_options *o, bool through)
{
	struct generator *g = aligned_alloc(64, (sizeof(*g) + 63) & ~(size_t)63);
	struct traffic view = {.n_flows = o->flows};
	struct sequence s;

	if (g == NULL)
		rig_fail("no memory");
	memset(g, 0, sizeof(*g));
	g->n_flows = o->flows;
	g->mappings = view.mappings = calloc(o->flows, sizeof(*g->mappings));
	if (g->mappings == NULL)
		rig_fail("no memory");
	shots_templates(&g->templates, &shape_usual);
	rig_memif_ports(g->ethdevs);
	for (unsigned d = 0; d < 2; d++)
		rig_buffers(g->frames[d], RIG_BURST);
	wait_for_link(g);
	if (through)
		pretend_open(g);
	else
		generator_open(g);
	s = traffic_make_sequence(&view, 1 << 16);
	for (unsigned i = 0; i < o->repeat; i++) {
		printf("{\"flows\": %u, \"mpps\": %.3f}\n", o->flows, generator_run(g, &s));
		fflush(stdout);
	}
	outlive_gateway(g);
	traffic_free_sequence(&s);
	free(g->mappings);
	free(g);
}

void figure_memif_generator(const struct figure_options *o)
{
	generate(o, false);
}

void figure_memif_generator_through(const struct figure_options *o)
{
	generate(o, true);
}
