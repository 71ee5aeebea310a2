/*
 * One IPv6 packet, one verdict: each row is a packet and its verdict.
 *
 *     berlin fd00::/64 --- GRE 198.51.100.10, no key, ours fd00::1 ---+
 *     madrid fd00::/64 --- GRE 198.51.100.20, key 7 ------------------+--- [ gateway ] uplink
 *     lisbon (any source)  GRE 198.51.100.20, key 8 ------------------+    egress 2001:db8:1::1, slice 1
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
#define HOST IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0x10)
#define INSIDE IP6(0xfd00, 0, 0, 0, 0, 0, 0, 1)
#define SERVER IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x80)
#define EGRESS IP6(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1)

enum { UNDERLAY, UPLINK };

enum {
	SYN = 2,
	RST = 4,
	ACK = 16,
	FIN = 1,
	TCP = 6,
	UDP = 17,
	ICMP6 = 58,
	ECHO = 128,
	REPLY = 129,
	IP_AT = 14 + 24, /* of the inner header in a frame from berlin */
	L4_AT = IP_AT + 40,
};

static const char yaml[] =
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    prefixes: [10.0.1.0/24, 'fd00::/64', 'fe80::/10']\n"
	"    tunnels:\n"
	"      - {name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay,\n"
	"         address6: 'fd00::1'}\n"
	"  - name: madrid\n"
	"    prefixes: ['fd00::/64']\n"
	"    tunnels:\n"
	"      - {name: m1, local: 198.51.100.1, remote: 198.51.100.20, key: 7, port: underlay}\n"
	"  - name: lisbon\n"
	"    tunnels:\n"
	"      - {name: l1, local: 198.51.100.1, remote: 198.51.100.20, key: 8, port: underlay}\n"
	"  - name: porto\n"
	"    prefixes: [10.0.1.0/24]\n"
	"    tunnels:\n"
	"      - {name: p1, local: 198.51.100.1, remote: 198.51.100.20, key: 9, port: underlay}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]},\n"
	"     {address: '2001:db8:1::1', slices: [1]}]}\n"
	"flows: {capacity: 4096}\n";

#define FROM_BERLIN .six = true, .outer_src = BERLIN, .outer_dst = GATEWAY, .src6 = HOST
#define FROM_SPAIN(k)                                                                              \
	.six = true, .outer_src = SPAIN, .outer_dst = GATEWAY, .has_key = true, .key = (k)
#define FROM_INTERNET .six = true, .src6 = SERVER, .dst6 = EGRESS
#define TO_SERVER .dst6 = SERVER, .sport = 5000, .dport = 53
#define UDP_TO_SERVER TO_SERVER, .proto = UDP
#define WITH(kind, bytes)                                                                          \
	.next = (kind), .extensions = (const uint8_t *)(bytes), .n_extensions = sizeof(bytes) - 1

/* Extension headers of eight bytes, the last one naming UDP; \x11 is 17. */
#define PAD "\x01\x04\0\0\0\0"
#define OPTIONS_UDP "\x11\0" PAD
#define OPTIONS_OPTIONS "\x3c\0" PAD
#define EIGHT_OPTIONS                                                                              \
	OPTIONS_OPTIONS OPTIONS_OPTIONS OPTIONS_OPTIONS OPTIONS_OPTIONS OPTIONS_OPTIONS            \
		OPTIONS_OPTIONS OPTIONS_OPTIONS OPTIONS_UDP
enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, OPTIONS = 60 };

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
	 {FROM_BERLIN, UDP_TO_SERVER}},
	{"TCP SYN opens a flow",
	 {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = SYN}},
	{"ICMPv6 echo request opens a flow",
	 {FROM_BERLIN, .dst6 = SERVER, .sport = 77, .proto = ICMP6, .icmp_type = ECHO}},
	{"GRE with a key finds its tunnel",
	 {FROM_SPAIN(7), .src6 = HOST, UDP_TO_SERVER}},
	{"GRE with checksum and sequence number is accepted",
	 {FROM_BERLIN, UDP_TO_SERVER, .has_checksum = true, .has_sequence = true}},
	{"a site without prefixes may use any source",
	 {FROM_SPAIN(8), .src6 = IP6(0x2001, 0xdb8, 9, 9, 0, 0, 0, 9), UDP_TO_SERVER}},
	{"a UDP checksum of zero stays: tunnels over UDP do so (RFC 6935)",
	 {FROM_BERLIN, UDP_TO_SERVER, .udp_no_checksum = true}},
	{"a payload of odd length",
	 {FROM_BERLIN, UDP_TO_SERVER, .payload = 33}},
	{"as large as the tunnel",
	 {FROM_BERLIN, UDP_TO_SERVER, .payload = 1476 - 48}},

	{"GRE key that no tunnel has",
	 {FROM_SPAIN(10), .src6 = HOST, UDP_TO_SERVER}, .drop = DROP_GRE_UNKNOWN},
	{"GRE from a stranger",
	 {.six = true, .outer_src = IP(198, 51, 100, 66), .outer_dst = GATEWAY, .src6 = HOST, UDP_TO_SERVER},
	 .drop = DROP_GRE_UNKNOWN},
	{"GRE checksum is wrong",
	 {FROM_BERLIN, UDP_TO_SERVER, .has_checksum = true}, .poke = {14 + 20 + 4, 0xaa}, .drop = DROP_GRE_CHECKSUM},
	{"IPv4 that says it is IPv6",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {IP_AT, 0x45}, .drop = DROP_INNER_MALFORMED},
	{"version 7",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {IP_AT, 0x70}, .drop = DROP_INNER_MALFORMED},
	{"payload length is a lie: too long",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {IP_AT + 4, 0x10}, .drop = DROP_INNER_MALFORMED},
	{"payload length is a lie: shorter than the UDP header",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {IP_AT + 5, 7}, .drop = DROP_INNER_MALFORMED},
	{"payload length 0, as a jumbogram has it",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {IP_AT + 5, 0}, .drop = DROP_INNER_MALFORMED},
	{"UDP length is a lie",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {L4_AT + 4, 0x40}, .drop = DROP_INNER_MALFORMED},
	{"UDP length below its header",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {L4_AT + 5, 7}, .drop = DROP_INNER_MALFORMED},
	{"TCP header length is a lie",
	 {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = SYN}, .poke = {L4_AT + 12, 0xf0},
	 .drop = DROP_INNER_MALFORMED},
	{"TCP header length below 20",
	 {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = SYN}, .poke = {L4_AT + 12, 0x40},
	 .drop = DROP_INNER_MALFORMED},

	{"hop-by-hop options are walked over",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(HOP_BY_HOP, OPTIONS_UDP)}},
	{"destination options are walked over",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, OPTIONS_UDP)}},
	{"both, one after the other",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(HOP_BY_HOP, OPTIONS_OPTIONS OPTIONS_UDP)}},
	{"options of 16 bytes",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, "\x11\x01\x01\x0c\0\0\0\0\0\0\0\0\0\0\0\0")}},
	{"eight extension headers",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, EIGHT_OPTIONS)}},
	{"nine are too many",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, OPTIONS_OPTIONS EIGHT_OPTIONS)}, .drop = DROP_EXTENSION},
	{"hop-by-hop behind another header",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, "\0\0" PAD OPTIONS_UDP)}, .drop = DROP_EXTENSION},
	{"hop-by-hop twice",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(HOP_BY_HOP, "\0\0" PAD OPTIONS_UDP)}, .drop = DROP_EXTENSION},
	{"an extension header longer than the packet",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, "\x11\xff" PAD)}, .drop = DROP_INNER_MALFORMED},
	{"an extension header where the packet ends",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, OPTIONS_UDP)}, .poke = {IP_AT + 5, 4},
	 .drop = DROP_INNER_MALFORMED},
	{"routing header of type 0 (RFC 5095)",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(ROUTING, "\x11\0\0\0\0\0\0\0")}, .drop = DROP_ROUTING_HEADER},
	{"routing header of type 0 with segments left",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(ROUTING, "\x11\0\0\x01\0\0\0\0")}, .drop = DROP_ROUTING_HEADER},
	{"routing header of type 2 with segments left",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(ROUTING, "\x11\0\x02\x01\0\0\0\0")}, .drop = DROP_ROUTING_HEADER},
	{"routing header of type 4 at its end",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(ROUTING, "\x11\0\x04\0\0\0\0\0")}},
	{"two fragment headers: the second has no meaning",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(FRAGMENT, "\x2c\0\0\0\0\0\0\x07\x11\0\0\0\0\0\0\x07")},
	 .drop = DROP_EXTENSION},
	{"an atomic fragment is a whole packet (RFC 6946)",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(FRAGMENT, "\x11\0\0\0\0\0\0\x07")}},
	{"ESP",
	 {FROM_BERLIN, TO_SERVER, .proto = 50}, .answer = ANSWERED(PROTOCOL)},
	{"ESP behind options",
	 {FROM_BERLIN, TO_SERVER, .proto = 50, WITH(60, "\x32\0\x01\x04\0\0\0\0")}, .answer = ANSWERED(PROTOCOL)},
	{"AH",
	 {FROM_BERLIN, TO_SERVER, .proto = 51}, .answer = ANSWERED(PROTOCOL)},
	{"no next header",
	 {FROM_BERLIN, TO_SERVER, .proto = 59}, .answer = ANSWERED(PROTOCOL)},
	{"SCTP",
	 {FROM_BERLIN, TO_SERVER, .proto = 132}, .answer = ANSWERED(PROTOCOL)},
	{"ICMP over IPv6",
	 {FROM_BERLIN, .dst6 = SERVER, .proto = 1, .icmp_type = 8}, .answer = ANSWERED(PROTOCOL)},
	{"ICMPv6 over IPv4",
	 {.outer_src = BERLIN, .outer_dst = GATEWAY, .src = IP(10, 0, 1, 1), .dst = IP(192, 0, 2, 1),
	  .proto = ICMP6, .icmp_type = ECHO}, .answer = ANSWERED(PROTOCOL)},
	{"neighbour solicitation inside the tunnel",
	 {FROM_BERLIN, .dst6 = INSIDE, .proto = ICMP6, .icmp_type = 135, .payload = 16}, .drop = DROP_PROTOCOL},
	{"router solicitation inside the tunnel",
	 {FROM_BERLIN, .dst6 = IP6(0xff02, 0, 0, 0, 0, 0, 0, 2), .proto = ICMP6, .icmp_type = 133},
	 .drop = DROP_PROTOCOL},

	{"TCP in mid-stream starts nothing",
	 {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = ACK}, .answer = ANSWERED(RESET)},
	{"SYN+ACK starts nothing",
	 {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = SYN | ACK}, .answer = ANSWERED(RESET)},
	{"RST starts nothing",
	 {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = RST}, .drop = DROP_NO_FLOW},
	{"an echo reply nobody asked for starts nothing",
	 {FROM_BERLIN, .dst6 = SERVER, .sport = 3, .proto = ICMP6, .icmp_type = REPLY}, .drop = DROP_NO_FLOW},
	{"the Internet starts nothing: UDP",
	 {FROM_INTERNET, .sport = 53, .dport = 2048, .proto = UDP}, UPLINK, .drop = DROP_NO_FLOW},
	{"the Internet starts nothing: TCP SYN",
	 {FROM_INTERNET, .sport = 53, .dport = 2048, .proto = TCP, .tcp_flags = SYN}, UPLINK, .drop = DROP_NO_FLOW},
	{"the Internet starts nothing: ping",
	 {FROM_INTERNET, .sport = 9, .proto = ICMP6, .icmp_type = ECHO}, UPLINK, .drop = DROP_NO_FLOW},
	{"to somebody else",
	 {.six = true, .src6 = SERVER, .dst6 = HOST, .proto = UDP}, UPLINK, .drop = DROP_NOT_OURS},
	{"no room for an IPv6 header",
	 {FROM_INTERNET, .proto = UDP}, UPLINK, .cut = 17, .drop = DROP_OUTER_MALFORMED},

	{"a source that is not the site's",
	 {.six = true, .outer_src = BERLIN, .outer_dst = GATEWAY, .src6 = IP6(0xfd00, 0, 0, 1, 0, 0, 0, 1),
	  UDP_TO_SERVER}, .answer = ANSWERED(PROHIBITED)},
	{"a site that lists only IPv4 prefixes has no IPv6; nor is there an address to say so",
	 {FROM_SPAIN(9), .src6 = HOST, UDP_TO_SERVER}, .drop = DROP_SOURCE},
	{"source is unspecified",
	 {FROM_SPAIN(8), .src6 = IP6(0, 0, 0, 0, 0, 0, 0, 0), UDP_TO_SERVER}, .drop = DROP_MARTIAN},
	{"source is loopback",
	 {FROM_SPAIN(8), .src6 = IP6(0, 0, 0, 0, 0, 0, 0, 1), UDP_TO_SERVER}, .drop = DROP_MARTIAN},
	{"source is multicast",
	 {FROM_SPAIN(8), .src6 = IP6(0xff02, 0, 0, 0, 0, 0, 0, 1), UDP_TO_SERVER}, .drop = DROP_MARTIAN},
	{"source is link-local, even where it is listed",
	 {.six = true, .outer_src = BERLIN, .outer_dst = GATEWAY, .src6 = IP6(0xfe80, 0, 0, 0, 0, 0, 0, 1),
	  UDP_TO_SERVER}, .drop = DROP_MARTIAN},
	{"source is an IPv4 address in disguise",
	 {FROM_SPAIN(8), .src6 = IP6(0, 0, 0, 0, 0, 0xffff, 0x0a00, 1), UDP_TO_SERVER}, .drop = DROP_MARTIAN},
	{"destination is multicast",
	 {FROM_BERLIN, .dst6 = IP6(0xff0e, 0, 0, 0, 0, 0, 0, 1), .proto = UDP}, .drop = DROP_MARTIAN},
	{"destination is link-local",
	 {FROM_BERLIN, .dst6 = IP6(0xfe80, 0, 0, 0, 0, 0, 0, 9), .proto = UDP}, .drop = DROP_MARTIAN},
	{"destination is loopback",
	 {FROM_BERLIN, .dst6 = IP6(0, 0, 0, 0, 0, 0, 0, 1), .proto = UDP}, .drop = DROP_MARTIAN},
	{"destination is an IPv4 address in disguise",
	 {FROM_BERLIN, .dst6 = IP6(0, 0, 0, 0, 0, 0xffff, 0xc000, 0x201), .proto = UDP}, .drop = DROP_MARTIAN},
	{"land: source and destination are the same",
	 {FROM_BERLIN, .dst6 = HOST, .proto = UDP}, .drop = DROP_MARTIAN},

	{"unique local destination: fd00::/8",
	 {FROM_BERLIN, .dst6 = IP6(0xfd00, 0, 0, 9, 0, 0, 0, 9), .proto = UDP}, .answer = ANSWERED(UNREACHABLE)},
	{"unique local destination: fc00::/8",
	 {FROM_BERLIN, .dst6 = IP6(0xfc00, 0, 0, 0, 0, 0, 0, 9), .proto = UDP}, .answer = ANSWERED(UNREACHABLE)},
	{"site-local destination, as there once were",
	 {FROM_BERLIN, .dst6 = IP6(0xfec0, 0, 0, 0, 0, 0, 0, 9), .proto = UDP}, .answer = ANSWERED(UNREACHABLE)},
	{"the gateway's own egress address",
	 {FROM_BERLIN, .dst6 = EGRESS, .sport = 1, .dport = 2048, .proto = UDP}, .answer = ANSWERED(UNREACHABLE)},
	{"no address of ours in the tunnel, nobody is told",
	 {FROM_SPAIN(7), .src6 = HOST, .dst6 = IP6(0xfc00, 0, 0, 0, 0, 0, 0, 9), .proto = UDP}, .drop = DROP_NO_ROUTE},
	{"no hops left",
	 {FROM_BERLIN, UDP_TO_SERVER, .ttl = 1}, .answer = ANSWERED(TTL_EXPIRED)},
	{"no hops left, traceroute by TCP",
	 {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = SYN, .ttl = 1}, .answer = ANSWERED(TTL_EXPIRED)},
	{"no hops left, traceroute by ICMPv6",
	 {FROM_BERLIN, .dst6 = SERVER, .sport = 4, .proto = ICMP6, .icmp_type = ECHO, .ttl = 1},
	 .answer = ANSWERED(TTL_EXPIRED)},
	{"no hops left, to a crowd: nobody is told",
	 {FROM_BERLIN, .dst6 = IP6(0xff0e, 0, 0, 0, 0, 0, 0, 1), .proto = UDP, .ttl = 1}, .drop = DROP_TTL_EXPIRED},
	{"no hops left, from nobody: nobody is told",
	 {.six = true, .outer_src = BERLIN, .outer_dst = GATEWAY, .src6 = IP6(0, 0, 0, 0, 0, 0, 0, 0),
	  UDP_TO_SERVER, .ttl = 1}, .drop = DROP_TTL_EXPIRED},
	{"larger than the uplink: too big, always",
	 {FROM_BERLIN, UDP_TO_SERVER, .payload = 1501 - 48}, .answer = ANSWERED(TOO_BIG)},
	{"a ping to the gateway's own address in the tunnel",
	 {FROM_BERLIN, .dst6 = INSIDE, .sport = 4, .proto = ICMP6, .icmp_type = ECHO}, .answer = ANSWERED(ECHO)},
	{"the same at its last hop",
	 {FROM_BERLIN, .dst6 = INSIDE, .sport = 4, .proto = ICMP6, .icmp_type = ECHO, .ttl = 1},
	 .answer = ANSWERED(ECHO)},
	{"the same with options",
	 {FROM_BERLIN, .dst6 = INSIDE, .sport = 4, .proto = ICMP6, .icmp_type = ECHO, WITH(OPTIONS, "\x3a\0" PAD)},
	 .answer = ANSWERED(ECHO)},
	{"a damaged one",
	 {FROM_BERLIN, .dst6 = INSIDE, .sport = 4, .proto = ICMP6, .icmp_type = ECHO}, .poke = {L4_AT + 2, 0xaa},
	 .drop = DROP_ICMP_CHECKSUM},
};
/* clang-format on */

