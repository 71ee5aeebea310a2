/*
 * IPv6 packets get the addresses of their flow, in both directions. Correct checksums stay correct,
 * wrong ones stay wrong, and nothing else changes.
 */
#include "stage.h"

#include "out/stages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SYN = 2, ACK = 16, TCP = 6, UDP = 17, ICMP6 = 58, NAT_PORT = 2050 };

#define OUT .six = true, .src6 = HOST6, .dst6 = SERVER6, .sport = 5000, .dport = 53
#define OPTIONS                                                                                    \
	.next = 0, .n_extensions = 8, .extensions = (const uint8_t *)"\x11\0\x01\x04\0\0\0\0"

/* clang-format off */
static const struct {
	const char *why;
	struct frame frame;
	uint16_t mss; /* the MSS afterwards; 0: no option */
} rows[] = {
	{"UDP", {OUT, .proto = UDP}},
	{"UDP of odd length", {OUT, .proto = UDP, .payload = 11}},
	{"UDP without a checksum", {OUT, .proto = UDP, .udp_no_checksum = true}},
	{"UDP behind options", {OUT, .proto = UDP, OPTIONS}},
	{"TCP", {OUT, .proto = TCP, .tcp_flags = ACK}},
	{"TCP SYN: the MSS fits the tunnel", {OUT, .proto = TCP, .tcp_flags = SYN, .mss = 1440}, STAGE_MTU - 60},
	{"TCP SYN: a smaller one stays", {OUT, .proto = TCP, .tcp_flags = SYN, .mss = 1220}, 1220},
	{"ICMPv6", {OUT, .proto = ICMP6, .icmp_type = 128}},
};
/* clang-format on */

/* The flow's frame on the other side, or its return. */
static struct frame expected(size_t i, enum flow_dir dir)
{
	struct frame f = rows[i].frame;

	f.ttl = 63;
	f.mss = rows[i].mss;
	if (dir == FLOW_FORWARD) {
		f.src6 = (struct ip6)EGRESS6;
		f.sport = NAT_PORT;
		return f;
	}
	f.src6 = (struct ip6)SERVER6;
	f.dst6 = (struct ip6)HOST6;
	f.sport = f.proto == ICMP6 ? 5000 : 53;
	f.dport = 5000;
	return f;
}

/* The frame that comes in: a forward packet, or a return to the egress address. */
static struct frame incoming(size_t i, enum flow_dir dir)
{
	struct frame f = rows[i].frame;

	if (dir == FLOW_FORWARD)
		return f;
	f.src6 = (struct ip6)SERVER6;
	f.dst6 = (struct ip6)EGRESS6;
	f.sport = f.proto == ICMP6 ? NAT_PORT : 53;
	f.dport = NAT_PORT;
	return f;
}

static void check_row(struct stage_bench *b, size_t i, enum flow_dir dir, bool damaged)
{
	struct frame in = incoming(i, dir), want = expected(i, dir), out;
	struct packet *p = bench_inner(b, &in, dir == FLOW_FORWARD ? TUNNEL_B1 : TUNNEL_NONE);
	uint8_t bytes[512], wanted[512];
	size_t len = p->len, want_len = frame_build_inner(&want, wanted);
	const char *why;
	bool sound;

	p->probe.record = bench_flow6(b, &rows[i].frame, TUNNEL_B1, NAT_PORT);
	p->probe.dir = dir;
	p->l4 = (uint8_t)(40 + in.n_extensions);
	p->tcp_flags = in.tcp_flags;
	p->data[len - 1] ^= damaged;
	assert_int_equal(bench_run(b, STAGE_REWRITE6, p), STAGE_ENCAPSULATE6);
	len = bench_frame(p, bytes);
	sound = frame_parse(bytes, len, &out, &why);
	if (sound != (!damaged || in.udp_no_checksum))
		fail_msg("%s, %d: %s", rows[i].why, dir, sound ? "mended" : why);
	assert_int_equal(len - 14, want_len);
	if (!damaged)
		assert_memory_equal(bytes + 14, wanted, want_len);
	flow_table_remove(b->ctx.flows6, p->probe.record);
	bench_clear(b);
}

static void every_row(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_row(b, i, FLOW_FORWARD, false);
		check_row(b, i, FLOW_RETURN, false);
		check_row(b, i, FLOW_FORWARD, true);
		check_row(b, i, FLOW_RETURN, true);
	}
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_row)};

	return cmocka_run_group_tests_name("out/rewrite6", tests, bench_start_dpdk,
					   bench_stop_dpdk);
}
