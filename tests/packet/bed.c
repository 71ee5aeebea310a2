/*
 * The bed of packet tests: see bed.h.
 *
 * Ports are DPDK's rings-as-ports, as the memory driver makes them.
 */
#include "bed.h"
#include "bed_ports.h"
#include "bed_vnets.h"

#include "base/err.h"
#include "control/publish.h"
#include "control/settings.h"
#include "esp/sa.h"
#include "network/renewal.h"
#include "path/handover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cmocka.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

enum {
	BUFFERS = 8191,
	BUFFERS_LARGE = 1023,
	BUFFER_SIZE = 2048 + RTE_PKTMBUF_HEADROOM,
	BUFFER_SIZE_LARGE = BED_FRAME_MAX + RTE_PKTMBUF_HEADROOM,
	MTU = 1500,
	ETHERNET = 14,
	FENCED_MAX = 1024, /* buffers with poisoned bytes behind the frame */
};

struct bed {
	struct config *config;
	struct publisher publisher;
	const struct network *net; /* of the current snapshot */
	uint16_t failed, substitute; /* the tunnel that is down or removed, and its substitute */
	bool gone;
	uint16_t narrow, narrow_mtu; /* the tunnel whose path MTU is set by bed_narrow() */
	bool moved; /* routes no longer lead to the first neighbours, */
	int moved_to; /* but there */
	const uint8_t *more; /* [n_more] routes of the uplink: to the other neighbour? */
	unsigned n_more;
	uint16_t mtus[PORTS_MAX]; /* set by bed_set_mtu(); 0: as configured */
	struct rte_mempool *pool;
	struct bed_port ports[PORTS_MAX];
	struct worker_port worker_ports[PORTS_MAX];
	struct handover *handover;
	struct esp_table *sas; /* NULL: no tunnel of IPsec */
	struct worker *workers[WORKERS_MAX];
	unsigned n_workers;
	bool threads; /* each worker is a running thread */
	struct rte_mbuf *fenced[FENCED_MAX];
	unsigned n_fenced;
};

static struct config *read_config(const char *yaml)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = config_parse("test.yaml", yaml, strlen(yaml), &errs);

	if (config == NULL) {
		err_print(&errs, stderr);
		fail_msg("the test's configuration is wrong");
	}
	err_list_fini(&errs);
	if (bed_edit != NULL)
		bed_edit(&config->network);
	return config;
}

static void begin_publication(struct bed *bed)
{
	struct network *net = network_create(&bed->config->network, NULL);
	struct settings settings = settings_of(bed->config);

	assert_non_null(net);
	publisher_init(&bed->publisher, net, &settings, (uint16_t)bed->config->n_ports);
	bed->net = net;
}

static uint16_t mtu_of(const struct bed *bed, size_t port)
{
	uint16_t mtu = bed->mtus[port] != 0 ? bed->mtus[port] : bed->config->ports[port].mtu;

	return mtu != 0 ? mtu : MTU;
}

static void make_pool(struct bed *bed, unsigned serial)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	bool large = false;

	for (size_t i = 0; i < bed->config->n_ports; i++)
		large = large || mtu_of(bed, i) > MTU;
	snprintf(name, sizeof(name), "bed-%u", serial);
	bed->pool = rte_pktmbuf_pool_create(name, large ? BUFFERS_LARGE : BUFFERS, 0, 0,
					    large ? BUFFER_SIZE_LARGE : BUFFER_SIZE, SOCKET_ID_ANY);
	assert_non_null(bed->pool);
}

unsigned bed_first_queues, bed_queues = 1;

static void open_port(struct bed *bed, unsigned i, unsigned serial)
{
	struct bed_port *port = &bed->ports[i];

	port->n_queues = (uint16_t)bed_queues;
	if (i == 0)
		port->n_queues =
			(uint16_t)(bed_first_queues != 0 ? bed_first_queues : bed->n_workers);
	bed_port_open(port, serial, i, bed->pool);
	bed->worker_ports[i] = (struct worker_port){
		.ethdev = port->ethdev,
		.mtu = mtu_of(bed, i),
		.n_queues = port->n_queues,
		.mac = {2, 0, 0, 0, 0, (uint8_t)(i + 1)},
		.hears_all = bed->config->ports[i].driver == PORT_AF_PACKET,
		.answer_arp_for_tunnels = true,
	};
}

