/*
 * The bed of packet tests: see bed.h.
 *
 * Ports are DPDK's rings-as-ports, as the memory driver makes them. DPDK starts once a process,
 * without huge pages and without touching the machine.
 */
#include "bed.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cmocka.h>

enum {
	RING_SIZE = 1024,
	BUFFERS = 8191,
	BUFFER_SIZE = 2048 + RTE_PKTMBUF_HEADROOM,
};

struct bed_port {
	struct rte_ring *in, *out;
	uint16_t ethdev;
};

struct bed {
	struct config *config;
	struct network *net;
	struct adjacency *adj;
	struct rte_mempool *pool;
	struct bed_port ports[PORTS_MAX];
	struct worker_port worker_ports[PORTS_MAX];
	struct worker *worker;
};

static void start_dpdk(void)
{
	static bool started;
	char *args[] = {(char *)"packet-test",
			(char *)"--no-huge",
			(char *)"--no-shconf",
			(char *)"--no-pci",
			(char *)"-m",
			(char *)"256",
			(char *)"--no-telemetry",
			(char *)"--log-level=error",
			NULL};

	if (started)
		return;
	assert_true(rte_eal_init(ARRAY_SIZE(args) - 1, args) >= 0);
	started = true;
}

static void read_config(struct bed *bed, const char *yaml)
{
	struct err_list errs = ERR_LIST_EMPTY;

	bed->config = config_parse("test.yaml", yaml, strlen(yaml), &errs);
	if (bed->config == NULL) {
		err_print(&errs, stderr);
		fail_msg("the test's configuration is wrong");
	}
	err_list_fini(&errs);
	bed->net = network_create(&bed->config->network);
	assert_non_null(bed->net);
}

