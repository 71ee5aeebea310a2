/*
 * A flow whose off-ramp is a tunnel, stage by stage: hosts of berlin and madrid send to each other,
 * untranslated. No setup makes such a flow yet, so it is written here.
 *
 *     10.0.1.10 --- berlin, tunnel B1 ---[ ctx ]--- tunnel M1, madrid --- 10.9.0.1
 */
#include "out/stages.h"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define FAR_HOST IP(10, 9, 0, 1)
#define THERE .src = HOST, .dst = FAR_HOST, .sport = 5000, .dport = 443
#define BACK .src = FAR_HOST, .dst = HOST, .sport = 443, .dport = 5000

enum { UDP = 17, TCP = 6, SYN = 2, M1_MTU = STAGE_MTU - 4 };

static uint32_t make_flow(struct stage_bench *b, uint8_t proto)
{
	const struct flow flow = {
		.src = htonl(HOST),
		.dst = htonl(FAR_HOST),
		.sport = htons(5000),
		.dport = htons(443),
		.site = SITE_BERLIN,
		.proto = proto,
		.state = proto == TCP ? FLOW_TCP_ESTABLISHED : FLOW_UDP,
		.nat_src = htonl(HOST),
		.nat_port = htons(5000),
		.far = SITE_MADRID,
		.onramp = TUNNEL_B1,
		.offramp = TUNNEL_M1,
		.seen_s = STAGE_NOW - 5,
	};
	uint32_t record = flow_table_insert(b->ctx.flows, &flow);

	assert_int_not_equal(record, FLOW_NO_RECORD);
	return record;
}

/* Runs the named stages from parse on. Returns the list in which the packet is then. */
static enum stage walk(struct stage_bench *b, struct packet *p)
{
	enum stage at = STAGE_PARSE;

	while (at != STAGE_TRANSMIT && at != STAGE_DROP && at != STAGE_FRAGMENT)
		at = bench_run(b, at, p);
	return at;
}

static struct frame sent(struct stage_bench *b, const struct packet *p)
{
	struct frame out;
	const char *why = "";

	if (!frame_parse(p->data, p->len, &out, &why))
		fail_msg("%s is wrong", why);
	assert_int_equal(p->out_port, PORT_UNDERLAY);
	assert_int_equal(p->data[5], 0xaa);
	return out;
}

static void goes_there_and_back(void **state)
{
	static const struct {
		struct frame in;
		uint16_t by, to;
		uint32_t end, key;
	} rows[] = {
		{{THERE, .proto = UDP, .token = 1, .ttl = 9}, TUNNEL_B1, TUNNEL_M1, MADRID, 8},
		{{BACK, .proto = UDP, .token = 2, .ttl = 9}, TUNNEL_M1, TUNNEL_B1, BERLIN, 0},
	};
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	const struct flow *f = flow_table_at(b->ctx.flows, make_flow(b, UDP));

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct packet *p = bench_inner(b, &rows[i].in, rows[i].by);
		struct frame out;

		assert_int_equal(walk(b, p), STAGE_TRANSMIT);
		out = sent(b, p);
		assert_int_equal(out.outer_dst, rows[i].end);
		assert_int_equal(out.key, rows[i].key);
		assert_int_equal(out.src, rows[i].in.src);
		assert_int_equal(out.dst, rows[i].in.dst);
		assert_int_equal(out.sport, rows[i].in.sport);
		assert_int_equal(out.dport, rows[i].in.dport);
		assert_int_equal(out.token, rows[i].in.token);
		assert_int_equal(out.ttl, 8);
		assert_int_equal(b->tunnel_counters[rows[i].to].tx_packets, 1);
		assert_int_equal(flow_packets(f, (enum flow_dir)i), 1);
	}
	assert_int_equal(f->onramp, TUNNEL_B1);
	assert_int_equal(f->offramp, TUNNEL_M1);
	bench_destroy(b);
}

/* The MTU is that of the off-ramp's tunnel. The error goes to berlin by berlin's tunnel. */
static void knows_the_tunnels_mtu(void **state)
{
	const struct frame fits = {THERE, .proto = UDP, .payload = M1_MTU - 28, .df = true};
	const struct frame large = {THERE, .proto = UDP, .payload = M1_MTU - 27, .df = true};
	const struct frame cut = {THERE, .proto = UDP, .payload = M1_MTU - 27};
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	struct frame out;
	struct packet *p;

	make_flow(b, UDP);
	assert_int_equal(walk(b, bench_inner(b, &fits, TUNNEL_B1)), STAGE_TRANSMIT);
	p = bench_inner(b, &large, TUNNEL_B1);
	assert_int_equal(walk(b, p), STAGE_TRANSMIT);
	out = sent(b, p);
	assert_int_equal(out.outer_dst, BERLIN);
	assert_int_equal(out.src, BERLIN_INSIDE);
	assert_int_equal(out.dst, HOST);
	assert_int_equal(out.icmp_type, 3);
	assert_int_equal(out.icmp_code, 4);
	assert_int_equal(out.dport, M1_MTU);
	p = bench_inner(b, &cut, TUNNEL_B1);
	assert_int_equal(walk(b, p), STAGE_FRAGMENT);
	assert_int_equal(p->nexthop, TUNNEL_M1);
	bench_destroy(b);
}

/* The MSS of a SYN fits both tunnels. */
static void clamps_to_both_tunnels(void **state)
{
	const struct frame syn = {THERE, .proto = TCP, .tcp_flags = SYN, .mss = 1460};
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	struct packet *p;

	make_flow(b, TCP);
	p = bench_inner(b, &syn, TUNNEL_B1);
	assert_int_equal(walk(b, p), STAGE_TRANSMIT);
	assert_int_equal(sent(b, p).mss, M1_MTU - 40);
	bench_destroy(b);
}

/* A packet of madrid's host whose TTL expires: the error goes by madrid's tunnel. */
static void answers_by_the_tunnel_it_came_by(void **state)
{
	const struct frame last = {BACK, .proto = UDP, .ttl = 1};
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	struct packet *p;
	struct frame out;

	make_flow(b, UDP);
	p = bench_inner(b, &last, TUNNEL_M1);
	assert_int_equal(walk(b, p), STAGE_TRANSMIT);
	out = sent(b, p);
	assert_int_equal(out.outer_dst, MADRID);
	assert_int_equal(out.dst, FAR_HOST);
	assert_int_equal(out.icmp_type, 11);
	bench_destroy(b);
}

/*
 * The off-ramp's neighbour is not resolved: nothing leaves, and the on-ramp's tunnel counts the
 * drop.
 */
static void drops_what_cannot_leave(void **state)
{
	const struct frame f = {THERE, .proto = UDP};
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	struct packet *p = bench_inner(b, &f, TUNNEL_B1);

	make_flow(b, UDP);
	b->nexthops->at[TUNNEL_M1].resolved = b->nexthops->at[TUNNEL_M1].direct = false;
	assert_int_equal(walk(b, p), STAGE_DROP);
	assert_int_equal(p->drop, DROP_NO_NEIGHBOUR);
	assert_int_equal(p->onramp, TUNNEL_B1);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_there_and_back),
		cmocka_unit_test(knows_the_tunnels_mtu),
		cmocka_unit_test(clamps_to_both_tunnels),
		cmocka_unit_test(answers_by_the_tunnel_it_came_by),
		cmocka_unit_test(drops_what_cannot_leave),
	};

	return cmocka_run_group_tests_name("out/offramp", tests, bench_start_dpdk, bench_stop_dpdk);
}
