/*
 * Rewriting by difference has the same result as a full recomputation: random packets, both
 * directions.
 *
 * frame_parse() computes every checksum in full, by code of its own.
 */
#include "out/stages.h"

#include "dice.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ICMP = 1, TCP = 6, UDP = 17, SYN = 2, ROUNDS = 50000 };

static struct packet *packet_of(struct stage_bench *b, const struct frame *f, uint16_t tunnel,
				uint32_t record, uint8_t dir)
{
	struct packet *p = bench_inner(b, f, tunnel);

	p->probe.record = record;
	p->probe.dir = dir;
	p->l4 = 20;
	p->tcp_flags = f->proto == TCP ? f->tcp_flags : 0;
	return p;
}

static struct frame roll_frame(uint64_t *dice)
{
	static const uint8_t protos[] = {ICMP, TCP, UDP};
	struct frame f = {
		.src = (uint32_t)dice_next(dice),
		.dst = (uint32_t)dice_next(dice),
		.sport = (uint16_t)dice_next(dice),
		.dport = (uint16_t)dice_next(dice),
		.proto = protos[dice_roll(dice, 3)],
		.ttl = (uint8_t)(2 + dice_roll(dice, 254)),
		.token = dice_next(dice),
		.payload = (uint16_t)(8 + dice_roll(dice, 60)),
	};

	if (f.proto == ICMP)
		f.icmp_type = 8;
	if (f.proto == TCP && dice_roll(dice, 2) == 0) {
		f.tcp_flags = SYN;
		f.mss = (uint16_t)dice_next(dice);
	}
	f.udp_no_checksum = f.proto == UDP && dice_roll(dice, 4) == 0;
	return f;
}

/* The packet as it should leave, built from scratch. */
static struct frame expected_of(const struct frame *f, const struct flow *flow, uint8_t dir)
{
	struct frame e = *f;

	e.ttl--;
	if (dir == FLOW_FORWARD) {
		e.src = ntohl(flow->nat_src);
		e.sport = ntohs(flow->nat_port);
	} else {
		e.dst = ntohl(flow->src);
		if (f->proto == ICMP)
			e.sport = ntohs(flow->sport);
		else
			e.dport = ntohs(flow->sport);
	}
	if (e.mss > STAGE_MTU - 40)
		e.mss = STAGE_MTU - 40;
	return e;
}

/* A return packet of @flow, to be rewritten. */
static struct frame turned(const struct frame *f, const struct flow *flow)
{
	struct frame r = *f;

	r.src = f->dst;
	r.dst = ntohl(flow->nat_src);
	r.sport = f->proto == ICMP ? ntohs(flow->nat_port) : f->dport;
	r.dport = f->proto == ICMP ? 0 : ntohs(flow->nat_port);
	r.icmp_type = 0;
	return r;
}

/* One's complement has two zeros: checksums of 0xffff and 0 mean the same. */
static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t len, uint8_t proto)
{
	static const uint8_t l4_sum[] = {[ICMP] = 34 + 2, [TCP] = 34 + 16, [UDP] = 34 + 6};

	for (size_t i = 14; i < len; i++) {
		bool is_sum = i == 24 || i == 25 || i == l4_sum[proto] || i == l4_sum[proto] + 1u;

		if (a[i] != b[i] && !(is_sum && (a[i] ^ b[i]) == 0xff))
			return false;
	}
	return true;
}

static void check_rewrite(struct stage_bench *b, const struct frame *in, uint32_t record,
			  uint8_t dir)
{
	const struct flow *flow = flow_table_at(b->ctx.flows, record);
	struct packet *p = packet_of(b, in, dir == FLOW_FORWARD ? TUNNEL_B1 : 0, record, dir);
	struct frame expected = expected_of(in, flow, dir), out;
	uint8_t bytes[512], wanted[512];
	size_t len, wanted_len = frame_build(&expected, wanted);
	const char *why;

	assert_int_equal(bench_run(b, STAGE_REWRITE, p), STAGE_ENCAPSULATE);
	len = bench_frame(p, bytes);
	if (!frame_parse(bytes, len, &out, &why))
		fail_msg("protocol %u, direction %u: %s is wrong", in->proto, dir, why);
	assert_int_equal(len, wanted_len);
	if (!same_bytes(bytes, wanted, len, in->proto))
		fail_msg("protocol %u, direction %u: other bytes", in->proto, dir);
	assert_int_equal(out.udp_no_checksum, in->udp_no_checksum);
}

