/*
 * A stage by itself: a worker context made by hand, one packet in, and the list it was put into.
 *
 *     berlin 10.0.1.0/24 --- tunnel 1, no key, tunnel 2, key 7 ---+
 *     madrid (any source) -- tunnel 3, key 8 ---------------------+--- 198.51.100.1 [ ctx ]
 *
 *     port 0: underlay, nexthop 5      198.51.100.10 berlin, 198.51.100.20 madrid
 *     port 1: uplink, nexthop 4        198.18.0.0/24 on link: 198.18.0.5 is 6, not resolved
 *     egress 203.0.113.1 slice 1, 203.0.113.2 slices 2 and 3, 2001:db8:1::1 slice 1
 *     berlin has fd00::/64, too, and tunnel 1 fd00::1; 2001:db8:2::/64 is on link
 *     berlin's global prefix: 2001:db8:b::/48
 *
 * A packet is in memory of exactly its size with HEADROOM in front, so that AddressSanitizer finds
 * each access outside.
 */
#pragma once

#include "frame.h"
#include "path/context.h"

#include <stddef.h>

#define GATEWAY IP(198, 51, 100, 1)
#define BERLIN IP(198, 51, 100, 10)
#define MADRID IP(198, 51, 100, 20)
#define BERLIN_INSIDE IP(10, 255, 0, 1)
#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define EGRESS IP(203, 0, 113, 1)
#define EGRESS_2 IP(203, 0, 113, 2)
#define HOST6 IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0x10)
#define INSIDE6 IP6(0xfd00, 0, 0, 0, 0, 0, 0, 1)
#define SERVER6 IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x80)
#define GLOBAL6 IP6(0x2001, 0xdb8, 0xb, 0, 0, 0, 0, 0x10)
#define EGRESS6 IP6(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1)

enum { SITE_BERLIN = 1, SITE_MADRID };
enum { TUNNEL_B1 = 1, TUNNEL_B2, TUNNEL_M1 };
enum { NEXTHOP_UPLINK = TUNNEL_M1 + 1, NEXTHOP_UNDERLAY, NEXTHOP_SILENT, NEXTHOP_COUNT };
enum { PORT_UNDERLAY, PORT_UPLINK, PORT_COUNT };
enum { STAGE_HEADROOM = 128, STAGE_MTU = 1476, STAGE_NOW = 1000, STAGE_TIMEOUT = 300 };

struct stage_bench {
	struct context ctx;
	struct burst burst;
	struct network *net;
	struct nexthops *nexthops;
	struct spec_site sites[2];
	struct spec_tunnel tunnels[3];
	struct prefix4 prefix;
	struct prefix6 prefix6, global;
	struct spec_pool pool;
	struct spec_address addresses[3];
	struct context_port ports[PORT_COUNT];
	struct tunnel_counters tunnel_counters[4];
	uint64_t keepalives_until_ns[4];
	struct port_counters port_counters[PORT_COUNT];
	unsigned n; /* number of packets */
	uint8_t *buffers[BURST_MAX];
};

/* Makes a new context for worker @index of @count, with slices of @slice_size ports. */
struct stage_bench *bench_create(uint32_t slice_size, uint32_t capacity, uint16_t index,
				 uint16_t count);
void bench_destroy(struct stage_bench *b);

/* cmocka group fixtures: DPDK's memory, in which the routes are. */
int bench_start_dpdk(void **state);
int bench_stop_dpdk(void **state);

/*
 * Adds a packet to the burst, from its Ethernet header on. Up to BURST_MAX packets stay until
 * bench_clear().
 */
struct packet *bench_packet(struct stage_bench *b, const void *bytes, size_t len, uint8_t port);

/* The same at the inner IP header, as if it had been decapsulated from @tunnel. */
struct packet *bench_inner(struct stage_bench *b, const struct frame *f, uint16_t tunnel);
void bench_clear(struct stage_bench *b);

/* Runs @stage for that packet alone. Returns the one list into which it was put. */
enum stage bench_run(struct stage_bench *b, enum stage stage, struct packet *p);

/*
 * Writes an Ethernet header and the packet's bytes, for frame_parse(). @p is at its inner IP
 * header.
 */
size_t bench_frame(const struct packet *p, uint8_t *out);

/* Inserts a flow with the five-tuple of @f from @tunnel; egress 203.0.113.1, port @nat_port. */
uint32_t bench_flow(struct stage_bench *b, const struct frame *f, uint16_t tunnel,
		    uint16_t nat_port);

/* The same of an IPv6 frame: egress 2001:db8:1::1. */
uint32_t bench_flow6(struct stage_bench *b, const struct frame *f, uint16_t tunnel,
		     uint16_t nat_port);

static inline struct addr6 bench_addr6(struct ip6 addr)
{
	return addr6_read(&addr);
}