/* The smaller of the port's bound, as control/kernel/ computes it, and the path's. */
static uint16_t tunnel_mtu(const struct bed *bed, uint16_t id)
{
	const struct tunnel *t = &bed->net->tunnels[id];
	uint16_t fits = network_inner_mtu(bed->net, id, mtu_of(bed, t->port));

	if (id == bed->narrow && bed->narrow_mtu < fits)
		fits = bed->narrow_mtu;
	return fits < t->mtu ? fits : t->mtu;
}

/* Each port has two neighbours: its next-hop-mac, and another one. */
static void make_neighbours(const struct bed *bed, struct nexthop *at)
{
	for (unsigned i = 0; i < bed->config->n_ports; i++) {
		const uint8_t *src = bed->worker_ports[i].mac;
		uint8_t dst[6];

		memcpy(dst, bed->config->ports[i].next_hop_mac, sizeof(dst));
		at[bed_neighbour(i, false)] =
			bed->moved ? (struct nexthop){.kind = NEXTHOP_KIND_NEIGHBOUR,
						      .port = (uint8_t)i,
						      .moved = true}
				   : nexthop_to_neighbour((uint8_t)i, src, dst, mtu_of(bed, i));
		dst[5] ^= 0xff;
		at[bed_neighbour(i, true)] =
			nexthop_to_neighbour((uint8_t)i, src, dst, mtu_of(bed, i));
	}
}

static void make_tunnels(const struct bed *bed, struct nexthop *at)
{
	for (size_t i = 0; i < bed->net->n_retired; i++)
		at[bed->net->retired[i].id] =
			(struct nexthop){.kind = NEXTHOP_KIND_DROP,
					 .mtu = NEXTHOP_MTU_ANY,
					 .substitute = bed->net->retired[i].successor};
	for (uint32_t i = 0; i < bed->net->n_tunnels; i++) {
		uint16_t id = bed->net->tunnel_ids[i];
		uint16_t via = bed_neighbour(bed->net->tunnels[id].port, bed->moved);

		at[id] = nexthop_to_tunnel(bed->net, id, via, &at[via], tunnel_mtu(bed, id));
		if (id == bed->failed) {
			at[id].down = !bed->gone;
			if (bed->gone)
				at[id] = (struct nexthop){.kind = NEXTHOP_KIND_DROP,
							  .mtu = NEXTHOP_MTU_ANY};
			at[id].substitute = bed->substitute;
		}
		if (bed_edit_tunnel != NULL)
			bed_edit_tunnel(id, &at[id]);
	}
}

/* Routes behind the default routes of @n ports. */
static size_t add_routes(const struct bed *bed, struct route4 *routes, size_t n)
{
	for (unsigned i = 0; i < bed->n_more; i++)
		routes[n + i] = (struct route4){
			.prefix = bed_prefix(i),
			.port = BED_UPLINK,
			.nexthop = bed_neighbour(BED_UPLINK, bed->more[i]),
		};
	return n + bed->n_more;
}

/*
 * Every port: one default route to its first neighbour, or to where routes have moved; and the routes
 * of bed_route().
 */
static struct nexthops *make_nexthops(struct bed *bed)
{
	static struct nexthop at[BED_FIRST_NEIGHBOUR + 2 * PORTS_MAX];
	static struct route4 routes[PORTS_MAX + BED_ROUTES_MAX];
	struct route6 routes6[PORTS_MAX] = {0};
	uint8_t macs[PORTS_MAX][6] = {0};
	size_t n = bed->config->n_ports;
	struct nexthops_spec spec;
	struct nexthops *nexthops;