static void open_port(struct bed *bed, unsigned i, unsigned serial)
{
	const struct rte_eth_conf conf = {0};
	struct bed_port *port = &bed->ports[i];
	char name[RTE_RING_NAMESIZE];
	int ethdev;

	snprintf(name, sizeof(name), "in-%u-%u", serial, i);
	port->in = rte_ring_create(name, RING_SIZE, SOCKET_ID_ANY, 0);
	snprintf(name, sizeof(name), "out-%u-%u", serial, i);
	port->out = rte_ring_create(name, RING_SIZE, SOCKET_ID_ANY, 0);
	assert_non_null(port->in);
	assert_non_null(port->out);
	snprintf(name, sizeof(name), "port-%u-%u", serial, i);
	ethdev = rte_eth_from_rings(name, &port->in, 1, &port->out, 1, 0);
	assert_true(ethdev >= 0);
	port->ethdev = (uint16_t)ethdev;

	assert_int_equal(rte_eth_dev_configure(port->ethdev, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(port->ethdev, 0, 512, 0, NULL, bed->pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(port->ethdev, 0, 512, 0, NULL), 0);
	assert_int_equal(rte_eth_dev_start(port->ethdev), 0);
	bed->worker_ports[i] = (struct worker_port){
		.ethdev = port->ethdev,
		.mtu = 1500,
		.mac = {2, 0, 0, 0, 0, (uint8_t)(i + 1)},
		.answer_arp_for_tunnels = true,
	};
}

/* Every port: one default route to its next-hop-mac. Hop number = port number + 1. */
static void make_adjacency(struct bed *bed)
{
	struct hop hops[PORTS_MAX + 1] = {0};
	struct adjacency_route routes[PORTS_MAX] = {0};
	uint16_t *tunnel_hops = calloc(bed->net->n_tunnels + 1, sizeof(*tunnel_hops));
	size_t n = bed->config->n_ports;

	assert_non_null(tunnel_hops);
	for (size_t i = 0; i < n; i++) {
		struct hop *hop = &hops[i + 1];

		memcpy(hop->dst_mac, bed->config->ports[i].next_hop_mac, 6);
		memcpy(hop->src_mac, bed->worker_ports[i].mac, 6);
		hop->mtu = 1500;
		hop->port = (uint8_t)i;
		hop->resolved = true;
		routes[i].port = (uint8_t)i;
		routes[i].hop = (uint16_t)(i + 1);
	}
	for (uint32_t t = 1; t <= bed->net->n_tunnels; t++)
		tunnel_hops[t] = (uint16_t)(bed->net->tunnels[t].port + 1);

	bed->adj = adjacency_create(&(struct adjacency_spec){
		.hops = hops,
		.n_hops = n + 1,
		.routes = routes,
		.n_routes = n,
		.tunnel_hops = tunnel_hops,
		.n_tunnels = bed->net->n_tunnels,
	});
	assert_non_null(bed->adj);
	free(tunnel_hops);
}

static void make_worker(struct bed *bed, uint64_t seed)
{
	uint8_t secret[16] = "packet tests    ";
	struct worker_config config = {
		.flows_capacity = bed->config->flows_capacity,
		.timeout_s =
			{
				[FLOW_UDP] = bed->config->timeout_udp,
				[FLOW_ICMP] = bed->config->timeout_icmp,
				[FLOW_TCP_OPENING] = bed->config->timeout_tcp_transitory,
				[FLOW_TCP_ANSWERED] = bed->config->timeout_tcp_transitory,
				[FLOW_TCP_ESTABLISHED] = bed->config->timeout_tcp_established,
				[FLOW_TCP_FIN_FORWARD] = bed->config->timeout_tcp_transitory,
				[FLOW_TCP_FIN_RETURN] = bed->config->timeout_tcp_transitory,
				[FLOW_TCP_CLOSED] = bed->config->timeout_tcp_transitory,
			},
		.count = 1,
		.ports = bed->worker_ports,
		.n_ports = (uint16_t)bed->config->n_ports,
		.net = bed->net,
		.adj = bed->adj,
		.cpu = -1,
		.seed = secret,
	};

	memcpy(secret, &seed, sizeof(seed));
	bed->worker = worker_create(&config);
	assert_non_null(bed->worker);
}

struct bed *bed_create(const char *yaml, uint64_t seed)
{
	static unsigned serial;
	struct bed *bed = calloc(1, sizeof(*bed));
	char name[RTE_MEMPOOL_NAMESIZE];

	assert_non_null(bed);
	start_dpdk();
	read_config(bed, yaml);
	snprintf(name, sizeof(name), "bed-%u", serial);
	bed->pool = rte_pktmbuf_pool_create(name, BUFFERS, 0, 0, BUFFER_SIZE, SOCKET_ID_ANY);
	assert_non_null(bed->pool);
	for (unsigned i = 0; i < bed->config->n_ports; i++)
		open_port(bed, i, serial);
	serial++;
	make_adjacency(bed);
	make_worker(bed, seed);
	return bed;
}

void bed_destroy(struct bed *bed)
{
	worker_destroy(bed->worker);
	for (unsigned i = 0; i < bed->config->n_ports; i++) {
		rte_eth_dev_stop(bed->ports[i].ethdev);
		rte_eth_dev_close(bed->ports[i].ethdev);
		rte_ring_free(bed->ports[i].in);
		rte_ring_free(bed->ports[i].out);
	}
	adjacency_destroy(bed->adj);
	network_destroy(bed->net);
	config_destroy(bed->config);
	rte_mempool_free(bed->pool);
	free(bed);
}

struct worker *bed_worker(struct bed *bed)
{
	return bed->worker;
}

const struct network *bed_network(struct bed *bed)
{
	return bed->net;
}

void bed_send(struct bed *bed, unsigned port, const void *frame, size_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(bed->pool);
	char *room;

	assert_non_null(m);
	room = rte_pktmbuf_append(m, (uint16_t)len);
	assert_non_null(room);
	memcpy(room, frame, len);
	assert_int_equal(rte_ring_enqueue(bed->ports[port].in, m), 0);
}

void bed_run(struct bed *bed)
{
	while (worker_turn(bed->worker) > 0)
		;
}

size_t bed_take(struct bed *bed, unsigned port, void *frame)
{
	struct rte_mbuf *m;
	size_t len;

	if (rte_ring_dequeue(bed->ports[port].out, (void **)&m) != 0)
		return 0;
	len = m->data_len;
	assert_true(len <= BED_FRAME_MAX && m->nb_segs == 1 && m->pkt_len == len);
	memcpy(frame, rte_pktmbuf_mtod(m, void *), len);
	rte_pktmbuf_free(m);
	return len;
}

struct worker_counters bed_counters(struct bed *bed)
{
	struct worker_counters c;

	worker_turn(bed->worker); /* idle: what was counted last is published now */
	worker_read_counters(bed->worker, &c);
	return c;
}

void bed_check(struct bed *bed)
{
	struct worker_counters c = bed_counters(bed);
	uint64_t drops = 0;

	for (unsigned i = 0; i < DROP_COUNT; i++)
		drops += c.drops[i];
	assert_int_equal(c.rx, c.tx + c.held + drops);
	assert_int_equal(c.flows, c.flows_created - c.flows_ended);
	for (unsigned i = 0; i < bed->config->n_ports; i++) {
		assert_int_equal(rte_ring_count(bed->ports[i].in), 0);
		assert_int_equal(rte_ring_count(bed->ports[i].out), 0);
	}
	assert_int_equal(rte_mempool_in_use_count(bed->pool), 0);
}
