/*
 * Flows follow a change of routes: each at its next packet, or by a census if it is quiet. Packets
 * that a route refuses are dropped under a reason or answered, those of an open flow like first
 * packets.
 *
 *     berlin 10.0.1.0/24, fd00::/64 --- GRE 198.51.100.10 ---[ gateway ]--- uplink, next hop ..:bb
 *                                                             203.0.113.1, 2001:db8:1::1
 */
#include "bed.h"
#include "frame.h"
#include "path/context.h"
#include "worker/census.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY IP(198, 51, 100, 1)
#define BERLIN IP(198, 51, 100, 10)
#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define HOST6 IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0x10)
#define SERVER6 IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x80)

enum { UNDERLAY, UPLINK };
enum { TCP = 6, UDP = 17, ICMP = 1, ICMP6 = 58, NEIGHBOUR = 0xbb };

static const char yaml[] =
	"flows: {capacity: 1024}\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    prefixes: [10.0.1.0/24, 'fd00::/64']\n"
	"    tunnels:\n"
	"      - {name: b, type: gre, port: underlay, local: 198.51.100.1,\n"
	"         remote: 198.51.100.10, address: 10.255.0.1, address6: 'fd00::1'}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]},\n"
	"     {address: '2001:db8:1::1', slices: [1]}]}\n";

static struct bed *bed;

static int setup(void **state)
{
	bed = bed_create(yaml, 1);
	return 0;
}

static int teardown(void **state)
{
	bed_check(bed);
	bed_destroy(bed);
	return 0;
}

static const struct frame four = {.outer_src = BERLIN,
				  .outer_dst = GATEWAY,
				  .src = HOST,
				  .dst = SERVER,
				  .dport = 53,
				  .proto = UDP};
static const struct frame six = {.outer_src = BERLIN,
				 .outer_dst = GATEWAY,
				 .six = true,
				 .src6 = HOST6,
				 .dst6 = SERVER6,
				 .dport = 53,
				 .proto = UDP};

static void put(struct frame f, uint16_t sport)
{
	uint8_t frame[BED_FRAME_MAX];

	f.sport = sport;
	bed_send(bed, UNDERLAY, frame, frame_build(&f, frame));
	bed_run(bed);
}

/* Last byte of the destination Ethernet address of the next frame; -1: there is no frame. */
static int went_to(unsigned port)
{
	uint8_t frame[BED_FRAME_MAX];

	return bed_take(bed, port, frame) == 0 ? -1 : frame[5];
}

static void test_flows_follow(void **state)
{
	const struct frame *families[] = {&four, &six};

	for (unsigned i = 0; i < 2; i++) {
		put(*families[i], 1000);
		assert_int_equal(went_to(UPLINK), NEIGHBOUR);
	}
	bed_move(bed, BED_ANOTHER);
	for (unsigned i = 0; i < 2; i++) {
		put(*families[i], 1000);
		assert_int_equal(went_to(UPLINK), NEIGHBOUR ^ 0xff);
		put(*families[i], 1000);
		assert_int_equal(went_to(UPLINK), NEIGHBOUR ^ 0xff);
	}
	assert_int_equal(bed_counters(bed).flows, 2); /* no new flow was opened */
}

/* Packets that are too large for the old and the new neighbour are answered with too big. */
static void test_too_big_all_the_same(void **state)
{
	struct frame large = four;

	put(four, 1000);
	went_to(UPLINK);
	bed_move(bed, BED_ANOTHER);
	large.df = true;
	large.payload = 1480;
	put(large, 1000);
	assert_int_equal(went_to(UPLINK), -1);
	bed_expect_answer(bed, "too big", ANSWER_TOO_BIG + 1);
	assert_int_equal(went_to(UNDERLAY), 0xaa ^ 0xff);
	put(four, 1000);
	assert_int_equal(went_to(UPLINK), NEIGHBOUR ^ 0xff);
}

/* clang-format off */
static const struct {
	const char *why;
	uint16_t verdict;
	int answer; /* -1: none */
	enum drop drop; /* reason if it is not answered */
	uint8_t code, code6;
} rows[] = {
	{ "no route",         NEXTHOP_NONE,         ANSWER_UNREACHABLE,       0, 0, 0 },
	{ "blackhole",        ROUTE_BLACKHOLE,    -1, DROP_ROUTE_BLACKHOLE,    0, 0 },
	{ "unreachable",      ROUTE_UNREACHABLE,  ANSWER_ROUTE_UNREACHABLE, 0, 1, 0 },
	{ "prohibit",         ROUTE_PROHIBITED,   ANSWER_ROUTE_PROHIBITED,  0, 13, 1 },
	{ "a silent host",    ROUTE_UNKNOWN_HOST, -1, DROP_NO_NEIGHBOUR,       0, 0 },
};
/* clang-format on */

static void expect_refusal(size_t i, bool is_six, const struct worker_counters *before)
{
	struct worker_counters now = bed_counters(bed);
	uint8_t frame[BED_FRAME_MAX];
	size_t len = bed_take(bed, UNDERLAY, frame);
	const char *why = "";
	struct frame f;

	if (rows[i].answer < 0) {
		assert_int_equal(len, 0);
		assert_int_equal(now.drops[rows[i].drop], before->drops[rows[i].drop] + 1);
		return;
	}
	if (len == 0)
		fail_msg("%s: no answer", rows[i].why);
	assert_int_equal(now.answers[rows[i].answer], before->answers[rows[i].answer] + 1);
	if (!frame_parse(frame, len, &f, &why))
		fail_msg("%s: %s", rows[i].why, why);
	assert_int_equal(f.proto, is_six ? ICMP6 : ICMP);
	assert_int_equal(f.icmp_type, is_six ? 1 : 3);
	assert_int_equal(f.icmp_code, is_six ? rows[i].code6 : rows[i].code);
}