	memset(at, 0, sizeof(at));
	memset(routes, 0, sizeof(routes));
	make_neighbours(bed, at);
	make_tunnels(bed, at);
	for (unsigned i = 0; i < n; i++) {
		bool verdict = bed->moved && bed->moved_to != BED_ANOTHER;

		memcpy(macs[i], bed->worker_ports[i].mac, 6);
		routes[i].port = (uint8_t)i;
		routes[i].nexthop =
			verdict ? (uint16_t)bed->moved_to : bed_neighbour(i, bed->moved);
		routes6[i].port = (uint8_t)i;
		routes6[i].nexthop = routes[i].nexthop;
	}
	spec = (struct nexthops_spec){
		.at = at,
		.n = ARRAY_SIZE(at),
		.macs = (const uint8_t(*)[6])macs,
		.n_macs = n,
		.routes = {.routes = routes,
			   .n_routes = add_routes(bed, routes, n),
			   .routes6 = routes6,
			   /* as control/kernel does it */
			   .n_routes6 = network_uses_ipv6(bed->net) ? n : 0},
	};
	if (bed_vnets_use != NULL)
		bed_vnets_use(bed->net, &spec.routes);
	else
		bed_vnets_add(bed->net, &spec.routes);
	nexthops = nexthops_create(&spec);
	assert_non_null(nexthops);
	return nexthops;
}

uint32_t bed_epoch;

static void make_workers(struct bed *bed, uint64_t seed)
{
	uint8_t secret[16] = "packet tests    ";
	struct worker_config config = {
		.flows_capacity = bed->config->flows_capacity / bed->n_workers,
		.flows6_capacity = bed->config->flows_capacity6 / bed->n_workers,
		.count = (uint16_t)bed->n_workers,
		.snapshot = publisher_current(&bed->publisher),
		.cpu = -1,
		.epoch = bed_epoch,
		.secret = secret,
	};

	memcpy(secret, &seed, sizeof(seed));
	if (bed->n_workers > 1) {
		bed->handover = handover_create((uint16_t)bed->n_workers, secret);
		assert_non_null(bed->handover);
		config.handover = bed->handover;
		config.secret = handover_secret(bed->handover);
	}
	if (bed->net->n_sealed > 0)
		config.esp = bed->sas = esp_table_create(config.count);
	for (unsigned i = 0; i < bed->n_workers; i++) {
		config.index = (uint16_t)i;
		bed->workers[i] = worker_create(&config);
		assert_non_null(bed->workers[i]);
	}
	publisher_serve(&bed->publisher, bed->workers, bed->n_workers);
}

/* Runs one turn of a worker, or gives it time if it is a thread. */
static void turn(struct bed *bed, unsigned worker)
{
	const struct timespec rest = {.tv_nsec = 20000};

	if (bed->threads)
		nanosleep(&rest, NULL);
	else
		worker_turn(bed->workers[worker]);
}

static void publish(struct bed *bed, const struct publication *new)
{
	publisher_publish(&bed->publisher, new, NULL);
	for (unsigned i = 0; i < bed->n_workers && bed->workers[i] != NULL; i++)
		turn(bed, i);
}

struct bed *bed_create(const char *yaml, uint64_t seed)
{
	static unsigned serial;
	struct bed *bed = calloc(1, sizeof(*bed));

	assert_non_null(bed);
	bed_ports_start_dpdk();
	bed->config = read_config(yaml);
	begin_publication(bed);
	bed->n_workers = bed->config->workers;
	make_pool(bed, serial);
	for (unsigned i = 0; i < bed->config->n_ports; i++)
		open_port(bed, i, serial);
	serial++;
	publish(bed,
		&(struct publication){.nexthops = make_nexthops(bed), .ports = bed->worker_ports});
	make_workers(bed, seed);
	return bed;
}

static void sweep(struct bed *bed, struct change_sweep *sum)
{
	struct change_sweep sweeps[WORKERS_MAX];

	for (unsigned i = 0; i < bed->n_workers; i++)
		assert_int_equal(worker_sweep_start(bed->workers[i], &sweeps[i]), 0);
	for (unsigned i = 0; i < bed->n_workers; i++) {
		while (!worker_sweep_done(&sweeps[i]))
			turn(bed, i);
		for (unsigned r = 0; r < ENDED_COUNT; r++)
			sum->ended[r] += sweeps[i].ended[r];
		sum->moved += sweeps[i].moved;
	}
}

static void go_on_with(struct bed *bed, const struct network_spec *spec,
		       const struct bed_change *change, const struct worker_heirs *heirs,
		       struct change_sweep *sum)
{
	struct worker_next *next[WORKERS_MAX];
	struct network *net = network_create(spec, &change->ids);

