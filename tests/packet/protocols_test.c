/*
 * Protocols without a flow: every number except those of TCP, UDP and ICMP is refused as
 * `protocol`, from a site and from the Internet, with any content, and no state is kept. The first
 * packets of a site are answered by ICMP protocol unreachable. GRE from the Internet is handled as
 * a tunnel packet and refused under a reason of GRE. In IPv6 the numbers of extension headers (RFC
 * 8200 section 4) are not protocols.
 *
 *     berlin --- GRE 198.51.100.10 --- 198.51.100.1 [ gateway ] uplink, egress 203.0.113.1
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define EGRESS IP(203, 0, 113, 1)

enum { UNDERLAY, UPLINK, TOLD = 25 };
enum { ICMP = 1, TCP = 6, UDP = 17, GRE = 47, ICMP6 = 58, TIMESTAMP = 13, TIMESTAMP_REPLY = 14 };

static const char yaml[] =
	"flows: {capacity: 1024}\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    tunnels: [{name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}]\n"
	"  - name: madrid\n"
	"    tunnels: [{name: m1, local: 198.51.100.1, remote: 198.51.100.20, port: underlay}]\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]},\n"
	"     {address: '2001:db8:1::1', slices: [1]}]}\n";

static bool has_flows(bool six, unsigned proto)
{
	return proto == TCP || proto == UDP || proto == (six ? ICMP6 : ICMP);
}

static bool is_extension(unsigned proto)
{
	return proto == 0 || proto == 43 || proto == 44 || proto == 60;
}

/* RFC 792: destination unreachable, protocol. */
static void check_told(struct bed *bed, unsigned proto, bool expected)
{
	uint8_t bytes[BED_FRAME_MAX];
	size_t len = bed_take(bed, UNDERLAY, bytes);
	struct frame out;
	const char *why;

	assert_int_equal(len > 0, expected);
	if (len == 0)
		return;
	assert_true(frame_parse(bytes, len, &out, &why));
	assert_int_equal(out.proto, ICMP);
	assert_int_equal(out.icmp_type, 3);
	assert_int_equal(out.icmp_code, 2);
	assert_int_equal(out.dst, HOST);
	assert_int_equal(frame_inner(bytes, &len)[28 + 9], proto);
}

/*
 * Sends @f with each protocol in turn into @port. @expected: how many must be refused; @told: how
 * many of them are answered.
 */
static void every_protocol(struct frame f, unsigned port, unsigned expected, unsigned told)
{
	struct bed *bed = bed_create(yaml, 1);
	uint8_t bytes[BED_FRAME_MAX];
	uint64_t refused = 0;

	worker_hold_clock(bed_worker(bed, 0), 0);
	for (unsigned proto = 0; proto < 256; proto++) {
		uint64_t now;

		if (has_flows(f.six, proto) || (f.six && is_extension(proto)) ||
		    (proto == GRE && port == UPLINK))
			continue;
		f.proto = (uint8_t)proto;
		bed_send(bed, port, bytes, frame_build(&f, bytes));
		bed_run(bed);
		now = bed_counters(bed).drops[DROP_PROTOCOL] +
		      bed_counters(bed).answers[ANSWER_PROTOCOL];
		if (now != ++refused)
			fail_msg("protocol %u was not refused by its name", proto);
		assert_int_equal(bed_take(bed, UPLINK, bytes), 0);
		check_told(bed, proto, refused <= told);
	}
	assert_int_equal(refused, expected);
	assert_int_equal(bed_counters(bed).flows_created, 0);
	bed_check(bed);
	bed_destroy(bed);
}

#define FROM_BERLIN                                                                                \
	.outer_src = IP(198, 51, 100, 10), .outer_dst = IP(198, 51, 100, 1), .sport = 5000,        \
	.dport = 53
#define HOST6 IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0x10)
#define SERVER6 IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x80)
#define EGRESS6 IP6(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1)

static void from_a_site(void **state)
{
	every_protocol((struct frame){FROM_BERLIN, .src = HOST, .dst = SERVER}, UNDERLAY, 253,
		       TOLD);
}

static void from_the_internet(void **state)
{
	every_protocol((struct frame){.src = SERVER, .dst = EGRESS, .sport = 53, .dport = 2048},
		       UPLINK, 252, 0);
}

static void from_a_site_in_ipv6(void **state)
{
	every_protocol((struct frame){FROM_BERLIN, .six = true, .src6 = HOST6, .dst6 = SERVER6},
		       UNDERLAY, 249, 0); /* the gateway has no address for ICMPv6 errors there */
}

static void from_the_internet_in_ipv6(void **state)
{
	every_protocol(
		(struct frame){
			.six = true, .src6 = SERVER6, .dst6 = EGRESS6, .sport = 53, .dport = 2048},
		UPLINK, 248, 0);
}

static void exchange(struct bed *bed, unsigned in, const struct frame *f, unsigned out,
		     struct frame *got)
{
	uint8_t bytes[BED_FRAME_MAX];
	const char *why;

	bed_send(bed, in, bytes, frame_build(f, bytes));
	bed_run(bed);
	assert_true(frame_parse(bytes, bed_take(bed, out, bytes), got, &why));
}

/*
 * ICMP timestamp is translated as echo is: equal identifiers of two sites become different ones
 * (RFC 5508 REQ-1).
 */
static void timestamps_come_home(void **state)
{
	const uint32_t sites[] = {IP(198, 51, 100, 10), IP(198, 51, 100, 20)};
	struct bed *bed = bed_create(yaml, 1);
	struct frame asked[2], home;

	for (unsigned i = 0; i < 2; i++) {
		struct frame f = {.outer_src = sites[i],
				  .outer_dst = IP(198, 51, 100, 1),
				  .src = HOST,
				  .dst = SERVER,
				  .sport = 77,
				  .proto = ICMP,
				  .icmp_type = TIMESTAMP,
				  .payload = 12};

		exchange(bed, UNDERLAY, &f, UPLINK, &asked[i]);
		assert_int_equal(asked[i].src, EGRESS);
		assert_int_equal(asked[i].icmp_type, TIMESTAMP);
	}
	assert_int_not_equal(asked[0].sport, asked[1].sport);
	for (unsigned i = 0; i < 2; i++) {
		struct frame f = {.src = SERVER,
				  .dst = EGRESS,
				  .sport = asked[i].sport,
				  .proto = ICMP,
				  .icmp_type = TIMESTAMP_REPLY,
				  .payload = 12};

		exchange(bed, UPLINK, &f, UNDERLAY, &home);
		assert_int_equal(home.outer_dst, sites[i]);
		assert_int_equal(home.dst, HOST);
		assert_int_equal(home.sport, 77);
	}
	assert_int_equal(bed_counters(bed).flows_created, 2);
	bed_check(bed);
	bed_destroy(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_a_site),		cmocka_unit_test(from_the_internet),
		cmocka_unit_test(from_a_site_in_ipv6),	cmocka_unit_test(from_the_internet_in_ipv6),
		cmocka_unit_test(timestamps_come_home),
	};

	return cmocka_run_group_tests_name("protocols", tests, NULL, NULL);
}
