/*
 * Frames of interconnects: which belong to one, what is answered, and what is heard of a peer.
 *
 *     port 0   VLAN 100 -> tunnel 1   we are 192.0.2.0 and 2001:db8:9::, the peer is the next one
 *              VLAN 200 -> tunnel 2   the same of IPv6 only
 *              untagged -> GRE from berlin, tunnel 3
 *     port 1   untagged -> tunnel 4   the same addresses as tunnel 1
 */
#include "in/interconnect.h"
#include "in/stages.h"

#include "base/icmp6.h"
#include "base/wire_neighbour.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LINK_A = 1, LINK_6, GRE, LINK_PLAIN, TUNNELS = LINK_PLAIN };
enum { FRAME_MAX = 512, ASKING = 9 };

#define OURS IP(192, 0, 2, 0)
#define PEER IP(192, 0, 2, 1)

static const uint8_t peer_mac[6] = {2, 9, 9, 9, 9, 9};

static struct addr6 ip6(uint16_t last)
{
	return (struct addr6){{htobe64(UINT64_C(0x20010db800090000)), htobe64(last)}};
}

struct bench {
	struct stage_bench *b;
	struct network *net, *before;
	struct tunnel_counters counters[TUNNELS + 1];
};

static void set_up(struct bench *t)
{
	static struct spec_tunnel tunnels[TUNNELS];
	static struct spec_site sites[2] = {
		{.name = "a", .tunnels = tunnels, .n_tunnels = 3},
		{.name = "b", .tunnels = tunnels + 3, .n_tunnels = 1},
	};
	const struct spec_tunnel link = {
		.type = TUNNEL_INTERCONNECT,
		.vlan = 100,
		.address = addr6_from_ipv4(htonl(OURS)),
		.peer = addr6_from_ipv4(htonl(PEER)),
		.address6 = ip6(0),
		.peer6 = ip6(1),
		.mtu = 1500,
	};

	*t = (struct bench){.b = bench_create(64, 16, 0, 1)};
	tunnels[0] = tunnels[1] = tunnels[3] = link;
	tunnels[1].vlan = 200;
	tunnels[1].address = tunnels[1].peer = (struct addr6){{0}};
	tunnels[2] = (struct spec_tunnel){.local = addr6_from_ipv4(htonl(GATEWAY)),
					  .remote = addr6_from_ipv4(htonl(BERLIN)),
					  .mtu = 1476};
	tunnels[3].vlan = 0;
	tunnels[3].port = PORT_UPLINK;
	t->net = network_create(&(struct network_spec){.sites = sites, .n_sites = 2}, NULL);
	assert_non_null(t->net);
	t->b->ctx.net = t->net;
	t->b->ctx.tunnels = t->counters;
}

static void tear_down(struct bench *t)
{
	t->b->ctx.net = t->b->net;
	network_destroy(t->net);
	bench_destroy(t->b);
}

/* Runs the stage for one frame. Returns the list that has it then. */
static enum stage run(struct bench *t, const uint8_t *frame, size_t len, uint8_t port,
		      struct packet **p)
{
	struct burst *burst = &t->b->burst;

	*p = bench_packet(t->b, frame, len, port);
	memset(burst->n, 0, sizeof(burst->n));
	burst_pass(burst, STAGE_DECAPSULATE, *p);
	stage_decapsulate(&t->b->ctx, burst);
	for (unsigned s = STAGE_DECAPSULATE + 1; s < STAGE_COUNT; s++)
		if (burst->n[s] > 0)
			return (enum stage)s;
	fail_msg("the packet is in no list");
	return STAGE_COUNT;
}

static size_t put_tags(uint8_t *frame, size_t len, const uint8_t *tags, size_t n)
{
	memmove(frame + 12 + n, frame + 12, len - 12);
	memcpy(frame + 12, tags, n);
	return len + n;
}

/* --- inner packets ---------------------------------------------------------------------------- */

#define INNER .src = HOST, .dst = SERVER, .proto = 17, .sport = 5000, .dport = 53
#define INNER6 .six = true, .src6 = HOST6, .dst6 = SERVER6, .proto = 17, .sport = 5, .dport = 53