	assert_non_null(net);
	assert_int_equal(publisher_make_next(&bed->publisher, net, heirs, next), 0);
	bed->net = net;
	publish(bed,
		&(struct publication){.net = net, .nexthops = make_nexthops(bed), .next = next});
	if (change->meanwhile != NULL)
		change->meanwhile(change->arg);
	sweep(bed, sum);
}

struct change_sweep bed_change(struct bed *bed, const struct bed_change *change)
{
	static const struct worker_heirs none;
	struct config *before = bed->config;
	struct change_sweep sum = {0};
	struct renewal r;
	bool twice;

	bed->config = read_config(change->yaml);
	assert_int_equal(renewal_create(&r, bed->net, &bed->config->network), 0);
	twice = renewal_is_needed(bed->net, &bed->config->network);
	if (twice)
		go_on_with(bed, &r.spec, change, &change->heirs, &sum);
	go_on_with(bed, &bed->config->network, change, twice ? &none : &change->heirs, &sum);
	renewal_destroy(&r);
	config_destroy(before);
	return sum;
}

static void renew_nexthops(struct bed *bed)
{
	publish(bed, &(struct publication){.nexthops = make_nexthops(bed)});
}

void bed_move(struct bed *bed, int to)
{
	bed->moved = true;
	bed->moved_to = to;
	renew_nexthops(bed);
}

void bed_route(struct bed *bed, const uint8_t *other, unsigned n)
{
	assert_true(n <= BED_ROUTES_MAX);
	bed->more = other;
	bed->n_more = n;
	renew_nexthops(bed);
}

void bed_fail(struct bed *bed, uint16_t tunnel, bool gone, uint16_t substitute)
{
	bed->failed = tunnel;
	bed->gone = gone;
	bed->substitute = substitute;
	renew_nexthops(bed);
}

void bed_narrow(struct bed *bed, uint16_t tunnel, uint16_t mtu)
{
	bed->narrow = tunnel;
	bed->narrow_mtu = mtu;
	renew_nexthops(bed);
}

void bed_set_mtu(struct bed *bed, unsigned port, uint16_t mtu)
{
	bed->mtus[port] = mtu;
	renew_nexthops(bed);
}

void bed_close(struct bed *bed, unsigned port, bool closed)
{
	bed->worker_ports[port].closed = closed;
	publish(bed, &(struct publication){.ports = bed->worker_ports});
}

/*
 * With AddressSanitizer: a read behind the frame ends the test, until the next bed_run() is over.
 */
static void fence(struct bed *bed, struct rte_mbuf *m)
{
#ifdef __SANITIZE_ADDRESS__
	char *end = rte_pktmbuf_mtod_offset(m, char *, m->data_len);

	if (bed->threads) /* a worker may give the buffer back at any time */
		return;
	if (bed->n_fenced == FENCED_MAX || bed->sas != NULL) /* sealing writes there */
		return;
	bed->fenced[bed->n_fenced++] = m;
	ASAN_POISON_MEMORY_REGION(end, (size_t)((char *)m->buf_addr + m->buf_len - end));
#endif
}

static void open_fences(struct bed *bed)
{
#ifdef __SANITIZE_ADDRESS__
	for (unsigned i = 0; i < bed->n_fenced; i++)
		ASAN_UNPOISON_MEMORY_REGION(bed->fenced[i]->buf_addr, bed->fenced[i]->buf_len);
#endif
	bed->n_fenced = 0;
}

void bed_destroy(struct bed *bed)
{
	open_fences(bed); /* the test called worker_turn() itself */
	for (unsigned i = 0; i < bed->n_workers; i++)
		worker_destroy(bed->workers[i]);
	handover_destroy(bed->handover);
	esp_table_destroy(bed->sas);
	for (unsigned i = 0; i < bed->config->n_ports; i++)
		bed_port_close(&bed->ports[i]);
	publisher_fini(&bed->publisher);
	config_destroy(bed->config);
	rte_mempool_free(bed->pool);
	free(bed);
}

struct worker *bed_worker(struct bed *bed, unsigned i)
{
	return bed->workers[i];
}

unsigned bed_workers(const struct bed *bed)
{
	return bed->n_workers;
}

struct esp_table *bed_sas(struct bed *bed)
{
	return bed->sas;
}

const struct network *bed_network(struct bed *bed)
{
	return bed->net;
}