static void test_random_packets(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	uint64_t dice = 31;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct frame f = roll_frame(&dice), r;
		uint32_t record = bench_flow(b, &f, TUNNEL_B1, (uint16_t)dice_next(&dice));

		flow_table_at(b->ctx.flows, record)->nat_src = (be32_t)dice_next(&dice);
		check_rewrite(b, &f, record, FLOW_FORWARD);
		r = turned(&f, flow_table_at(b->ctx.flows, record));
		check_rewrite(b, &r, record, FLOW_RETURN);
		/* the keys in the table are no longer valid: make a new one */
		flow_table_at(b->ctx.flows, record)->nat_src = htonl(EGRESS);
		flow_table_remove(b->ctx.flows, record);
		bench_clear(b);
	}
	bench_destroy(b);
}

/* A damaged packet leaves as damaged as it came, so that the receiver finds it. */
static void test_errors_stay_errors(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	uint64_t dice = 37;

	for (unsigned i = 0; i < 5000; i++) {
		struct frame f = roll_frame(&dice), out;
		uint32_t record;
		struct packet *p;
		uint8_t bytes[512];
		const char *why = "";

		f.udp_no_checksum = false;
		record = bench_flow(b, &f, TUNNEL_B1, 2100);
		p = packet_of(b, &f, TUNNEL_B1, record, FLOW_FORWARD);
		p->data[p->len - 1u - dice_roll(&dice, 8)] ^= 1 << dice_roll(&dice, 8);
		bench_run(b, STAGE_REWRITE, p);
		assert_false(frame_parse(bytes, bench_frame(p, bytes), &out, &why));
		assert_string_equal(why, "transport checksum");
		flow_table_remove(b->ctx.flows, record);
		bench_clear(b);
	}
	bench_destroy(b);
}

/* RFC 768: a checksum of zero is sent as 0xffff, since zero means that there is none. */
static void test_udp_zero(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	struct frame f = {.src = HOST, .dst = SERVER, .sport = 5000, .dport = 53, .proto = UDP};
	unsigned ones = 0;

	for (uint32_t token = 0; token < 65536; token++) {
		uint32_t record;
		struct packet *p;

		f.token = token;
		record = bench_flow(b, &f, TUNNEL_B1, 2100);
		p = packet_of(b, &f, TUNNEL_B1, record, FLOW_FORWARD);
		bench_run(b, STAGE_REWRITE, p);
		assert_true(p->data[26] != 0 || p->data[27] != 0);
		ones += p->data[26] == 0xff && p->data[27] == 0xff;
		flow_table_remove(b->ctx.flows, record);
		bench_clear(b);
	}
	assert_int_equal(ones, 1);
	bench_destroy(b);
}

/* A reply whose bytes all become zero: its checksum is 0xffff, as 0 would mean a sum of 0xffff. */
static void test_icmp_zero(void **state)
{
	static const uint8_t zeros[8];
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	struct frame f = {.src = HOST, .dst = SERVER, .proto = ICMP, .icmp_type = 8};
	uint32_t record = bench_flow(b, &f, TUNNEL_B1, 2100);
	struct frame r = turned(&f, flow_table_at(b->ctx.flows, record)), out;
	uint8_t bytes[512];
	const char *why = "";
	struct packet *p;

	r.data = zeros;
	r.payload = sizeof(zeros);
	p = packet_of(b, &r, 0, record, FLOW_RETURN);
	bench_run(b, STAGE_REWRITE, p);
	if (!frame_parse(bytes, bench_frame(p, bytes), &out, &why))
		fail_msg("%s is wrong", why);
	assert_int_equal(out.sport, 0);
	assert_true(p->data[22] == 0xff && p->data[23] == 0xff);
	bench_clear(b);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_packets),
		cmocka_unit_test(test_errors_stay_errors),
		cmocka_unit_test(test_udp_zero),
		cmocka_unit_test(test_icmp_zero),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
