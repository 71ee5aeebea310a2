/*
 * ICMP errors that the gateway itself sends: about which packets, to whom, from which address, and
 * how many.
 *
 *     berlin 10.0.1.0/24 --- GRE 198.51.100.10, ours 10.255.0.1 ---+
 *     madrid 10.0.1.0/24 --- GRE 198.51.100.20, key 7 -------------+--- [ gateway ] uplink
 *                                                                  egress 203.0.113.1, slice 1
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
#define SPAIN IP(198, 51, 100, 20)
#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define EGRESS IP(203, 0, 113, 1)

enum { UNDERLAY, UPLINK };
enum { SYN = 2, TCP = 6, UDP = 17, ICMP = 1, ECHO = 8 };
enum { BURST = 50 };

static const char yaml[] =
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    prefixes: [10.0.1.0/24]\n"
	"    tunnels: [{name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay,\n"
	"               address: 10.255.0.1, mtu: 1400}]\n"
	"  - name: madrid\n"
	"    prefixes: [10.0.1.0/24]\n"
	"    tunnels: [{name: m1, local: 198.51.100.1, remote: 198.51.100.20, key: 7,\n"
	"               port: underlay}]\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]}]}\n"
	"flows: {capacity: 4096}\n";

#define FROM_BERLIN .outer_src = BERLIN, .outer_dst = GATEWAY, .src = HOST
#define FROM_MADRID .outer_src = SPAIN, .outer_dst = GATEWAY, .has_key = true, .key = 7, .src = HOST
#define TO_SERVER .dst = SERVER, .sport = 5000, .dport = 53

struct row {
	const char *why;
	struct frame frame;
	/* the return of the flow that the frame opens; ttl and payload are those of the return */
	bool is_return;
	bool broadcast; /* in a link-layer broadcast */
	enum drop drop; /* drop reason if no error is sent */
	uint8_t type, code; /* of the error */
	uint32_t from; /* its source address */
	uint16_t mtu;
};

/* clang-format off */
static const struct row rows[] = {
	{"no hops left: from the tunnel's inner address",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP, .ttl = 1}, .type = 11, .from = IP(10, 255, 0, 1)},
	{"no hops left, where the tunnel has no inner address: from its outer one",
	 {FROM_MADRID, TO_SERVER, .proto = UDP, .ttl = 1}, .type = 11, .from = GATEWAY},
	{"no hops left, of a packet with a DSCP: the error has none (RFC 5508 REQ-10d)",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP, .ttl = 1, .tos = 0xb8, .outer_tos = 0xb8}, .type = 11,
	 .from = IP(10, 255, 0, 1)},
	{"no hops left, for a ping",
	 {FROM_BERLIN, .dst = SERVER, .proto = ICMP, .icmp_type = ECHO, .ttl = 1}, .type = 11,
	 .from = IP(10, 255, 0, 1)},
	{"no route",
	 {FROM_BERLIN, .dst = IP(10, 7, 7, 7), .proto = TCP, .tcp_flags = SYN}, .type = 3,
	 .from = IP(10, 255, 0, 1)},
	{"a return has no hops left: told from the egress address",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP, .ttl = 1}, true, .type = 11, .from = EGRESS},
	{"a return is too big for the tunnel",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP, .payload = 1373, .df = true}, true, .type = 3,
	 .code = 4, .from = EGRESS, .mtu = 1400},
	{"a return by a broadcast of the link is not answered",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP, .ttl = 1}, true, true, .drop = DROP_TTL_EXPIRED},
	{"no hops left, to a multicast address",
	 {FROM_BERLIN, .dst = IP(224, 0, 0, 251), .proto = UDP, .ttl = 1}, .drop = DROP_TTL_EXPIRED},
	{"no hops left, to the broadcast address",
	 {FROM_BERLIN, .dst = IP(255, 255, 255, 255), .proto = UDP, .ttl = 1}, .drop = DROP_TTL_EXPIRED},
	{"no hops left, from nobody",
	 {.outer_src = BERLIN, .outer_dst = GATEWAY, .src = IP(0, 0, 0, 0), TO_SERVER, .proto = UDP,
	  .ttl = 1}, .drop = DROP_TTL_EXPIRED},
	{"no hops left, from 127.0.0.1",
	 {.outer_src = BERLIN, .outer_dst = GATEWAY, .src = IP(127, 0, 0, 1), TO_SERVER, .proto = UDP,
	  .ttl = 1}, .drop = DROP_TTL_EXPIRED},
	{"no hops left, from a multicast address",
	 {.outer_src = BERLIN, .outer_dst = GATEWAY, .src = IP(239, 1, 1, 1), TO_SERVER, .proto = UDP,
	  .ttl = 1}, .drop = DROP_TTL_EXPIRED},
};
/* clang-format on */

