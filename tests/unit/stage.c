/* A stage by itself: see stage.h. Network, nexthops and flow table are real. */
#include "stage.h"
#include "out/identification.h"

#include "answer/stages.h"
#include "base/clock.h"
#include "flow/remotes.h"
#include "in/stages.h"
#include "out/stages.h"
#include "setup/setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_eal.h>

static const struct spec_tunnel tunnels[3] = {
	{.name = "b1", .mtu = STAGE_MTU},
	{.name = "b2", .mtu = STAGE_MTU - 4, .has_key = true, .key = 7},
	{.name = "m1", .mtu = STAGE_MTU - 4, .has_key = true, .key = 8},
};

static void make_network(struct stage_bench *b, uint32_t slice_size)
{
	memcpy(b->tunnels, tunnels, sizeof(tunnels));
	for (unsigned i = 0; i < 3; i++) {
		b->tunnels[i].local = addr6_from_ipv4(htonl(GATEWAY));
		b->tunnels[i].remote = addr6_from_ipv4(htonl(i < 2 ? BERLIN : MADRID));
	}
	b->prefix = (struct prefix4){htonl(IP(10, 0, 1, 0)), 24};
	b->prefix6 =
		(struct prefix6){bench_addr6((struct ip6)IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0)), 64};
	b->global = (struct prefix6){
		bench_addr6((struct ip6)IP6(0x2001, 0xdb8, 0xb, 0, 0, 0, 0, 0)), 48};
	b->tunnels[0].address = addr6_from_ipv4(htonl(BERLIN_INSIDE));
	b->tunnels[0].address6 = bench_addr6((struct ip6)INSIDE6);
	b->sites[0] = (struct spec_site){.name = "berlin",
					 .prefixes = &b->prefix,
					 .n_prefixes = 1,
					 .prefixes6 = &b->prefix6,
					 .n_prefixes6 = 1,
					 .global_prefixes = &b->global,
					 .n_global_prefixes = 1,
					 .tunnels = &b->tunnels[0],
					 .n_tunnels = 2};
	b->sites[1] =
		(struct spec_site){.name = "madrid", .tunnels = &b->tunnels[2], .n_tunnels = 1};

	b->addresses[0].addr = addr6_from_ipv4(htonl(EGRESS));
	b->addresses[0].slices[0] = 1 << 1;
	b->addresses[1].addr = addr6_from_ipv4(htonl(EGRESS_2));
	b->addresses[1].slices[0] = 1 << 2 | 1 << 3;
	b->addresses[2].addr = bench_addr6((struct ip6)EGRESS6);
	b->addresses[2].slices[0] = 1 << 1;
	b->pool = (struct spec_pool){.name = "internet",
				     .port = PORT_UPLINK,
				     .slice_size = slice_size,
				     .addresses = b->addresses,
				     .n_addresses = 3};
	b->net = network_create(
		&(struct network_spec){
			.sites = b->sites, .n_sites = 2, .pools = &b->pool, .n_pools = 1},
		NULL);
	assert_non_null(b->net);
}

