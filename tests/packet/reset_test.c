/*
 * TCP segments of a site that belong to no flow are answered by a reset, as by a server that knows
 * nothing of the connection (RFC 9293 section 3.10.7.1). Resets are not answered.
 *
 *     berlin 10.0.1.0/24, fd00::/64 --- GRE 198.51.100.10, 2001:db8::10 ---+--- [ gateway ]
 *     madrid, any source -------------- GRE 198.51.100.20 -----------------+
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY IP(198, 51, 100, 1)
#define BERLIN IP(198, 51, 100, 10)
#define MADRID IP(198, 51, 100, 20)
#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define EGRESS IP(203, 0, 113, 1)
#define GATEWAY6 IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)
#define BERLIN6 IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10)
#define HOST6 IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0x10)
#define SERVER6 IP6(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x80)

enum { UNDERLAY, UPLINK };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, TCP = 6, UDP = 17 };
enum { AT_ONCE = 1000, PAYLOAD = 100 };

static struct bed *bed;

static void start(const char *flows)
{
	char yaml[2048];

	snprintf(
		yaml, sizeof(yaml),
		"flows: {capacity: 4096, capacity-ipv6: 1024%s}\n"
		"ports:\n"
		"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
		"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
		"sites:\n"
		"  - name: berlin\n"
		"    prefixes: [10.0.1.0/24, 'fd00::/64']\n"
		"    tunnels:\n"
		"      - {name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}\n"
		"      - {name: b6, local: '2001:db8::1', remote: '2001:db8::10', port: underlay}\n"
		"  - name: madrid\n"
		"    tunnels: [{name: m1, local: 198.51.100.1, remote: 198.51.100.20, port: "
		"underlay}]\n"
		"egress:\n"
		"  - {name: e, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]},\n"
		"     {address: '2001:db8:1::1', slices: [1]}]}\n",
		flows);
	bed = bed_create(yaml, 1);
	worker_hold_clock(bed_worker(bed, 0), 0);
}

static void stop(void)
{
	bed_check(bed);
	bed_destroy(bed);
}

#define BY_BERLIN .outer_src = BERLIN, .outer_dst = GATEWAY
#define BY_BERLIN6 .outer_six = true, .outer_src6 = BERLIN6, .outer_dst6 = GATEWAY6
#define FOUR .src = HOST, .dst = SERVER, .sport = 5000, .dport = 443, .proto = TCP
#define SIX .six = true, .src6 = HOST6, .dst6 = SERVER6, .sport = 5000, .dport = 443, .proto = TCP
#define NUMBERS .seq = 4000000000, .ack = 77, .payload = PAYLOAD

/* clang-format off */
static const struct row {
	const char *why;
	struct frame frame;
	uint8_t flags; /* of the answer; 0: none */
	uint32_t seq, ack;
	enum drop drop; /* reason if there is no answer */
	unsigned port;
} rows[] = {
	{"data",                  {BY_BERLIN, FOUR, NUMBERS, .tcp_flags = ACK | PSH}, RST, 77, 0},
	{"an acknowledgement",    {BY_BERLIN, FOUR, NUMBERS, .tcp_flags = ACK}, RST, 77, 0},
	{"the end",               {BY_BERLIN, FOUR, NUMBERS, .tcp_flags = ACK | FIN}, RST, 77, 0},
	{"an answer to nothing",  {BY_BERLIN, FOUR, NUMBERS, .tcp_flags = ACK | SYN}, RST, 77, 0},
	{"over IPv6",             {BY_BERLIN6, FOUR, NUMBERS, .tcp_flags = ACK}, RST, 77, 0},
	{"in IPv6",               {BY_BERLIN, SIX, NUMBERS, .tcp_flags = ACK}, RST, 77, 0},
	{"IPv6 over IPv6",        {BY_BERLIN6, SIX, NUMBERS, .tcp_flags = ACK | PSH}, RST, 77, 0},
	{"from any source, where any is allowed", {.outer_src = MADRID, .outer_dst = GATEWAY, FOUR,
	  NUMBERS, .tcp_flags = ACK}, RST, 77, 0},
	{"a large one",           {BY_BERLIN, FOUR, .seq = 1, .ack = 77, .payload = 1400, .tcp_flags = ACK}, RST, 77, 0},

	{"a reset",               {BY_BERLIN, FOUR, NUMBERS, .tcp_flags = RST}, .drop = DROP_NO_FLOW},
	{"a reset with ACK",      {BY_BERLIN, FOUR, NUMBERS, .tcp_flags = RST | ACK}, .drop = DROP_NO_FLOW},
	{"a reset in IPv6",       {BY_BERLIN, SIX, NUMBERS, .tcp_flags = RST}, .drop = DROP_NO_FLOW},
	{"no flags",              {BY_BERLIN, FOUR, NUMBERS, .tcp_flags = 0}, .drop = DROP_TCP_FLAGS},
	{"SYN and FIN",           {BY_BERLIN, FOUR, NUMBERS, .tcp_flags = SYN | FIN}, .drop = DROP_TCP_FLAGS},
	{"a source not its own",  {BY_BERLIN, .src = IP(10, 9, 9, 9), .dst = SERVER, .proto = TCP,
	  .tcp_flags = ACK}, .drop = DROP_NO_FLOW},
	{"to everybody",          {BY_BERLIN, .src = HOST, .dst = IP(255, 255, 255, 255), .proto = TCP,
	  .tcp_flags = ACK}, .drop = DROP_NO_FLOW},
	{"from the Internet",     {.src = SERVER, .dst = EGRESS, .sport = 443, .dport = 2048,
	  .proto = TCP, .tcp_flags = ACK}, .drop = DROP_NO_FLOW, .port = UPLINK},
};
/* clang-format on */