/* Opens the row's flow and builds the return that the error will be about. */
static size_t build_return(struct bed *bed, const struct row *row, uint8_t *frame)
{
	struct frame first = row->frame, mapped, back;
	const char *why;
	size_t len;

	first.ttl = 64;
	first.payload = 8;
	bed_send(bed, UNDERLAY, frame, frame_build(&first, frame));
	bed_run(bed);
	len = bed_take(bed, UPLINK, frame);
	assert_true(len > 0 && frame_parse(frame, len, &mapped, &why));
	back = (struct frame){
		.src = SERVER,
		.dst = EGRESS,
		.sport = mapped.dport,
		.dport = mapped.sport,
		.proto = row->frame.proto,
		.ttl = row->frame.ttl,
		.payload = row->frame.payload,
		.df = row->frame.df,
	};
	return frame_build(&back, frame);
}

static void check_error(struct bed *bed, const struct row *row)
{
	uint8_t raw[BED_FRAME_MAX];
	size_t len = bed_take(bed, row->is_return ? UPLINK : UNDERLAY, raw);
	struct frame error;
	const char *why;

	if (len == 0)
		fail_msg("%s: no error came out", row->why);
	if (!frame_parse(raw, len, &error, &why))
		fail_msg("%s: came out with a wrong %s", row->why, why);
	assert_int_equal(error.icmp_type, row->type);
	assert_int_equal(error.icmp_code, row->code);
	assert_int_equal(error.src, row->from);
	assert_int_equal(error.dst, row->is_return ? SERVER : HOST);
	assert_int_equal(error.dport, row->mtu);
	assert_int_equal(error.tos, 0);
	assert_int_equal(error.outer_dst, row->is_return ? 0 : row->frame.outer_src);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct bed *bed = bed_create(yaml, 1);
		uint8_t frame[BED_FRAME_MAX];
		size_t len = row->is_return ? build_return(bed, row, frame)
					    : frame_build(&row->frame, frame);

		if (row->broadcast)
			memset(frame, 0xff, 6);
		bed_send(bed, row->is_return ? UPLINK : UNDERLAY, frame, len);
		bed_run(bed);
		if (row->drop == DROP_NONE)
			check_error(bed, row);
		else if (bed_counters(bed).drops[row->drop] != 1)
			fail_msg("%s: not counted as %s", row->why, drop_infos[row->drop].name);
		bed_check(bed);
		bed_destroy(bed);
	}
}

/* Sends @n packets with TTL 1. Returns how many errors come back. */
static unsigned flood(struct bed *bed, const struct frame *f, unsigned n)
{
	uint8_t frame[BED_FRAME_MAX];
	size_t len = frame_build(f, frame);
	unsigned errors = 0;

	for (unsigned i = 0; i < n; i++) {
		bed_send(bed, UNDERLAY, frame, len);
		bed_run(bed);
		errors += bed_take(bed, UNDERLAY, frame) > 0;
		len = frame_build(f, frame);
	}
	return errors;
}

static void errors_are_rate_limited(void **state)
{
	const struct frame berlin = {FROM_BERLIN, TO_SERVER, .proto = UDP, .ttl = 1};
	const struct frame madrid = {FROM_MADRID, TO_SERVER, .proto = UDP, .ttl = 1};
	struct bed *bed = bed_create(yaml, 1);
	struct worker_counters c;

	worker_hold_clock(bed_worker(bed, 0), 0);
	assert_int_equal(flood(bed, &berlin, BURST + 30), BURST);
	c = bed_counters(bed);
	assert_int_equal(c.answers[ANSWER_TTL_EXPIRED], BURST);
	assert_int_equal(c.drops[DROP_TTL_EXPIRED], 30);

	/* The other site has a limit of its own. */
	assert_int_equal(flood(bed, &madrid, BURST + 1), BURST);
	/* After any time the limit allows one burst, never more. */
	worker_hold_clock(bed_worker(bed, 0), 1000000000);
	assert_int_equal(flood(bed, &berlin, BURST + 30), BURST);
	worker_advance_clock(bed_worker(bed, 0), 100);
	assert_int_equal(flood(bed, &berlin, BURST + 30), BURST);
	bed_check(bed);
	bed_destroy(bed);
}

/* Echo replies of the gateway do not count as errors. */
static void echo_is_not_limited(void **state)
{
	const struct frame ping = {FROM_BERLIN, .dst = IP(10, 255, 0, 1), .proto = ICMP,
				   .icmp_type = ECHO};
	struct bed *bed = bed_create(yaml, 1);

	worker_hold_clock(bed_worker(bed, 0), 0);
	assert_int_equal(flood(bed, &ping, 3 * BURST), 3 * BURST);
	bed_check(bed);
	bed_destroy(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(errors_are_rate_limited),
		cmocka_unit_test(echo_is_not_limited),
	};

	return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
