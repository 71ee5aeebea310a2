/* Forward: the nexthop of a packet of a known flow, and its effect on the flow. */
#include "out/stages.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { TCP = 6, UDP = 17, NAT_PORT = 2100, F = FLOW_FORWARD, R = FLOW_RETURN };

#define OUT .src = HOST, .dst = SERVER, .sport = 5000, .dport = 53, .proto = UDP
#define REWRITE STAGE_REWRITE
#define ANSWER STAGE_ANSWER
#define FRAGMENT STAGE_FRAGMENT

/* clang-format off */
static const struct {
	const char *why;
	uint8_t dir;
	uint16_t tunnel; /* the tunnel by which it came */
	struct frame frame;
	enum stage to;
	uint8_t reason;
	uint16_t onramp, nexthop; /* afterwards */
} rows[] = {
	{ "forward",             F, 1, { OUT }, REWRITE, 0, 1, NEXTHOP_UPLINK },
	{ "return",              R, 0, { OUT }, REWRITE, 0, 1, TUNNEL_B1 },
	{ "by the site's other tunnel: the return moves", F, 2, { OUT }, REWRITE, 0, 2, NEXTHOP_UPLINK },
	{ "forward, just fits",  F, 1, { OUT, .payload = 1472, .df = 1 }, REWRITE, 0, 1, NEXTHOP_UPLINK },
	{ "forward, DF, too big", F, 1, { OUT, .payload = 1473, .df = 1 }, ANSWER, ANSWER_TOO_BIG, 1, 0 },
	{ "forward, too big",    F, 1, { OUT, .payload = 1473 }, FRAGMENT, 0, 1, NEXTHOP_UPLINK },
	{ "return, just fits",   R, 0, { OUT, .payload = 1448, .df = 1 }, REWRITE, 0, 1, TUNNEL_B1 },
	{ "return, DF, too big", R, 0, { OUT, .payload = 1449, .df = 1 }, ANSWER, ANSWER_TOO_BIG, 1, 0 },
	{ "return, too big",     R, 0, { OUT, .payload = 1449 }, FRAGMENT, 0, 1, TUNNEL_B1 },
	{ "return, two hops",    R, 0, { OUT, .ttl = 2 }, REWRITE, 0, 1, TUNNEL_B1 },
	{ "return, last hop",    R, 0, { OUT, .ttl = 1 }, ANSWER, ANSWER_TTL_EXPIRED, 1, 0 },
	{ "forward, last hop: parse lets it through to a tunnel's own address", F, 1, { OUT, .ttl = 1 },
	  ANSWER, ANSWER_TTL_EXPIRED, 1, 0 },
};
/* clang-format on */

static struct packet *packet_of(struct stage_bench *b, const struct frame *f, uint16_t tunnel,
				uint32_t record, uint8_t dir)
{
	struct packet *p = bench_inner(b, f, tunnel);

	p->probe.record = record;
	p->probe.dir = dir;
	p->l4 = 20;
	p->tcp_flags = f->tcp_flags;
	return p;
}

static void check_row(struct stage_bench *b, size_t i)
{
	uint32_t record = bench_flow(b, &rows[i].frame, TUNNEL_B1, NAT_PORT);
	struct flow *f = flow_table_at(b->ctx.flows, record);
	struct packet *p = packet_of(b, &rows[i].frame, rows[i].tunnel, record, rows[i].dir);
	enum stage to = bench_run(b, STAGE_FORWARD, p);
	bool goes = rows[i].to == STAGE_REWRITE || rows[i].to == STAGE_FRAGMENT;

	if (to != rows[i].to || (!goes && p->drop != rows[i].reason))
		fail_msg("row %zu: %s: stage %d, reason %d", i, rows[i].why, to, p->drop);
	assert_int_equal(f->onramp, rows[i].onramp);
	assert_int_equal(flow_packets(f, rows[i].dir), goes);
	assert_int_equal(flow_bytes(f, rows[i].dir), goes ? p->len : 0);
	assert_int_equal(flow_packets(f, !rows[i].dir), 0);
	/* a packet that is dropped does not keep its flow alive */
	assert_int_equal(f->seen_s, goes ? STAGE_NOW : STAGE_NOW - 5);
	if (goes) {
		assert_int_equal(p->nexthop, rows[i].nexthop);
		assert_int_equal(p->onramp, rows[i].tunnel); /* its on-ramp does not change */
	}
	flow_table_remove(b->ctx.flows, record);
	bench_clear(b);
}

static void test_rows(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(b, i);
	bench_destroy(b);
}