static bool send_and_take(unsigned port, const struct frame *f, struct frame *out)
{
	uint8_t bytes[BED_FRAME_MAX];
	const char *why = "";
	size_t len;

	bed_send(bed, port, bytes, frame_build(f, bytes));
	bed_run(bed);
	assert_int_equal(bed_take(bed, UPLINK, bytes), 0);
	len = bed_take(bed, UNDERLAY, bytes);
	if (len > 0 && !frame_parse(bytes, len, out, &why))
		fail_msg("came out with a wrong %s", why);
	return len > 0;
}

static void check_answer(const struct row *row, const struct frame *out)
{
	const struct frame *f = &row->frame;

	if (out->proto != TCP || out->tcp_flags != row->flags || out->seq != row->seq ||
	    out->ack != row->ack)
		fail_msg("%s: flags %x, seq %u, ack %u", row->why, out->tcp_flags, out->seq,
			 out->ack);
	assert_int_equal(out->sport, f->dport);
	assert_int_equal(out->dport, f->sport);
	if (f->six) {
		assert_memory_equal(&out->src6, &f->dst6, 16);
		assert_memory_equal(&out->dst6, &f->src6, 16);
	} else {
		assert_int_equal(out->src, f->dst);
		assert_int_equal(out->dst, f->src);
	}
}

static void every_row(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame out;
		bool answered;

		start("");
		answered = send_and_take(rows[i].port, &rows[i].frame, &out);
		if (answered != (rows[i].flags != 0))
			fail_msg("%s: %s", rows[i].why, answered ? "answered" : "not answered");
		if (answered)
			check_answer(&rows[i], &out);
		else
			bed_expect_drops(bed, rows[i].why, rows[i].drop, 1);
		assert_int_equal(bed_counters(bed).answers[ANSWER_RESET], answered);
		assert_int_equal(bed_counters(bed).flows_created, 0);
		stop();
	}
}

static void not_where_it_is_switched_off(void **state)
{
	struct frame out;

	start(", reset-unknown: false");
	assert_false(send_and_take(UNDERLAY, &rows[0].frame, &out));
	bed_expect_drops(bed, "switched off", DROP_NO_FLOW, 1);
	stop();
}

/* At most a thousand at once and a thousand a second; each site has a limit of its own. */
static void there_is_a_limit(void **state)
{
	struct frame madrid = rows[0].frame, out;
	unsigned n;

	start("");
	for (n = 0; send_and_take(UNDERLAY, &rows[0].frame, &out); n++)
		;
	assert_int_equal(n, AT_ONCE);
	bed_expect_drops(bed, "too many", DROP_NO_FLOW, 1);
	madrid.outer_src = MADRID;
	assert_true(send_and_take(UNDERLAY, &madrid, &out));
	worker_hold_clock(bed_worker(bed, 0), 100 * 1000 * 1000);
	for (n = 0; send_and_take(UNDERLAY, &rows[0].frame, &out); n++)
		;
	assert_int_equal(n, 100);
	stop();
}

/* A segment of a flow that is known is forwarded, and so is the one that opens it after the reset. */
static void the_host_begins_anew(void **state)
{
	struct frame syn = {BY_BERLIN, FOUR, .tcp_flags = SYN}, out;
	uint8_t bytes[BED_FRAME_MAX];

	start("");
	assert_true(send_and_take(UNDERLAY, &rows[0].frame, &out));
	bed_send(bed, UNDERLAY, bytes, frame_build(&syn, bytes));
	bed_run(bed);
	assert_int_not_equal(bed_take(bed, UPLINK, bytes), 0);
	bed_send(bed, UNDERLAY, bytes, frame_build(&rows[0].frame, bytes));
	bed_run(bed);
	assert_int_not_equal(bed_take(bed, UPLINK, bytes), 0);
	assert_int_equal(bed_counters(bed).answers[ANSWER_RESET], 1);
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(not_where_it_is_switched_off),
		cmocka_unit_test(there_is_a_limit),
		cmocka_unit_test(the_host_begins_anew),
	};

	return cmocka_run_group_tests_name("reset", tests, NULL, NULL);
}
