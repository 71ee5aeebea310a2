/*
 * One packet, one verdict: each row is a packet and its verdict.
 *
 *     berlin 10.0.1.0/24 --- GRE 198.51.100.10, no key  ---+
 *     madrid 10.0.1.0/24 --- GRE 198.51.100.20, key 7 -----+--- 198.51.100.1 [ gateway ] uplink
 *     lisbon (any source) -- GRE 198.51.100.20, key 8 -----+        egress 203.0.113.1, slice 1
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

enum { SYN = 2, RST = 4, ACK = 16, FIN = 1, TCP = 6, UDP = 17, ICMP = 1, ECHO = 8, REPLY = 0 };

static const char yaml[] =
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    prefixes: [10.0.1.0/24]\n"
	"    tunnels:\n"
	"      - {name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay,\n"
	"         address: 10.255.0.1}\n"
	"  - name: madrid\n"
	"    prefixes: [10.0.1.0/24]\n"
	"    tunnels:\n"
	"      - {name: m1, local: 198.51.100.1, remote: 198.51.100.20, key: 7, port: underlay}\n"
	"  - name: lisbon\n"
	"    tunnels:\n"
	"      - {name: l1, local: 198.51.100.1, remote: 198.51.100.20, key: 8, port: underlay}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]}]}\n"
	"flows: {capacity: 4096}\n";

/* From berlin unless a row says otherwise. */
#define FROM_BERLIN .outer_src = BERLIN, .outer_dst = GATEWAY, .src = HOST
#define FROM_MADRID .outer_src = SPAIN, .outer_dst = GATEWAY, .has_key = true, .key = 7, .src = HOST
#define TO_SERVER .dst = SERVER, .sport = 5000, .dport = 53

struct row {
	const char *why;
	struct frame frame;
	unsigned port;
	size_t cut; /* bytes taken off the end */
	struct {
		size_t at;
		uint8_t value;
	} poke; /* at 0: no byte is overwritten */
	enum drop drop; /* DROP_NONE: it leaves */
	int answer; /* 1 + enum answer: it is answered by this; 0: it is not answered */
};

#define ANSWERED(a) (1 + ANSWER_##a)