/* clang-format off */
static const struct {
	uint64_t packets, bytes; /* before a packet of 36 bytes */
	uint64_t packets_after, bytes_after;
	const char *why;
} counters[] = {
	{ 0, 0, 1, 36, "the first" },
	{ 0xfffffffe, 5, 0xffffffff, 41, "the last that 32 bits hold" },
	{ 0xffffffff, 5, 0x100000000, 41, "the carry into the other word" },
	{ 0x5ffffffff, 0xffffffffff, 0x600000000, 0x10000000023, "both are large" },
	{ 0xffffffffff, 5, 0, 41, "40 bits go round" },
	{ 7, (UINT64_C(1) << 56) - 37, 8, (UINT64_C(1) << 56) - 1, "the largest number of bytes" },
};
/* clang-format on */

static void test_counters(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	const struct frame frame = {OUT};
	uint32_t record = bench_flow(b, &frame, TUNNEL_B1, NAT_PORT);
	struct flow *f = flow_table_at(b->ctx.flows, record);

	for (size_t i = 0; i < 2 * ARRAY_SIZE(counters); i++) {
		size_t k = i / 2;
		uint8_t dir = i % 2;
		struct packet *p = packet_of(b, &frame, dir == F ? 1 : 0, record, dir);

		f->packets[dir] = (uint32_t)counters[k].packets;
		f->bytes[dir] = counters[k].packets >> 32 << FLOW_BYTES_BITS | counters[k].bytes;
		assert_int_equal(p->len, 36);
		assert_int_equal(bench_run(b, STAGE_FORWARD, p), STAGE_REWRITE);
		if (flow_packets(f, dir) != counters[k].packets_after ||
		    flow_bytes(f, dir) != counters[k].bytes_after)
			fail_msg("row %zu: %s: %lx, %lx", k, counters[k].why, flow_packets(f, dir),
				 flow_bytes(f, dir));
	}
	bench_destroy(b);
}

/*
 * A connection from SYN to the end, segment by segment; and the number of its site's half-open
 * connections.
 */
static void test_tcp_state(void **state)
{
	enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16 };
	static const struct {
		uint8_t dir, flags, state, half_open;
	} segments[] = {
		{F, SYN, FLOW_TCP_SYN_SENT, 1},
		{R, SYN | ACK, FLOW_TCP_SYN_ACK_RECEIVED, 1},
		{F, ACK, FLOW_TCP_ESTABLISHED, 0},
		{F, ACK | PSH, FLOW_TCP_ESTABLISHED, 0},
		{R, FIN | ACK, FLOW_TCP_FIN_RECEIVED, 0},
		{F, ACK | PSH, FLOW_TCP_FIN_RECEIVED, 0},
		{F, FIN | ACK, FLOW_TCP_CLOSED, 0},
		{F, SYN, FLOW_TCP_SYN_SENT, 1},
	};
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	struct frame frame = {.src = HOST, .dst = SERVER, .sport = 5000, .dport = 80, .proto = TCP};
	uint32_t record = bench_flow(b, &frame, TUNNEL_B1, NAT_PORT);
	struct flow *f = flow_table_at(b->ctx.flows, record);

	f->state = FLOW_TCP_SYN_SENT;
	b->ctx.sites[SITE_BERLIN].counters.half_open = 1;
	for (size_t i = 0; i < ARRAY_SIZE(segments); i++) {
		frame.tcp_flags = segments[i].flags;
		bench_run(b, STAGE_FORWARD,
			  packet_of(b, &frame, segments[i].dir == F, record, segments[i].dir));
		assert_int_equal(f->state, segments[i].state);
		assert_int_equal(b->ctx.sites[SITE_BERLIN].counters.half_open,
				 segments[i].half_open);
	}
	bench_destroy(b);
}

static unsigned n_moved;

static void note_move(struct context *ctx, const struct flow *flow)
{
	assert_int_equal(flow->onramp, TUNNEL_B2);
	n_moved++;
}

/* The callback is called when a flow changes its tunnel, and only then. */
static void test_move(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	const struct frame frame = {OUT};
	uint32_t record = bench_flow(b, &frame, TUNNEL_B1, NAT_PORT);
	const uint16_t tunnels[] = {TUNNEL_B1, TUNNEL_B2, TUNNEL_B2};

	b->ctx.moved = note_move;
	for (size_t i = 0; i < ARRAY_SIZE(tunnels); i++)
		bench_run(b, STAGE_FORWARD, packet_of(b, &frame, tunnels[i], record, F));
	assert_int_equal(n_moved, 1);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_tcp_state),
		cmocka_unit_test(test_move),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