static size_t build_row(const struct row *row, uint8_t *frame)
{
	size_t len = frame_build(&row->frame, frame) - row->cut;

	if (row->poke.at != 0)
		frame[row->poke.at] = row->poke.value;
	return len;
}

/*
 * ICMPv6 parameter problem: the offset of the field that names the unknown protocol (RFC 4443
 * section 3.4).
 */
static void check_pointer(const struct row *row, const struct frame *out)
{
	if (row->answer != ANSWERED(PROTOCOL))
		return;
	assert_int_equal(out->icmp_type, 4);
	assert_int_equal(out->icmp_code, 1);
	assert_int_equal(out->dport, row->frame.n_extensions > 0 ? 40 : 6);
}

/* Checks that the packet comes out where it should, and nowhere else. */
static void check_out(struct bed *bed, const struct row *row)
{
	static const struct ip6 egress = EGRESS, inside = INSIDE;
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
		assert_int_equal(out.six, row->frame.six);
		if (row->answer == 0) {
			assert_memory_equal(&out.src6, &egress, 16);
			assert_memory_equal(&out.dst6, &row->frame.dst6, 16);
			assert_int_equal(out.ttl, 63);
			assert_in_range(out.sport, 2048, 4095);
			assert_int_equal(out.udp_no_checksum, row->frame.udp_no_checksum);
		} else if (out.six) {
			assert_memory_equal(
				&out.src6,
				row->answer == ANSWERED(RESET) ? &row->frame.dst6 : &inside, 16);
			assert_memory_equal(&out.dst6, &row->frame.src6, 16);
			assert_int_equal(out.outer_dst, row->frame.outer_src);
			assert_int_equal(out.ttl, 64);
			check_pointer(row, &out);
		}
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

	return cmocka_run_group_tests_name("verdicts6", tests, NULL, NULL);
}