/* clang-format off */
static const struct row rows[] = {
	{"UDP from a site opens a flow",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP}},
	{"TCP SYN opens a flow",
	 {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = SYN}},
	{"ICMP echo request opens a flow",
	 {FROM_BERLIN, .dst = SERVER, .sport = 77, .proto = ICMP, .icmp_type = ECHO}},
	{"GRE with a key finds its tunnel",
	 {FROM_MADRID, TO_SERVER, .proto = UDP}},
	{"GRE with checksum and sequence number is accepted",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP, .has_checksum = true, .has_sequence = true}},
	{"GRE with key, checksum and sequence number is accepted",
	 {FROM_MADRID, TO_SERVER, .proto = UDP, .has_checksum = true, .has_sequence = true}},
	{"a site without prefixes may use any source",
	 {.outer_src = SPAIN, .outer_dst = GATEWAY, .has_key = true, .key = 8,
	  .src = IP(172, 16, 9, 9), TO_SERVER, .proto = UDP}},
	{"a UDP checksum of zero is no checksum",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP, .udp_no_checksum = true}},

	{"no tunnel has this key",
	 {.outer_src = SPAIN, .outer_dst = GATEWAY, .has_key = true, .key = 9, .src = HOST,
	  TO_SERVER, .proto = UDP}, .drop = DROP_GRE_UNKNOWN},
	{"a key where the tunnel has none",
	 {FROM_BERLIN, .has_key = true, TO_SERVER, .proto = UDP}, .drop = DROP_GRE_UNKNOWN},
	{"no key where the tunnel has one",
	 {.outer_src = SPAIN, .outer_dst = GATEWAY, .src = HOST, TO_SERVER, .proto = UDP},
	 .drop = DROP_GRE_UNKNOWN},
	{"a stranger's outer address",
	 {.outer_src = IP(198, 51, 100, 66), .outer_dst = GATEWAY, .src = HOST, TO_SERVER,
	  .proto = UDP}, .drop = DROP_GRE_UNKNOWN},
	{"GRE to somebody else",
	 {.outer_src = BERLIN, .outer_dst = IP(198, 51, 100, 2), .src = HOST, TO_SERVER,
	  .proto = UDP}, .drop = DROP_NOT_OURS},
	{"plain UDP to the tunnel end is not for us",
	 {.src = SERVER, .dst = GATEWAY, .proto = UDP}, .drop = DROP_NOT_OURS},
	{"GRE version 1 (PPTP)",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP}, .poke = {14 + 20 + 1, 1}, .drop = DROP_GRE_MALFORMED},
	{"GRE routing bit",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP}, .poke = {14 + 20, 0x40}, .drop = DROP_GRE_MALFORMED},
	{"GRE payload is not IPv4",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP}, .poke = {14 + 20 + 2, 0x86}, .drop = DROP_GRE_PROTOCOL},
	{"GRE checksum is wrong",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP, .has_checksum = true}, .poke = {14 + 20 + 4, 0xaa},
	 .drop = DROP_GRE_CHECKSUM},
	{"outer checksum is wrong",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP}, .poke = {14 + 10, 0xaa}, .drop = DROP_OUTER_CHECKSUM},
	{"outer total length is a lie",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP}, .poke = {14 + 2, 0x40}, .drop = DROP_TRUNCATED},
	{"outer header is cut short",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP}, .cut = 50, .drop = DROP_OUTER_MALFORMED},
	{"outer version is 6",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP}, .poke = {14, 0x65}, .drop = DROP_OUTER_MALFORMED},
	{"neither IPv4 nor ARP",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP}, .poke = {12, 0x86}, .drop = DROP_NOT_IP},

	{"inner total length is a lie",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP}, .poke = {14 + 24 + 2, 0x40}, .drop = DROP_INNER_MALFORMED},
	{"inner header length below 20",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP}, .poke = {14 + 24, 0x44}, .drop = DROP_INNER_MALFORMED},
	{"inner checksum is wrong",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP}, .poke = {14 + 24 + 10, 0xaa}, .drop = DROP_INNER_CHECKSUM},
	{"UDP length is a lie",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP}, .poke = {14 + 24 + 20 + 4, 0x40}, .drop = DROP_INNER_MALFORMED},
	{"TCP header length is a lie",
	 {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = SYN}, .poke = {14 + 24 + 20 + 12, 0xf0},
	 .drop = DROP_INNER_MALFORMED},
	{"a protocol we do not track",
	 {FROM_BERLIN, TO_SERVER, .proto = 132}, .answer = ANSWERED(PROTOCOL)},
	{"an ICMP timestamp request opens a flow",
	 {FROM_BERLIN, .dst = SERVER, .sport = 77, .proto = ICMP, .icmp_type = 13}},
	{"a timestamp reply nobody asked for starts nothing",
	 {FROM_BERLIN, .dst = SERVER, .sport = 3, .proto = ICMP, .icmp_type = 14}, .drop = DROP_NO_FLOW},
	{"the Internet starts nothing: timestamp request",
	 {.src = SERVER, .dst = EGRESS, .sport = 9, .proto = ICMP, .icmp_type = 13}, UPLINK,
	 .drop = DROP_NO_FLOW},
	{"a timestamp request to the gateway's own address is not answered",
	 {FROM_BERLIN, .dst = IP(10, 255, 0, 1), .sport = 4, .proto = ICMP, .icmp_type = 13},
	 .answer = ANSWERED(UNREACHABLE)},
	{"ICMP source quench (RFC 6633)",
	 {FROM_BERLIN, .dst = SERVER, .proto = ICMP, .icmp_type = 4}, .drop = DROP_PROTOCOL},
	{"ICMP redirect",
	 {FROM_BERLIN, .dst = SERVER, .proto = ICMP, .icmp_type = 5}, .drop = DROP_PROTOCOL},
	{"ICMP router advertisement",
	 {FROM_BERLIN, .dst = SERVER, .proto = ICMP, .icmp_type = 9}, .drop = DROP_PROTOCOL},
	{"ICMP router solicitation",
	 {FROM_BERLIN, .dst = SERVER, .proto = ICMP, .icmp_type = 10}, .drop = DROP_PROTOCOL},
	{"ICMP information request (RFC 6918)",
	 {FROM_BERLIN, .dst = SERVER, .proto = ICMP, .icmp_type = 15}, .drop = DROP_PROTOCOL},
	{"ICMP address mask request (RFC 6918)",
	 {FROM_BERLIN, .dst = SERVER, .proto = ICMP, .icmp_type = 17}, .drop = DROP_PROTOCOL},

	{"TCP in mid-stream starts nothing",
	 {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = ACK}, .answer = ANSWERED(RESET)},
	{"SYN+ACK starts nothing",
	 {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = SYN | ACK}, .answer = ANSWERED(RESET)},
	{"RST starts nothing",
	 {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = RST}, .drop = DROP_NO_FLOW},
	{"SYN+FIN starts nothing",
	 {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = SYN | FIN}, .drop = DROP_TCP_FLAGS},
	{"an echo reply nobody asked for starts nothing",
	 {FROM_BERLIN, .dst = SERVER, .sport = 3, .proto = ICMP, .icmp_type = REPLY}, .drop = DROP_NO_FLOW},
	{"the Internet starts nothing: UDP",
	 {.src = SERVER, .dst = EGRESS, .sport = 53, .dport = 2048, .proto = UDP}, UPLINK, .drop = DROP_NO_FLOW},
	{"the Internet starts nothing: TCP SYN",
	 {.src = SERVER, .dst = EGRESS, .sport = 53, .dport = 2048, .proto = TCP, .tcp_flags = SYN}, UPLINK,
	 .drop = DROP_NO_FLOW},
	{"the Internet starts nothing: ping",
	 {.src = SERVER, .dst = EGRESS, .sport = 9, .proto = ICMP, .icmp_type = ECHO}, UPLINK, .drop = DROP_NO_FLOW},

	{"a source that is not the site's",
	 {.outer_src = BERLIN, .outer_dst = GATEWAY, .src = IP(10, 0, 2, 1), TO_SERVER, .proto = UDP},
	 .answer = ANSWERED(PROHIBITED)},
	{"source 127.0.0.1",
	 {.outer_src = BERLIN, .outer_dst = GATEWAY, .src = IP(127, 0, 0, 1), TO_SERVER, .proto = UDP},
	 .drop = DROP_MARTIAN},
	{"destination is multicast",
	 {FROM_BERLIN, .dst = IP(224, 0, 0, 5), .proto = UDP}, .drop = DROP_MARTIAN},
	{"destination is broadcast",
	 {FROM_BERLIN, .dst = IP(255, 255, 255, 255), .proto = UDP}, .drop = DROP_MARTIAN},
	{"land: source and destination are the same",
	 {FROM_BERLIN, .dst = HOST, .proto = UDP}, .drop = DROP_MARTIAN},

	{"private destination: 10/8",
	 {FROM_BERLIN, .dst = IP(10, 9, 9, 9), .proto = UDP}, .answer = ANSWERED(UNREACHABLE)},
	{"private destination: 172.16/12, its last address",
	 {FROM_BERLIN, .dst = IP(172, 31, 255, 255), .proto = UDP}, .answer = ANSWERED(UNREACHABLE)},
	{"172.32/16 is public",
	 {FROM_BERLIN, .dst = IP(172, 32, 0, 1), .proto = UDP}},
	{"private destination: 192.168/16",
	 {FROM_BERLIN, .dst = IP(192, 168, 1, 1), .proto = UDP}, .answer = ANSWERED(UNREACHABLE)},
	{"shared destination: 100.64/10",
	 {FROM_BERLIN, .dst = IP(100, 127, 0, 1), .proto = UDP}, .answer = ANSWERED(UNREACHABLE)},
	{"100.128/9 is public",
	 {FROM_BERLIN, .dst = IP(100, 128, 0, 1), .proto = UDP}},
	{"no hops left",
	 {FROM_BERLIN, TO_SERVER, .proto = UDP, .ttl = 1}, .answer = ANSWERED(TTL_EXPIRED)},
	{"no hops left, traceroute by TCP",
	 {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = SYN, .ttl = 1}, .answer = ANSWERED(TTL_EXPIRED)},
	{"no hops left, traceroute by ICMP",
	 {FROM_BERLIN, .dst = SERVER, .sport = 4, .proto = ICMP, .icmp_type = ECHO, .ttl = 1},
	 .answer = ANSWERED(TTL_EXPIRED)},
	{"a ping to the gateway's own address in the tunnel",
	 {FROM_BERLIN, .dst = IP(10, 255, 0, 1), .sport = 4, .proto = ICMP, .icmp_type = ECHO},
	 .answer = ANSWERED(ECHO)},
};
/* clang-format on */