/* clang-format off */
static const struct {
	const char *why;
	struct frame frame;
	uint8_t port, tags[8];
	size_t n; /* bytes of tags */
	size_t pad;
	uint16_t onramp; /* TUNNEL_NONE: dropped */
	enum drop drop;
	uint16_t charged; /* the tunnel that counts the drop */
} rows[] = {
	{"in the VLAN",              {INNER}, 0, {0x81, 0, 0, 100}, 4, 0, LINK_A},
	{"with a priority",          {INNER}, 0, {0x81, 0, 0xb0, 100}, 4, 0, LINK_A},
	{"with padding",             {INNER}, 0, {0x81, 0, 0, 100}, 4, 20, LINK_A},
	{"IPv6",                     {INNER6}, 0, {0x81, 0, 0, 100}, 4, 0, LINK_A},
	{"another VLAN",             {INNER6}, 0, {0x81, 0, 0, 200}, 4, 7, LINK_6},
	{"behind a priority tag",    {INNER}, 0, {0x81, 0, 0xe0, 0, 0x81, 0, 0, 100}, 8, 0, LINK_A},
	{"untagged",                 {INNER}, 1, {0}, 0, 0, LINK_PLAIN},
	{"untagged, IPv6",           {INNER6}, 1, {0}, 0, 12, LINK_PLAIN},
	{"a priority tag alone",     {INNER}, 1, {0x81, 0, 0xe0, 0}, 4, 0, LINK_PLAIN},
	{"GRE on the untagged one is its site's", {INNER, .outer_src = BERLIN, .outer_dst = GATEWAY}, 1, {0}, 0, 0, LINK_PLAIN},
	{"GRE in the VLAN, too",     {INNER, .outer_src = BERLIN, .outer_dst = GATEWAY}, 0, {0x81, 0, 0, 100}, 4, 0, LINK_A},
	{"GRE beside the VLANs",     {INNER, .outer_src = BERLIN, .outer_dst = GATEWAY}, 0, {0}, 0, 0, GRE},
	{"untagged beside the VLANs", {INNER}, 0, {0}, 0, 0, 0, DROP_NOT_OURS},
	{"a VLAN that nobody has",   {INNER}, 0, {0x81, 0, 0, 101}, 4, 0, 0, DROP_VLAN_UNKNOWN},
	{"the VLAN on another port", {INNER}, 1, {0x81, 0, 0, 100}, 4, 0, 0, DROP_VLAN_UNKNOWN},
	{"a service tag",            {INNER}, 0, {0x88, 0xa8, 0, 100}, 4, 0, 0, DROP_DOUBLE_TAG},
	{"two tags",                 {INNER}, 0, {0x81, 0, 0, 100, 0x81, 0, 0, 7}, 8, 0, 0, DROP_DOUBLE_TAG, LINK_A},
	{"a service tag inside",     {INNER}, 0, {0x81, 0, 0, 100, 0x88, 0xa8, 0, 7}, 8, 0, 0, DROP_DOUBLE_TAG, LINK_A},
	{"a service tag outside",    {INNER}, 0, {0x88, 0xa8, 0, 7, 0x81, 0, 0, 100}, 8, 0, 0, DROP_DOUBLE_TAG},
	{"LLDP",                     {INNER}, 0, {0x81, 0, 0, 100, 0x88, 0xcc, 0, 0}, 8, 0, 0, DROP_NOT_IP, LINK_A},
};
/* clang-format on */

static void test_rows(void **state)
{
	struct bench t;

	set_up(&t);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t frame[FRAME_MAX] = {0};
		size_t len = frame_build(&rows[i].frame, frame), inner = len - ETHER_LEN;
		bool six = rows[i].frame.six, taken = rows[i].onramp != TUNNEL_NONE;
		uint64_t bytes = t.counters[rows[i].onramp].rx_bytes;
		enum stage to;
		struct packet *p;

		len = put_tags(frame, len, rows[i].tags, rows[i].n) + rows[i].pad;
		to = run(&t, frame, len, rows[i].port, &p);
		if (to != (!taken ? STAGE_DROP : six ? STAGE_PARSE6 : STAGE_PARSE))
			fail_msg("%s: stage %d", rows[i].why, to);
		if (p->onramp != (taken ? rows[i].onramp : rows[i].charged))
			fail_msg("%s: tunnel %u", rows[i].why, p->onramp);
		if (!taken) {
			if (p->drop != rows[i].drop)
				fail_msg("%s: %s", rows[i].why, drop_infos[p->drop].name);
			continue;
		}
		if (rows[i].onramp == GRE)
			continue;
		assert_memory_equal(p->data, frame + len - inner - rows[i].pad, inner);
		assert_int_equal(p->len, inner + rows[i].pad);
		assert_int_equal(t.counters[rows[i].onramp].rx_bytes, bytes + inner);
		bench_clear(t.b);
	}
	assert_int_equal(t.b->ctx.n_heard, 0);
	tear_down(&t);
}