static void make_nexthops(struct stage_bench *b)
{
	static const uint8_t macs[PORT_COUNT][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	static const uint8_t uplink[6] = {2, 0, 0, 0, 0, 0xbb}, underlay[6] = {2, 0, 0, 0, 0, 0xaa};
	const uint16_t mtus[] = {0, STAGE_MTU, STAGE_MTU - 4, STAGE_MTU - 4};
	struct nexthop at[NEXTHOP_COUNT] = {
		[NEXTHOP_UPLINK] =
			nexthop_to_neighbour(PORT_UPLINK, macs[PORT_UPLINK], uplink, 1500),
		[NEXTHOP_UNDERLAY] =
			nexthop_to_neighbour(PORT_UNDERLAY, macs[PORT_UNDERLAY], underlay, 1500),
		[NEXTHOP_SILENT] = nexthop_to_neighbour(PORT_UPLINK, macs[PORT_UPLINK], NULL, 1500),
	};
	const struct prefix4 link = {htonl(IP(198, 18, 0, 0)), 24};
	const struct route4 routes[] = {
		{{0, 0}, PORT_UPLINK, NEXTHOP_UPLINK},
		{link, PORT_UPLINK, ROUTE_UNKNOWN_HOST},
		{{0, 0}, PORT_UNDERLAY, NEXTHOP_UNDERLAY},
	};
	const struct prefix6 any6 = {{{0}}, 0};
	const struct prefix6 link6 = {bench_addr6((struct ip6)IP6(0x2001, 0xdb8, 2, 0, 0, 0, 0, 0)),
				      64};
	const struct route6 routes6[] = {
		{any6, PORT_UPLINK, NEXTHOP_UPLINK},
		{link6, PORT_UPLINK, ROUTE_UNKNOWN_HOST},
	};
	const struct route_host host = {addr6_from_ipv4(htonl(IP(198, 18, 0, 5))), PORT_UPLINK,
					NEXTHOP_SILENT};

	for (uint16_t id = TUNNEL_B1; id <= TUNNEL_M1; id++)
		at[id] = nexthop_to_tunnel(b->net, id, NEXTHOP_UNDERLAY, &at[NEXTHOP_UNDERLAY],
					   mtus[id]);
	b->nexthops = nexthops_create(&(struct nexthops_spec){
		.at = at,
		.n = NEXTHOP_COUNT,
		.macs = macs,
		.n_macs = PORT_COUNT,
		.routes = {.routes = routes,
			   .n_routes = ARRAY_SIZE(routes),
			   .routes6 = routes6,
			   .n_routes6 = ARRAY_SIZE(routes6),
			   .hosts = &host,
			   .n_hosts = 1},
	});
	assert_non_null(b->nexthops);
}

struct stage_bench *bench_create(uint32_t slice_size, uint32_t capacity, uint16_t index,
				 uint16_t count)
{
	static const uint8_t secret[16] = "tests of stages";
	struct stage_bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	make_network(b, slice_size);
	make_nexthops(b);
	b->ctx = (struct context){
		.net = b->net,
		.nexthops = b->nexthops,
		.flows = flow_table_create(capacity, secret),
		.flows6 = flow6_table_create(capacity, secret),
		.now_s = STAGE_NOW,
		.now_ns = STAGE_NOW * NS_PER_S,
		.index = index,
		.count = count,
		.ports = b->ports,
		.n_ports = PORT_COUNT,
		.egress = egress_create(b->net, capacity, index, count),
		.sites = limits_create(),
		.sources = limits_create_sources(77),
		.tunnels = b->tunnel_counters,
		.keepalives_until_ns = b->keepalives_until_ns,
		.port_counters = b->port_counters,
	};
	for (unsigned i = 0; i < PORT_COUNT; i++)
		b->ports[i].n_queues = 1;
	for (unsigned i = 0; i < FLOW_STATE_COUNT; i++)
		b->ctx.timers.state_s[i] = STAGE_TIMEOUT;
	b->ctx.remotes = remotes_create(1);
	b->ctx.self = &b->ctx;
	b->ctx.workers = &b->ctx.self;
	assert_non_null(b->ctx.remotes);
	assert_non_null(b->ctx.flows);
	assert_non_null(b->ctx.flows6);
	assert_non_null(b->ctx.egress);
	assert_non_null(b->ctx.sites);
	identification_init(&b->ctx);
	return b;
}

void bench_clear(struct stage_bench *b)
{
	for (unsigned i = 0; i < b->n; i++)
		free(b->buffers[i]);
	b->n = 0;
}

void bench_destroy(struct stage_bench *b)
{
	bench_clear(b);
	flow_table_destroy(b->ctx.flows);
	flow_table_destroy(b->ctx.flows6);
	egress_destroy(b->ctx.egress);
	remotes_destroy(b->ctx.remotes);
	limits_destroy(b->ctx.sites);
	free(b->ctx.sources);
	nexthops_destroy(b->nexthops);
	network_destroy(b->net);
	free(b);
}

struct packet *bench_packet(struct stage_bench *b, const void *bytes, size_t len, uint8_t port)
{
	struct packet *p = &b->burst.packets[b->n];
	uint8_t *buffer = malloc(STAGE_HEADROOM + len);

	assert_true(b->n < BURST_MAX);
	assert_non_null(buffer);
	memset(buffer, 0xee, STAGE_HEADROOM);
	memcpy(buffer + STAGE_HEADROOM, bytes, len);
	b->buffers[b->n++] = buffer;
	memset(p, 0xdd, sizeof(*p)); /* a stage may read only what previous stages wrote */
	p->data = buffer + STAGE_HEADROOM;
	p->len = (uint16_t)len;
	p->in_port = port;
	p->onramp = TUNNEL_NONE;
	p->nexthop = NEXTHOP_NONE;
	return p;
}

struct packet *bench_inner(struct stage_bench *b, const struct frame *f, uint16_t tunnel)
{
	uint8_t bytes[2048];
	struct frame inner = *f;
	size_t len;
	struct packet *p;

	inner.outer_dst = 0;
	len = frame_build(&inner, bytes);
	p = bench_packet(b, bytes, len, tunnel == TUNNEL_NONE ? PORT_UPLINK : PORT_UNDERLAY);
	p->data += ETHER_LEN;
	p->len -= ETHER_LEN;
	p->onramp = tunnel;
	return p;
}

enum stage bench_run(struct stage_bench *b, enum stage stage, struct packet *p)
{
	static void (*const run[STAGE_COUNT])(struct context *, struct burst *) = {
		[STAGE_DECAPSULATE] = stage_decapsulate, [STAGE_PARSE] = stage_parse,
		[STAGE_LOOKUP] = stage_lookup,		 [STAGE_SETUP] = stage_setup,
		[STAGE_FORWARD] = stage_forward,	 [STAGE_REWRITE] = stage_rewrite,
		[STAGE_PARSE6] = stage_parse6,		 [STAGE_REWRITE6] = stage_rewrite6,
		[STAGE_ANSWER] = stage_answer,		 [STAGE_ENCAPSULATE6] = stage_encapsulate6,
		[STAGE_FORWARD6] = stage_forward6,	 [STAGE_HAIRPIN] = stage_hairpin,
		[STAGE_ENCAPSULATE] = stage_encapsulate,
	};
	unsigned lists = 0;
	enum stage to = STAGE_COUNT;

	memset(b->burst.n, 0, sizeof(b->burst.n));
	burst_pass(&b->burst, stage, p);
	run[stage](&b->ctx, &b->burst);
	for (unsigned s = stage + 1; s < STAGE_COUNT; s++) {
		lists += b->burst.n[s];
		if (b->burst.n[s] > 0) {
			to = (enum stage)s;
			assert_ptr_equal(b->burst.list[s][0], p);
		}
	}
	assert_int_equal(lists, 1);
	assert_int_equal(b->burst.n[stage], 1);
	return to;
}

size_t bench_frame(const struct packet *p, uint8_t *out)
{
	memset(out, 0, ETHER_LEN);
	out[12] = p->data[0] >> 4 == 6 ? 0x86 : 0x08;
	out[13] = p->data[0] >> 4 == 6 ? 0xdd : 0x00;
	memcpy(out + ETHER_LEN, p->data, p->len);
	return (size_t)ETHER_LEN + p->len;
}

uint32_t bench_flow(struct stage_bench *b, const struct frame *f, uint16_t tunnel,
		    uint16_t nat_port)
{
	struct flow flow = {
		.src = htonl(f->src),
		.dst = htonl(f->dst),
		.sport = htons(f->sport),
		.dport = f->proto == 1 ? 0 : htons(f->dport),
		.site = b->net->tunnels[tunnel].site,
		.proto = f->proto,
		.state = f->proto == 6	  ? FLOW_TCP_ESTABLISHED
			 : f->proto == 17 ? FLOW_UDP
					  : FLOW_ICMP,
		.nat_src = htonl(EGRESS),
		.nat_port = htons(nat_port),
		.onramp = tunnel,
		.offramp = NEXTHOP_UPLINK,
		.seen_s = STAGE_NOW - 5,
	};
	uint32_t record = flow_table_insert(b->ctx.flows, &flow);

	assert_int_not_equal(record, FLOW_NO_RECORD);
	return record;
}

uint32_t bench_flow6(struct stage_bench *b, const struct frame *f, uint16_t tunnel,
		     uint16_t nat_port)
{
	struct flow flow = {
		.sport = htons(f->sport),
		.dport = f->proto == 58 ? 0 : htons(f->dport),
		.site = b->net->tunnels[tunnel].site,
		.proto = f->proto,
		.state = f->proto == 6	  ? FLOW_TCP_ESTABLISHED
			 : f->proto == 17 ? FLOW_UDP
					  : FLOW_ICMP,
		.nat_port = htons(nat_port),
		.onramp = tunnel,
		.offramp = NEXTHOP_UPLINK,
		.seen_s = STAGE_NOW - 5,
	};
	struct flow6 six = {
		.src = bench_addr6(f->src6),
		.dst = bench_addr6(f->dst6),
		.nat_src = bench_addr6((struct ip6)EGRESS6),
	};
	struct flow6_key forward, back;
	uint32_t record;

	flow6_forward_key(&flow, &six, &forward);
	flow6_return_key(&flow, &six, &back);
	record = flow6_table_insert_hashed(b->ctx.flows6, &flow, &six,
					   flow6_table_prefetch(b->ctx.flows6, &forward),
					   flow6_table_prefetch(b->ctx.flows6, &back));
	assert_int_not_equal(record, FLOW_NO_RECORD);
	return record;
}

int bench_start_dpdk(void **state)
{
	char *argv[] = {"test",	    "--no-huge", "--no-shconf", "--no-telemetry",
			"--no-pci", "-m",	 "64",		"--log-level=*:error"};

	return rte_eal_init(ARRAY_SIZE(argv), argv) < 0 ? -1 : 0;
}

int bench_stop_dpdk(void **state)
{
	return rte_eal_cleanup();
}