static size_t build_row(const struct row *row, uint8_t *frame)
{
	size_t len = frame_build(&row->frame, frame) - row->cut;

	if (row->poke.at != 0)
		frame[row->poke.at] = row->poke.value;
	return len;
}

/* Checks that the packet comes out where it should, and nowhere else. */
static void check_out(struct bed *bed, const struct row *row)
{
	uint8_t frame[BED_FRAME_MAX];
	unsigned port = row->answer != 0 ? UNDERLAY : UPLINK;
	struct frame out;
	const char *why;

	if (row->drop == DROP_NONE) {
		size_t len = bed_take(bed, port, frame);

		if (len == 0)
			fail_msg("%s: nothing came out", row->why);
		if (!frame_parse(frame, len, &out, &why))
			fail_msg("%s: what came out has a wrong %s", row->why, why);
		if (row->answer == 0)
			assert_int_equal(out.src, EGRESS);
		else
			assert_int_equal(out.dst, row->frame.src);
	}
	if (bed_take(bed, UNDERLAY, frame) != 0 || bed_take(bed, UPLINK, frame) != 0)
		fail_msg("%s: something came out that should not", row->why);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct bed *bed = bed_create(yaml, 1);
		uint8_t frame[BED_FRAME_MAX];

		bed_send(bed, row->port, frame, build_row(row, frame));
		bed_run(bed);
		check_out(bed, row);

		bed_expect_drops(bed, row->why, row->drop, 1);
		bed_expect_answer(bed, row->why, row->answer);
		bed_check(bed);
		bed_destroy(bed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
	};

	return cmocka_run_group_tests_name("verdicts", tests, NULL, NULL);
}