/* A burst of all kinds: each goes where it belongs, and none is lost. */
static void test_burst(void **state)
{
	struct burst *burst;
	struct bench t;

	set_up(&t);
	burst = &t.b->burst;
	memset(burst->n, 0, sizeof(burst->n));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t frame[FRAME_MAX] = {0};
		size_t len = put_tags(frame, frame_build(&rows[i].frame, frame), rows[i].tags,
				      rows[i].n);

		burst_pass(burst, STAGE_DECAPSULATE, bench_packet(t.b, frame, len, rows[i].port));
	}
	stage_decapsulate(&t.b->ctx, burst);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(burst->packets[i].onramp,
				 rows[i].onramp != TUNNEL_NONE ? rows[i].onramp : rows[i].charged);
	assert_int_equal(burst->n[STAGE_PARSE] + burst->n[STAGE_PARSE6] + burst->n[STAGE_DROP],
			 ARRAY_SIZE(rows));
	tear_down(&t);
}

/* Cut anywhere, nothing behind the end is read: AddressSanitizer watches. */
static void test_every_truncation(void **state)
{
	static const uint8_t tags[] = {0x81, 0, 0, 100};
	struct bench t;

	set_up(&t);
	for (int six = 0; six < 2; six++) {
		const struct frame four = {INNER}, other = {INNER6};
		uint8_t frame[FRAME_MAX];
		size_t all = put_tags(frame, frame_build(six ? &other : &four, frame), tags, 4);

		for (size_t len = 0; len <= all; len++) {
			struct packet *p;
			enum stage to = run(&t, frame, len, 0, &p);

			assert_int_equal(to, len < 18 ? STAGE_DROP
					     : six    ? STAGE_PARSE6
						      : STAGE_PARSE);
			bench_clear(t.b);
		}
	}
	tear_down(&t);
}

/* --- neighbours ------------------------------------------------------------------------------- */

static size_t make_arp(uint8_t *d, uint16_t operation, uint32_t sender, uint32_t target)
{
	static const uint8_t head[] = {0x08, 0x06, 0, 1, 8, 0, 6, 4};

	memset(d, 0, 60);
	memset(d, 0xff, 6);
	memcpy(d + 6, peer_mac, 6);
	memcpy(d + 12, head, sizeof(head));
	wire_put_be16(d + ARP_OPERATION, htons(operation));
	memcpy(d + ARP_SENDER_MAC, peer_mac, 6);
	wire_put_be32(d + ARP_SENDER_IP, htonl(sender));
	wire_put_be32(d + ARP_TARGET_IP, htonl(target));
	return ARP_LEN;
}

/* @option: 0: none. */
static size_t make_nd(uint8_t *d, uint8_t type, struct addr6 src, struct addr6 target,
		      uint8_t option)
{
	size_t len = option != 0 ? ND_LEN : ND_OPTIONS;
	struct addr6 dst = ip6(0);

	memset(d, 0, ND_LEN);
	memcpy(d, "\x33\x33\xff\0\0\0", 6);
	memcpy(d + 6, peer_mac, 6);
	wire_put_be16(d + ETHER_TYPE, htons(ETHER_IPV6));
	d[ND_IP] = 0x60;
	wire_put_be16(d + ND_IP + IPV6_LENGTH, htons((uint16_t)(len - ND_ICMP)));
	d[ND_IP + IPV6_NEXT] = PROTO_ICMPV6;
	d[ND_IP + IPV6_HOPS] = 255;
	memcpy(d + ND_IP + IPV6_SRC, &src, 16);
	memcpy(d + ND_IP + IPV6_DST, &dst, 16);
	d[ND_ICMP] = type;
	memcpy(d + ND_TARGET, &target, 16);
	d[ND_OPTIONS] = option;
	d[ND_OPTIONS + 1] = 1;
	memcpy(d + ND_OPTIONS + 2, peer_mac, 6);
	icmp6_put_checksum(&src, &dst, d + ND_ICMP, len - ND_ICMP);
	return len;
}