/* An open flow, and a first packet; the flow goes on when there is a route again. */
static void test_refusals(void **state)
{
	const struct frame *families[] = {&four, &six};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (unsigned k = 0; k < 2; k++) {
			struct worker_counters before;

			bed_destroy(bed);
			bed = bed_create(yaml, 1);
			put(*families[k], 1000);
			assert_int_equal(went_to(UPLINK), NEIGHBOUR);
			bed_move(bed, rows[i].verdict);
			before = bed_counters(bed);
			put(*families[k], 1000);
			expect_refusal(i, k == 1, &before);
			before = bed_counters(bed);
			put(*families[k], 2000);
			expect_refusal(i, k == 1, &before);
			assert_int_equal(went_to(UPLINK), -1);
			assert_int_equal(bed_counters(bed).flows, 1);
			bed_check(bed);
			bed_move(bed, BED_ANOTHER);
			put(*families[k], 1000);
			assert_int_equal(went_to(UPLINK), NEIGHBOUR ^ 0xff);
		}
	}
}

static bool has(const struct census *c, uint16_t id)
{
	return ids_has(c->nexthops, id);
}

static void take_census(struct census *c)
{
	assert_int_equal(worker_census_start(bed_worker(bed, 0), c), 0);
	while (!worker_census_done(c))
		worker_turn(bed_worker(bed, 0));
}

/* Quiet flows get their new nexthop; a flow that has none now is not counted for the old one. */
static void test_census(void **state)
{
	static struct census c;

	for (uint16_t i = 0; i < 200; i++) {
		put(four, 1000 + i);
		put(six, 1000 + i);
	}
	take_census(&c);
	assert_true(has(&c, bed_neighbour(UPLINK, false)));
	assert_true(has(&c, 1)); /* their on-ramp */
	assert_false(has(&c, bed_neighbour(UPLINK, true)));
	bed_move(bed, BED_ANOTHER);
	take_census(&c);
	assert_false(has(&c, bed_neighbour(UPLINK, false)));
	assert_true(has(&c, bed_neighbour(UPLINK, true)));
	while (went_to(UPLINK) >= 0)
		;
	put(four, 1000);
	assert_int_equal(went_to(UPLINK), NEIGHBOUR ^ 0xff);
}

/* Flows that have ended hold no nexthop while their ports rest, and ask for no neighbour. */
static void test_census_without_what_rests(void **state)
{
	static struct census c;
	struct neighbour_wanted wanted[CONTEXT_WANTED_MAX];

	for (uint16_t i = 0; i < 20; i++) {
		put(four, 1000 + i);
		put(six, 1000 + i);
	}
	while (went_to(UPLINK) >= 0)
		;
	worker_advance_clock(bed_worker(bed, 0), 400); /* longer than any UDP timeout */
	for (unsigned i = 0; i < 10; i++)
		worker_turn(bed_worker(bed, 0));
	assert_int_equal(bed_counters(bed).flows_ended, 40);
	bed_move(bed, ROUTE_UNKNOWN_HOST);
	take_census(&c);
	for (unsigned id = 0; id < NEXTHOP_IDS; id++)
		assert_false(has(&c, (uint16_t)id));
	worker_turn(bed_worker(bed, 0));
	assert_int_equal(worker_take_wanted(bed_worker(bed, 0), wanted, CONTEXT_WANTED_MAX), 0);
}

/*
 * A SYN leaves. Its answer comes back after routes have moved to @to. Returns the MSS of the
 * answer.
 */
static uint16_t answered_mss(const struct frame *family, int to)
{
	struct frame syn = *family, out, back;
	uint8_t frame[BED_FRAME_MAX];
	const char *why = "";

	bed_destroy(bed);
	bed = bed_create(yaml, 1);
	syn.proto = TCP;
	syn.tcp_flags = TCP_SYN;
	syn.mss = 1460;
	put(syn, 1000);
	assert_true(frame_parse(frame, bed_take(bed, UPLINK, frame), &out, &why));
	bed_move(bed, to);
	back = (struct frame){
		.six = out.six,
		.src = out.dst,
		.dst = out.src,
		.src6 = out.dst6,
		.dst6 = out.src6,
		.sport = out.dport,
		.dport = out.sport,
		.proto = TCP,
		.tcp_flags = TCP_SYN | TCP_ACK,
		.mss = 1460,
		.seq = 7000,
		.ack = out.seq + 1,
	};
	bed_send(bed, UPLINK, frame, frame_build(&back, frame));
	bed_run(bed);
	assert_true(frame_parse(frame, bed_take(bed, UNDERLAY, frame), &out, &why));
	return out.mss;
}

static void test_mss_while_routes_move(void **state)
{
	enum { TUNNEL_MTU = 1476 };

	assert_int_equal(answered_mss(&four, BED_ANOTHER), TUNNEL_MTU - 40);
	assert_int_equal(answered_mss(&six, BED_ANOTHER), TUNNEL_MTU - 60);
	assert_int_equal(answered_mss(&four, NEXTHOP_NONE), TUNNEL_MTU - 40);
	assert_int_equal(answered_mss(&six, NEXTHOP_NONE), TUNNEL_MTU - 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_flows_follow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_big_all_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_census, setup, teardown),
		cmocka_unit_test_setup_teardown(test_census_without_what_rests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mss_while_routes_move, setup, teardown),
	};

	return cmocka_run_group_tests_name("packet/nexthop", tests, NULL, NULL);
}
