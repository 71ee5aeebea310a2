/* The rig: see rig.h. One DPDK a process; rings and ports are named by a serial number. */
#include "rig.h"

#include "base/err.h"
#include "base/types.h"
#include "esp/sa.h"
#include "path/handover.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

enum {
	RING_SIZE = 512,
	BUFFERS = 1023,
	BUFFERS_MEMIF = 8191,
	BUFFERS_CACHED = 256, /* those given back last are used first */
	BUFFER_SIZE = 512 + RTE_PKTMBUF_HEADROOM,
	BUFFER_SIZE_LARGE = RTE_MBUF_DEFAULT_BUF_SIZE,
	HUGE_PAGES_FOR_DPDK = 24,
};

static struct rte_mempool *pool;

void rig_fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("bench: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

uint64_t rig_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t rig_preemptions(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nivcsw;
}

static long free_huge_pages(void)
{
	FILE *in = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	long n = 0;

	if (in == NULL)
		return 0;
	if (fscanf(in, "%ld", &n) != 1)
		n = 0;
	fclose(in);
	return n;
}

const char *rig_memory(uint64_t bytes)
{
	return (uint64_t)free_huge_pages() << 21 >= bytes ? "hugetlbfs" : "transparent";
}

static void make_pool(bool memif, bool large)
{
	pool = rte_pktmbuf_pool_create("bench", memif ? BUFFERS_MEMIF : BUFFERS,
				       memif ? BUFFERS_CACHED : 0, 0,
				       large ? BUFFER_SIZE_LARGE : BUFFER_SIZE, SOCKET_ID_ANY);
	if (pool == NULL)
		rig_fail("no memory for packet buffers");
}

void rig_start_dpdk(int cpu, enum rig_start how, const char *socket)
{
	bool memif = how == RIG_MEMIF_SERVER || how == RIG_MEMIF_CLIENT;
	bool huge = how != RIG_SMALL_PAGES && free_huge_pages() > HUGE_PAGES_FOR_DPDK;
	char cpus[16], vdevs[RIG_PORTS][128];
	char *args[] = {
		(char *)"bench",
		(char *)"-l",
		cpus,
		(char *)"--no-shconf",
		(char *)"--no-pci",
		(char *)"--no-telemetry",
		(char *)"--log-level=error",
		(char *)"--force-max-simd-bitwidth=256",
		(char *)"-m",
		(char *)"48",
		(char *)(huge ? "--in-memory" : "--no-huge"),
		vdevs[0],
		vdevs[1],
		NULL,
	};
	int n = (int)ARRAY_SIZE(args) - 1 - (memif ? 0 : RIG_PORTS);

	snprintf(cpus, sizeof(cpus), "%d", cpu);
	for (unsigned i = 0; i < RIG_PORTS; i++)
		snprintf(vdevs[i], sizeof(vdevs[i]),
			 "--vdev=net_memif%u,role=%s,id=%u,socket=%s,socket-abstract=%s", i,
			 how == RIG_MEMIF_SERVER ? "server" : "client", i, socket,
			 socket[0] == '/' ? "no" : "yes");
	if (rte_eal_init(n, args) < 0)
		rig_fail("DPDK does not start");
	make_pool(memif, how == RIG_LARGE_BUFFERS);
}

void rig_buffers(struct rte_mbuf **mbufs, unsigned n)
{
	if (rte_pktmbuf_alloc_bulk(pool, mbufs, n) != 0)
		rig_fail("no packet buffers left");
	for (unsigned i = 0; i < n; i++)
		memset(mbufs[i]->buf_addr, 0, mbufs[i]->buf_len);
}

static const struct rig_egress usual = {.addresses = 4, .slices = 31, .slice_size = 2048};

static void read_config(struct rig *rig, const char *yaml)
{
	struct err_list errs = ERR_LIST_EMPTY;

	rig->config = config_parse("bench.yaml", yaml, strlen(yaml), &errs);
	if (rig->config == NULL) {
		err_print(&errs, stderr);
		rig_fail("the configuration is wrong");
	}
	err_list_fini(&errs);
	rig->net = network_create(&rig->config->network, NULL);
	if (rig->net == NULL)
		rig_fail("no memory for the network");
}

static struct rte_ring *make_ring(const char *what, unsigned serial, unsigned i, unsigned queue)
{
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *ring;

	snprintf(name, sizeof(name), "%s-%u-%u-%u", what, serial, i, queue);
	ring = rte_ring_create(name, RING_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (ring == NULL)
		rig_fail("no memory for rings");
	return ring;
}

static void start_port(uint16_t ethdev, uint16_t queues)
{
	const struct rte_eth_conf conf = {0};
	int ret = rte_eth_dev_configure(ethdev, queues, queues, &conf);

	for (uint16_t q = 0; q < queues && ret == 0; q++) {
		ret = rte_eth_rx_queue_setup(ethdev, q, 512, 0, NULL, pool);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(ethdev, q, 512, 0, NULL);
	}
	if (ret == 0)
		ret = rte_eth_dev_start(ethdev);
	if (ret != 0)
		rig_fail("no port in memory: %s", rte_strerror(-ret));
}

static void open_port(struct rig *rig, unsigned i, unsigned serial)
{
	struct rig_port *port = &rig->ports[i];
	unsigned queues = rig->n_workers;

	for (unsigned q = 0; q < queues; q++) {
		port->in[q] = make_ring("in", serial, i, q);
		port->out[q] = make_ring("out", serial, i, q);
	}
	for (unsigned w = 0; w < queues; w++) {
		char name[RTE_ETH_NAME_MAX_LEN];
		int ethdev;

		snprintf(name, sizeof(name), "port-%u-%u-%u", serial, i, w);
		ethdev = rte_eth_from_rings(name, port->in, queues, port->out, queues, 0);
		if (ethdev < 0)
			rig_fail("no port in memory");
		port->ethdevs[w] = (uint16_t)ethdev;
		start_port(port->ethdevs[w], (uint16_t)queues);
	}
}

void rig_memif_ports(uint16_t ethdevs[RIG_PORTS])
{
	for (unsigned i = 0; i < RIG_PORTS; i++) {
		char name[RTE_ETH_NAME_MAX_LEN];

		snprintf(name, sizeof(name), "net_memif%u", i);
		if (rte_eth_dev_get_port_by_name(name, &ethdevs[i]) != 0)
			rig_fail("no memif port: is DPDK's memif driver installed?");
		start_port(ethdevs[i], 1);
	}
}

static struct worker_port describe_port(const struct rig *rig, unsigned i, unsigned worker)
{
	return (struct worker_port){
		.ethdev = rig->ports[i].ethdevs[worker],
		.mtu = 1500,
		.n_queues = (uint16_t)rig->n_queues,
		.mac = {2, 0, 0, 0, 0, (uint8_t)(i + 1)},
		.answer_arp_for_tunnels = true,
	};
}

static void close_port(const struct rig *rig, const struct rig_port *port)
{
	for (unsigned w = 0; w < rig->n_workers; w++) {
		rte_eth_dev_stop(port->ethdevs[w]);
		rte_eth_dev_close(port->ethdevs[w]);
	}
	for (unsigned q = 0; q < rig->n_workers; q++) {
		rte_ring_free(port->in[q]);
		rte_ring_free(port->out[q]);
	}
}

/* Every port has a default route, and the uplink those of the shape. */
static struct route4 *make_routes(const struct rig *rig, uint16_t first, size_t *n)
{
	struct route4 *routes;

	*n = RIG_PORTS + rig->shape.routes;
	routes = calloc(*n, sizeof(*routes));
	if (routes == NULL)
		rig_fail("no memory for routes");
	for (unsigned i = 0; i < RIG_PORTS; i++)
		routes[i] = (struct route4){.port = (uint8_t)i, .nexthop = (uint16_t)(first + i)};
	for (unsigned i = 0; i < rig->shape.routes; i++)
		routes[RIG_PORTS + i] = (struct route4){
			.prefix = shape_route(i),
			.port = RIG_UPLINK,
			.nexthop = (uint16_t)(first + RIG_UPLINK),
		};
	return routes;
}

/*
 * The routes of the virtual network: all to the egress pool, or the one to the private servers. The
 * caller frees the rows.
 */
static void make_vnet_routes(const struct rig *rig, struct routes_spec *spec,
			     struct route_choice *choice)
{
	struct vnet_route *rows = calloc(rig->shape.vnet_routes + 1u, sizeof(*rows));
	const struct network *net = rig->net;

	if (rows == NULL)
		rig_fail("no memory for routes");
	*choice = (struct route_choice){.n = 1, .targets[0] = {.kind = TARGET_EGRESS, .weight = 1}};
	for (unsigned i = 0; i < rig->shape.vnet_routes; i++) {
		struct prefix4 p = shape_route(i);

		rows[i].prefix.addr = addr6_from_ipv4(p.addr);
		rows[i].prefix.len = (uint8_t)(MAPPED_BITS + p.len);
	}
	spec->vnet_routes = rows;
	spec->n_vnet_routes = rig->shape.vnet_routes;
	if (rig->shape.is_private) {
		choice->targets[0].kind = TARGET_SITE;
		choice->targets[0].far = network_find_site(net, "dc");
		choice->targets[0].nexthop = network_find_tunnel_name(net, "dc");
		rows[0].prefix = net->spec.vnets[0].routes[0].prefix;
		spec->n_vnet_routes = 1;
	}
	spec->n_vnets = spec->n_vnet_routes > 0;
	spec->choices = choice;
	spec->n_choices = 1;
}

/* The neighbour of a port has the id: highest of a tunnel + port number + 1. */
static void make_nexthops(struct rig *rig)
{
	uint16_t first = (uint16_t)(rig->net->max_tunnel + 1);
	struct nexthop *at = calloc(first + RIG_PORTS, sizeof(*at));
	uint8_t macs[RIG_PORTS][6] = {0};
	struct nexthops_spec spec;
	struct route_choice choice;
	struct route4 *routes;
	size_t n;

	if (at == NULL)
		rig_fail("no memory");
	for (unsigned i = 0; i < RIG_PORTS; i++) {
		memcpy(macs[i], describe_port(rig, i, 0).mac, 6);
		at[first + i] = nexthop_to_neighbour((uint8_t)i, macs[i],
						     rig->config->ports[i].next_hop_mac, 1500);
	}
	for (uint16_t t = 1; t < first; t++) {
		uint16_t via = (uint16_t)(first + rig->net->tunnels[t].port);

		at[t] = nexthop_to_tunnel(rig->net, t, via, &at[via], rig->net->tunnels[t].mtu);
	}
	routes = make_routes(rig, first, &n);
	spec = (struct nexthops_spec){
		.at = at,
		.n = first + RIG_PORTS,
		.macs = (const uint8_t(*)[6])macs,
		.n_macs = RIG_PORTS,
		.routes = {.routes = routes, .n_routes = n},
	};
	make_vnet_routes(rig, &spec.routes, &choice);
	rig->nexthops = nexthops_create(&spec);
	if (rig->nexthops == NULL)
		rig_fail("no memory for neighbours");
	free((void *)spec.routes.vnet_routes);
	free(routes);
	free(at);
}

/* Each worker has devices of its own. */
static void make_snapshot(struct rig *rig, unsigned worker)
{
	struct snapshot *s = &rig->snapshots[worker];

	*s = (struct snapshot){
		.generation = 1,
		.net = rig->net,
		.nexthops = rig->nexthops,
		.settings.rest_s = RIG_REST_S,
		.n_ports = RIG_PORTS,
	};
	for (unsigned state = FLOW_FREE + 1; state < FLOW_STATE_COUNT; state++)
		s->settings.timers.state_s[state] = RIG_TIMEOUT_S;
	for (unsigned i = 0; i < RIG_PORTS; i++)
		s->ports[i] = describe_port(rig, i, worker);
}

static void make_workers(struct rig *rig)
{
	static const uint8_t secret[17] = "benchmark secret";
	struct worker_config config = {
		.flows_capacity = rig->config->flows_capacity,
		.count = (uint16_t)rig->n_workers,
		.handover = rig->handover,
		.cpu = -1,
		.poll = true,
		.esp = rig->esp,
		.secret = secret,
	};
	uint64_t begin;

	begin = rig_now_ns();
	for (unsigned i = 0; i < rig->n_workers; i++) {
		make_snapshot(rig, i);
		config.snapshot = &rig->snapshots[i];
		config.index = (uint16_t)i;
		rig->workers[i] = worker_create(&config);
		if (rig->workers[i] == NULL)
			rig_fail("no worker with %u flows: %s", config.flows_capacity,
				 strerror(errno));
	}
	rig->create_ns = rig_now_ns() - begin;
	for (unsigned i = 0; i < rig->n_workers; i++) /* it was not just started */
		worker_advance_clock(rig->workers[i], RIG_REST_S + 2);
}

static struct rig *finish(struct rig *rig)
{
	make_nexthops(rig);
	if (rig->n_workers > 1) {
		rig->handover = handover_create((uint16_t)rig->n_workers, NULL);
		if (rig->handover == NULL)
			rig_fail("no memory for hand-over rings");
	}
	if (rig->shape.is_sealed) {
		rig->esp = esp_table_create((uint16_t)rig->n_workers);
		if (rig->esp == NULL)
			rig_fail("no memory for SAs");
	}
	make_workers(rig);
	return rig;
}

static struct rig *begin(const char *yaml, unsigned workers, const struct shape *shape)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	if (rig == NULL)
		rig_fail("no memory");
	rig->n_workers = rig->n_queues = workers;
	rig->shape = *shape;
	read_config(rig, yaml);
	return rig;
}

static struct rig *create(const char *yaml, unsigned workers, unsigned queues,
			  const struct shape *shape)
{
	static unsigned serial;
	struct rig *rig = begin(yaml, workers, shape);

	rig->n_queues = queues;
	for (unsigned i = 0; i < RIG_PORTS; i++)
		open_port(rig, i, serial);
	serial++;
	return finish(rig);
}

struct rig *rig_create_queues(uint32_t capacity, unsigned workers, unsigned queues)
{
	char *yaml = rig_yaml(capacity, &usual, &shape_usual);
	struct rig *rig = create(yaml, workers, queues, &shape_usual);

	free(yaml);
	return rig;
}

struct rig *rig_create_yaml(const char *yaml, unsigned workers)
{
	return create(yaml, workers, workers, &shape_usual);
}

struct rig *rig_create_shape(uint32_t capacity, const struct shape *shape)
{
	/* the fair share of each site is smaller by the one that opens none */
	uint32_t room = shape->is_private ? capacity / 8 * 9 : capacity;
	char *yaml = rig_yaml(room, &usual, shape);
	struct rig *rig = create(yaml, 1, 1, shape);

	free(yaml);
	return rig;
}

struct rig *rig_create_egress(uint32_t capacity, unsigned workers, const struct rig_egress *egress)
{
	char *yaml = rig_yaml(capacity, egress, &shape_usual);
	struct rig *rig = rig_create_yaml(yaml, workers);

	free(yaml);
	return rig;
}

struct rig *rig_create(uint32_t capacity, unsigned workers)
{
	return rig_create_egress(capacity, workers, &usual);
}

struct rig *rig_create_memif(uint32_t capacity)
{
	char *yaml = rig_yaml(capacity, &usual, &shape_usual);
	struct rig *rig = begin(yaml, 1, &shape_usual);
	uint16_t ethdevs[RIG_PORTS];

	free(yaml);

	rig_memif_ports(ethdevs);
	for (unsigned i = 0; i < RIG_PORTS; i++)
		rig->ports[i].ethdevs[0] = ethdevs[i];
	return finish(rig);
}

void rig_destroy(struct rig *rig)
{
	for (unsigned i = 0; i < rig->n_workers; i++)
		worker_destroy(rig->workers[i]);
	handover_destroy(rig->handover);
	esp_table_destroy(rig->esp);
	for (unsigned i = 0; i < RIG_PORTS; i++)
		close_port(rig, &rig->ports[i]);
	nexthops_destroy(rig->nexthops);
	network_destroy(rig->net);
	config_destroy(rig->config);
	free(rig);
}

struct worker_counters rig_counters(const struct rig *rig)
{
	struct worker_counters c;

	worker_turn(rig->workers[0]);
	worker_read_counters(rig->workers[0], &c);
	return c;
}

uint64_t rig_refused(const struct worker_counters *c)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < DROP_COUNT; i++)
		n += c->drops[i];
	for (unsigned i = 0; i < ANSWER_COUNT; i++)
		n += c->answers[i];
	return n;
}

void rig_check_no_drops(const struct rig *rig)
{
	struct worker_counters c = rig_counters(rig);

	for (unsigned i = 0; i < DROP_COUNT; i++) {
		if (c.drops[i] > 0)
			fprintf(stderr, "bench: %llu packets dropped: %s\n",
				(unsigned long long)c.drops[i], drop_infos[i].name);
	}
	for (unsigned i = 0; i < ANSWER_COUNT; i++) {
		if (c.answers[i] > 0)
			rig_fail("%llu packets answered: %s", (unsigned long long)c.answers[i],
				 answer_infos[i].info.name);
	}
	if (c.rx != c.tx)
		rig_fail("%llu of %llu packets did not come out", (unsigned long long)(c.rx - c.tx),
			 (unsigned long long)c.rx);
}