enum { NS = ICMPV6_NEIGHBOUR_SOLICITATION, NA = ICMPV6_NEIGHBOUR_ADVERTISEMENT };

/* clang-format off */
static const struct {
	const char *why;
	uint8_t type; /* of ND; 1, 2: operation of ARP */
	uint32_t sender, target; /* ARP; ND: the last word of the address */
	uint8_t option;
	uint16_t tunnel;
	struct { uint8_t at, to; } poke; /* before the checksum is known to be right */
	bool answered, heard;
	enum drop drop;
} neighbours[] = {
	{"the peer asks for us",           1, PEER, OURS, 0, LINK_A, {0}, true, true},
	{"untagged",                       1, PEER, OURS, 0, LINK_PLAIN, {0}, true, true},
	{"another station asks for us",    1, IP(192, 0, 2, 9), OURS, 0, LINK_A, {0}, true, false},
	{"is our address free?",           1, 0, OURS, 0, LINK_A, {0}, true, false},
	{"for the peer, by the peer: it announces itself", 1, PEER, PEER, 0, LINK_A, {0}, false, true, DROP_PEER},
	{"the peer asks for another",      1, PEER, IP(192, 0, 2, 9), 0, LINK_A, {0}, false, true, DROP_PEER},
	{"the peer answers",               2, PEER, OURS, 0, LINK_A, {0}, false, true, DROP_PEER},
	{"another station answers",        2, IP(192, 0, 2, 9), OURS, 0, LINK_A, {0}, false, false, DROP_NOT_IP},
	{"somebody claims our address",    1, OURS, OURS, 0, LINK_A, {0}, false, false, DROP_NOT_IP},
	{"the peer tells a group address", 2, PEER, OURS, 0, LINK_A, {ARP_SENDER_MAC, 3}, false, false, DROP_NOT_IP},
	{"ARP where we have IPv6 only",    1, PEER, OURS, 0, LINK_6, {0}, false, false, DROP_NOT_IP},
	{"ARP for nobody, where we have IPv6 only", 1, PEER, 0, 0, LINK_6, {0}, false, false, DROP_NOT_IP},
	{"not Ethernet",                   1, PEER, OURS, 0, LINK_A, {15, 6}, false, false, DROP_NOT_IP},
	{"solicits us",                    NS, 1, 0, 1, LINK_6, {0}, true, true},
	{"without an option",              NS, 1, 0, 0, LINK_6, {0}, true, false},
	{"where IPv4 is what we ask for",  NS, 1, 0, 1, LINK_A, {0}, true, false},
	{"another station solicits us",    NS, 7, 0, 1, LINK_6, {0}, true, false},
	{"the peer solicits another",      NS, 1, 7, 1, LINK_6, {0}, false, true, DROP_PEER},
	{"the peer advertises itself",     NA, 9, 1, 2, LINK_6, {0}, false, true, DROP_PEER},
	{"without an Ethernet address",    NA, 1, 1, 0, LINK_6, {0}, false, false, DROP_PROTOCOL},
	{"another station advertises itself", NA, 7, 7, 2, LINK_6, {0}, false, false, DROP_PROTOCOL},
	{"from behind a router",           NA, 1, 1, 2, LINK_6, {ND_IP + IPV6_HOPS, 254}, false, false, DROP_PROTOCOL},
	{"a wrong checksum",               NA, 1, 1, 2, LINK_6, {ND_ICMP + 2, 0x11}, false, false, DROP_PROTOCOL},
	{"a solicitation with a wrong checksum", NS, 1, 0, 1, LINK_6, {ND_ICMP + 2, 0x11}, false, false, DROP_PROTOCOL},
};
/* clang-format on */

static size_t make_neighbour(size_t i, uint8_t *frame)
{
	if (neighbours[i].type == NS || neighbours[i].type == NA)
		return make_nd(frame, neighbours[i].type, ip6((uint16_t)neighbours[i].sender),
			       ip6((uint16_t)neighbours[i].target), neighbours[i].option);
	return make_arp(frame, neighbours[i].type, neighbours[i].sender, neighbours[i].target);
}