const struct nexthops *bed_nexthops(struct bed *bed)
{
	return publisher_current(&bed->publisher)->nexthops;
}

void bed_send_to(struct bed *bed, unsigned port, unsigned queue, const void *frame, size_t len)
{
	struct bed_port *to = &bed->ports[port];
	struct rte_mbuf *m = rte_pktmbuf_alloc(bed->pool);
	char *room;

	assert_non_null(m);
	assert_true(queue < to->n_queues);
	room = rte_pktmbuf_append(m, (uint16_t)len);
	assert_non_null(room);
	memcpy(room, frame, len);
	fence(bed, m);
	assert_int_equal(rte_ring_enqueue(to->in[queue], m), 0); /* a release: bed_port_share() */
}

void bed_send(struct bed *bed, unsigned port, const void *frame, size_t len)
{
	struct bed_port *to = &bed->ports[port];

	bed_send_to(bed, port, to->next, frame, len);
	to->next = to->next + 1 < to->n_queues ? to->next + 1 : 0;
}

unsigned bed_sent_by(struct bed *bed, unsigned port, unsigned queue)
{
	return rte_ring_count(bed->ports[port].out[queue]);
}

void bed_run(struct bed *bed)
{
	unsigned received;

	do {
		received = 0;
		for (unsigned i = 0; i < bed->n_workers; i++)
			received += worker_turn(bed->workers[i]);
	} while (received > 0);
	open_fences(bed);
}

void bed_start(struct bed *bed)
{
	for (unsigned i = 0; i < bed->config->n_ports; i++)
		bed_port_share(&bed->ports[i]);
	bed->threads = true;
	for (unsigned i = 0; i < bed->n_workers; i++)
		assert_int_equal(worker_start(bed->workers[i]), 0);
}

void bed_stop(struct bed *bed)
{
	for (unsigned i = 0; i < bed->n_workers; i++)
		worker_stop(bed->workers[i]);
	bed->threads = false;
	open_fences(bed);
}

size_t bed_take(struct bed *bed, unsigned port, void *frame)
{
	struct bed_port *from = &bed->ports[port];
	struct rte_mbuf *m = NULL;
	size_t len, tag; /* a tag takes nothing of the MTU */

	bed_port_follow(from);
	for (unsigned q = 0; q < from->n_queues && m == NULL; q++) {
		if (rte_ring_dequeue(from->out[q], (void **)&m) != 0)
			m = NULL;
	}
	if (m == NULL)
		return 0;
	len = m->data_len;
	assert_true(len <= BED_FRAME_MAX && m->nb_segs == 1 && m->pkt_len == len);
	tag = len > ETHERNET && rte_pktmbuf_mtod(m, uint8_t *)[12] == 0x81 ? 4 : 0;
	if (len > ETHERNET + tag + mtu_of(bed, port))
		fail_msg("a frame of %zu bytes leaves by port %u, whose MTU is %u", len, port,
			 mtu_of(bed, port));
	memcpy(frame, rte_pktmbuf_mtod(m, void *), len);
	rte_pktmbuf_free(m);
	return len;
}

static void check_worker(struct worker *w)
{
	struct worker_counters c;
	uint64_t drops = 0;

	worker_turn(w);
	worker_read_counters(w, &c);
	for (unsigned i = 0; i < DROP_COUNT; i++)
		drops += c.drops[i];
	assert_int_equal(c.rx + c.injected + c.handed_in + c.fragments_made,
			 c.tx + c.held + c.fragments_joined + c.handed_out + drops);
	assert_int_equal(c.flows, c.flows_created - c.flows_ended);
}

void bed_check(struct bed *bed)
{
	struct worker_counters sum = bed_counters(bed);

	assert_int_equal(sum.handed_in, sum.handed_out);
	for (unsigned i = 0; i < bed->n_workers; i++)
		check_worker(bed->workers[i]);
	for (unsigned i = 0; i < bed->config->n_ports; i++) {
		for (unsigned q = 0; q < bed->ports[i].n_queues; q++) {
			assert_int_equal(rte_ring_count(bed->ports[i].in[q]), 0);
			assert_int_equal(rte_ring_count(bed->ports[i].out[q]), 0);
		}
	}
	assert_int_equal(rte_mempool_in_use_count(bed->pool), 0);
}