/* The answer: in the same VLAN, from our Ethernet address to the asking one, about our address. */
static void check_answer(const struct bench *t, const struct packet *p, size_t i, uint16_t vlan)
{
	const uint8_t *d = p->data, *mac = t->b->nexthops->macs[p->in_port];
	size_t tag = vlan != 0 ? 4 : 0;
	struct addr6 ours = ip6(0);

	assert_int_equal(p->out_port, p->in_port);
	assert_memory_equal(d, peer_mac, 6);
	assert_memory_equal(d + 6, mac, 6);
	if (vlan != 0) {
		assert_int_equal(wire_16(d + 12), ETHER_TAG);
		assert_int_equal(wire_16(d + 14), vlan);
	}
	if (neighbours[i].type == NS) {
		assert_int_equal(wire_16(d + tag + 12), ETHER_IPV6);
		assert_int_equal(d[tag + ND_ICMP], NA);
		assert_memory_equal(d + tag + ND_TARGET, &ours, 16);
		assert_memory_equal(d + tag + ND_OPTIONS + 2, mac, 6);
		assert_int_equal(p->len, tag + ND_LEN);
		return;
	}
	assert_int_equal(wire_16(d + tag + 12), ETHER_ARP);
	assert_int_equal(wire_16(d + tag + ARP_OPERATION), 2);
	assert_int_equal(ntohl(wire_be32(d + tag + ARP_SENDER_IP)), OURS);
	assert_memory_equal(d + tag + ARP_SENDER_MAC, mac, 6);
}

static void test_neighbours(void **state)
{
	static const uint16_t vlans[] = {[LINK_A] = 100, [LINK_6] = 200, [LINK_PLAIN] = 0};
	struct bench t;

	set_up(&t);
	for (size_t i = 0; i < ARRAY_SIZE(neighbours); i++) {
		uint16_t tunnel = neighbours[i].tunnel;
		const uint8_t tag[] = {0x81, 0, 0, (uint8_t)vlans[tunnel]};
		uint8_t frame[FRAME_MAX];
		size_t len = make_neighbour(i, frame);
		enum stage to;
		struct packet *p;

		if (neighbours[i].poke.at != 0)
			frame[neighbours[i].poke.at] = neighbours[i].poke.to;
		if (vlans[tunnel] != 0)
			len = put_tags(frame, len, tag, sizeof(tag));
		t.b->ctx.n_heard = 0;
		to = run(&t, frame, len, tunnel == LINK_PLAIN ? 1 : 0, &p);
		if (to != (neighbours[i].answered ? STAGE_TRANSMIT : STAGE_DROP) ||
		    t.b->ctx.n_heard != neighbours[i].heard)
			fail_msg("%s: stage %d, %u heard", neighbours[i].why, to, t.b->ctx.n_heard);
		if (neighbours[i].heard) {
			assert_int_equal(t.b->ctx.heard[0].tunnel, tunnel);
			assert_memory_equal(t.b->ctx.heard[0].mac, peer_mac, 6);
		}
		if (to == STAGE_TRANSMIT)
			check_answer(&t, p, i, vlans[tunnel]);
		else if (p->drop != neighbours[i].drop || p->onramp != TUNNEL_NONE)
			fail_msg("%s: %s", neighbours[i].why, drop_infos[p->drop].name);
		bench_clear(t.b);
	}
	tear_down(&t);
}

/* A station that tells our own Ethernet address would make us talk to ourselves. */
static void test_our_own_mac(void **state)
{
	static const uint8_t tag[] = {0x81, 0, 0, 100};
	uint8_t frame[FRAME_MAX];
	struct packet *p;
	struct bench t;
	size_t len;

	set_up(&t);
	len = make_arp(frame, 2, PEER, OURS);
	memcpy(frame + ARP_SENDER_MAC, t.b->nexthops->macs[0], 6);
	run(&t, frame, put_tags(frame, len, tag, 4), 0, &p);
	assert_int_equal(t.b->ctx.n_heard, 0);
	len = make_arp(frame, 2, PEER, OURS);
	memset(frame + ARP_SENDER_MAC, 0, 6);
	run(&t, frame, put_tags(frame, len, tag, 4), 0, &p);
	assert_int_equal(t.b->ctx.n_heard, 0);
	tear_down(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_our_own_mac),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
