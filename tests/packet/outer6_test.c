/*
 * Tunnels over IPv6: each row is a packet from a tunnel and its verdict. Packets into a tunnel are
 * in outer6_out_test.c.
 *
 *     berlin 10.0.1.0/24 --- GRE 2001:db8:f::10, no key --+
 *     madrid 10.0.1.0/24 --- GRE 2001:db8:f::20, key 7 ---+--- 2001:db8:f::1 [ gateway ] uplink
 *     lisbon (any source) -- GRE 2001:db8:f::20, key 8 ---+    198.51.100.1      203.0.113.1 and
 *     porto  10.0.1.0/24 --- GRE 198.51.100.30 -----------+                      2001:db8:1::1,
 *                                                                                slice 1
 */
#include "bed.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY IP6(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 1)
#define BERLIN IP6(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x10)
#define SPAIN IP6(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x20)
#define STRANGER IP6(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x66)
#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define EGRESS IP(203, 0, 113, 1)
#define DUMMY IP(192, 0, 0, 8)
#define HOST6 IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0x10)
#define SERVER6 IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x80)

enum { UNDERLAY, UPLINK };
enum { SYN = 2, ACK = 16, TCP = 6, UDP = 17, ICMP = 1, ICMP6 = 58, ECHO = 8, ECHO6 = 128 };
enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, OPTIONS = 60 };
enum { OUTER_AT = 14, NEXT_AT = OUTER_AT + 6, GRE_AT = OUTER_AT + 40, INNER_AT = GRE_AT + 4 };

static const char yaml[] =
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    prefixes: [10.0.1.0/24, 'fd00::/64']\n"
	"    tunnels:\n"
	"      - {name: b1, local: '2001:db8:f::1', remote: '2001:db8:f::10', port: underlay}\n"
	"  - name: madrid\n"
	"    prefixes: [10.0.1.0/24, 'fd00::/64']\n"
	"    tunnels:\n"
	"      - {name: m1, local: '2001:db8:f::1', remote: '2001:db8:f::20', key: 7,\n"
	"         port: underlay, address: 10.255.0.1, address6: 'fd00:ff::1', outer-ttl: 9}\n"
	"  - name: lisbon\n"
	"    tunnels:\n"
	"      - {name: l1, local: '2001:db8:f::1', remote: '2001:db8:f::20', key: 8,\n"
	"         port: underlay, mtu: 1000}\n"
	"  - name: porto\n"
	"    prefixes: [10.0.1.0/24, 'fd00::/64']\n"
	"    tunnels:\n"
	"      - {name: p1, local: 198.51.100.1, remote: 198.51.100.30, port: underlay}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]},\n"
	"     {address: '2001:db8:1::1', slices: [1]}]}\n"
	"flows: {capacity: 4096}\n";

#define OUTER(from) .outer_six = true, .outer_src6 = from, .outer_dst6 = GATEWAY
#define FROM_BERLIN OUTER(BERLIN), .src = HOST
#define FROM_SPAIN(k) OUTER(SPAIN), .has_key = true, .key = (k), .src = HOST
#define UDP_TO_SERVER .dst = SERVER, .sport = 5000, .dport = 53, .proto = UDP
#define TCP_TO_SERVER .dst = SERVER, .sport = 5000, .dport = 53, .proto = TCP, .tcp_flags = SYN
#define UDP6_TO_SERVER                                                                             \
	.six = true, .src6 = HOST6, .dst6 = SERVER6, .sport = 5000, .dport = 53, .proto = UDP
#define WITH(kind, bytes)                                                                          \
	.outer_next = (kind), .outer_extensions = (const uint8_t *)(bytes),                        \
	.n_outer_extensions = sizeof(bytes) - 1

/* Extension headers of eight bytes, the last one naming GRE; \x2f is 47. */
#define PAD "\x01\x04\0\0\0\0"
#define OPTIONS_GRE "\x2f\0" PAD
#define OPTIONS_OPTIONS "\x3c\0" PAD
#define EIGHT_OPTIONS                                                                              \
	OPTIONS_OPTIONS OPTIONS_OPTIONS OPTIONS_OPTIONS OPTIONS_OPTIONS OPTIONS_OPTIONS            \
		OPTIONS_OPTIONS OPTIONS_OPTIONS OPTIONS_GRE

struct row {
	const char *why;
	struct frame frame;
	size_t cut; /* bytes taken off the end */
	size_t pad; /* bytes added at the end */
	struct {
		size_t at;
		uint8_t value;
	} poke; /* at 0: nothing is overwritten */
	enum drop drop; /* DROP_NONE: it leaves */
	int answer; /* 1 + enum answer: it is answered by this; 0: it is not answered */
};

#define ANSWERED(a) (1 + ANSWER_##a)

/* clang-format off */
static const struct row rows[] = {
	{"IPv4 through IPv6: UDP opens a flow",
	 {FROM_BERLIN, UDP_TO_SERVER}},
	{"IPv4 through IPv6: TCP SYN opens a flow",
	 {FROM_BERLIN, TCP_TO_SERVER}},
	{"IPv4 through IPv6: a ping opens a flow",
	 {FROM_BERLIN, .dst = SERVER, .sport = 77, .proto = ICMP, .icmp_type = ECHO}},
	{"IPv6 through IPv6: UDP opens a flow",
	 {OUTER(BERLIN), UDP6_TO_SERVER}},
	{"IPv6 through IPv6: a ping opens a flow",
	 {OUTER(BERLIN), .six = true, .src6 = HOST6, .dst6 = SERVER6, .sport = 4, .proto = ICMP6, .icmp_type = ECHO6}},
	{"a key finds its tunnel",
	 {FROM_SPAIN(7), UDP_TO_SERVER}},
	{"another key from the same address finds another",
	 {FROM_SPAIN(8), UDP_TO_SERVER}},
	{"checksum and sequence number are accepted",
	 {FROM_BERLIN, UDP_TO_SERVER, .has_checksum = true, .has_sequence = true}},
	{"key, checksum and sequence number are accepted",
	 {FROM_SPAIN(7), UDP_TO_SERVER, .has_checksum = true, .has_sequence = true}},
	{"a payload of odd length, with a checksum",
	 {FROM_BERLIN, UDP_TO_SERVER, .has_checksum = true, .payload = 33}},
	{"as large as the tunnel",
	 {FROM_BERLIN, UDP_TO_SERVER, .payload = 1456 - 28}},
	{"padding behind the outer packet is cut off",
	 {FROM_BERLIN, UDP_TO_SERVER, .has_checksum = true}, .pad = 17},
	{"a DSCP and a flow label are nobody's business",
	 {FROM_BERLIN, UDP_TO_SERVER, .outer_tos = 0xb8}, .poke = {OUTER_AT + 2, 0x5a}},
	{"an outer hop limit of 0: it has arrived",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {NEXT_AT + 1, 0}},

	{"a key that no tunnel has",
	 {FROM_SPAIN(9), UDP_TO_SERVER}, .drop = DROP_GRE_UNKNOWN},
	{"a key where the tunnel has none",
	 {FROM_BERLIN, .has_key = true, UDP_TO_SERVER}, .drop = DROP_GRE_UNKNOWN},
	{"no key where the tunnel has one",
	 {OUTER(SPAIN), .src = HOST, UDP_TO_SERVER}, .drop = DROP_GRE_UNKNOWN},
	{"madrid's key from berlin's address",
	 {FROM_BERLIN, .has_key = true, .key = 7, UDP_TO_SERVER}, .drop = DROP_GRE_UNKNOWN},
	{"a stranger's outer address",
	 {OUTER(STRANGER), .src = HOST, UDP_TO_SERVER}, .drop = DROP_GRE_UNKNOWN},
	{"an outer source that is unspecified",
	 {OUTER(IP6(0, 0, 0, 0, 0, 0, 0, 0)), .src = HOST, UDP_TO_SERVER}, .drop = DROP_GRE_UNKNOWN},
	{"an outer source that is multicast",
	 {OUTER(IP6(0xff02, 0, 0, 0, 0, 0, 0, 1)), .src = HOST, UDP_TO_SERVER}, .drop = DROP_GRE_UNKNOWN},
	{"an outer source that is porto's address in disguise",
	 {OUTER(IP6(0, 0, 0, 0, 0, 0xffff, 0xc633, 0x641e)), .src = HOST, UDP_TO_SERVER}, .drop = DROP_GRE_UNKNOWN},
	{"an outer source that is our own: land",
	 {OUTER(GATEWAY), .src = HOST, UDP_TO_SERVER}, .drop = DROP_GRE_UNKNOWN},
	{"GRE to somebody else",
	 {.outer_six = true, .outer_src6 = BERLIN, .outer_dst6 = STRANGER, .src = HOST, UDP_TO_SERVER},
	 .drop = DROP_NOT_OURS},
	{"GRE to an egress address has no flow",
	 {.outer_six = true, .outer_src6 = BERLIN, .outer_dst6 = IP6(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1), .src = HOST,
	  UDP_TO_SERVER}, .drop = DROP_PROTOCOL},
	{"plain UDP to the tunnel end",
	 {.six = true, .src6 = BERLIN, .dst6 = GATEWAY, .sport = 500, .dport = 500, .proto = UDP}, .drop = DROP_NOT_OURS},
	{"a ping to the tunnel end is the kernel's",
	 {.six = true, .src6 = BERLIN, .dst6 = GATEWAY, .proto = ICMP6, .icmp_type = ECHO6}, .drop = DROP_NOT_OURS},
	{"IPv4 in IPv6 without GRE",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {NEXT_AT, 4}, .drop = DROP_NOT_OURS},
	{"no next header",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {NEXT_AT, 59}, .drop = DROP_NOT_OURS},
	{"ESP",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {NEXT_AT, 50}, .drop = DROP_NOT_OURS},

	{"version 5",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {OUTER_AT, 0x50}, .drop = DROP_OUTER_MALFORMED},
	{"version 4 behind the type of IPv6",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {OUTER_AT, 0x45}, .drop = DROP_OUTER_MALFORMED},
	{"payload length is a lie: one byte too long",
	 {FROM_BERLIN, UDP_TO_SERVER}, .cut = 1, .drop = DROP_TRUNCATED},
	{"payload length is a lie: much too long",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {OUTER_AT + 4, 0xff}, .drop = DROP_TRUNCATED},
	{"payload length 0, as a jumbogram has it",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {OUTER_AT + 5, 0}, .drop = DROP_GRE_MALFORMED},
	{"payload length within the GRE header",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {OUTER_AT + 5, 3}, .drop = DROP_GRE_MALFORMED},
	{"payload length within the key",
	 {FROM_SPAIN(7), UDP_TO_SERVER}, .poke = {OUTER_AT + 5, 7}, .drop = DROP_GRE_MALFORMED},
	{"payload length ends with the GRE header",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {OUTER_AT + 5, 4}, .drop = DROP_INNER_MALFORMED},
	{"payload length within the inner header",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {OUTER_AT + 5, 4 + 19}, .drop = DROP_INNER_MALFORMED},
	{"payload length one byte too short",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {OUTER_AT + 5, 4 + 20 + 8 + 7}, .drop = DROP_INNER_MALFORMED},
	{"cut short within the outer header",
	 {FROM_BERLIN, UDP_TO_SERVER}, .cut = 36 + 4 + 1, .drop = DROP_OUTER_MALFORMED},
	{"nothing but the outer header",
	 {FROM_BERLIN, UDP_TO_SERVER}, .cut = 36 + 4, .poke = {OUTER_AT + 5, 0}, .drop = DROP_GRE_MALFORMED},
	{"GRE version 1 (PPTP)",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {GRE_AT + 1, 1}, .drop = DROP_GRE_MALFORMED},
	{"GRE routing bit",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {GRE_AT, 0x40}, .drop = DROP_GRE_MALFORMED},
	{"a reserved bit that must be zero",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {GRE_AT, 0x04}, .drop = DROP_GRE_MALFORMED},
	{"a reserved bit that is ignored",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {GRE_AT, 0x02}},
	{"GRE checksum is wrong",
	 {FROM_BERLIN, UDP_TO_SERVER, .has_checksum = true}, .poke = {GRE_AT + 4, 0xaa}, .drop = DROP_GRE_CHECKSUM},
	{"GRE payload is bridged Ethernet",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {GRE_AT + 2, 0x65}, .drop = DROP_GRE_PROTOCOL},
	{"IPv6 that says it is IPv4",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {INNER_AT, 0x65}, .drop = DROP_INNER_MALFORMED},
	{"inner total length is a lie",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {INNER_AT + 2, 0x40}, .drop = DROP_INNER_MALFORMED},
	{"inner checksum is wrong",
	 {FROM_BERLIN, UDP_TO_SERVER}, .poke = {INNER_AT + 10, 0xaa}, .drop = DROP_INNER_CHECKSUM},
	{"inner IPv6 payload length is a lie",
	 {OUTER(BERLIN), UDP6_TO_SERVER}, .poke = {INNER_AT + 4, 0x10}, .drop = DROP_INNER_MALFORMED},
	{"GRE in GRE",
	 {FROM_BERLIN, .dst = SERVER, .proto = 47}, .answer = ANSWERED(PROTOCOL)},
	{"GRE in GRE, over IPv6",
	 {OUTER(BERLIN), .six = true, .src6 = HOST6, .dst6 = SERVER6, .proto = 47}, .answer = ANSWERED(PROTOCOL)},
	{"the tunnel inside itself",
	 {OUTER(SPAIN), .has_key = true, .key = 8, .six = true, .src6 = SPAIN, .dst6 = GATEWAY, .proto = 47},
	 .drop = DROP_PROTOCOL},

	{"destination options are walked over",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, OPTIONS_GRE)}},
	{"a tunnel encapsulation limit, as Linux sends it (RFC 2473 section 4.1.1)",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, "\x2f\0\x04\x01\x04\x01\x01\0")}},
	{"a tunnel encapsulation limit of 0 at its end",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, "\x2f\0\x04\x01\0\x01\x01\0")}},
	{"hop-by-hop options are walked over: router alert",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(HOP_BY_HOP, "\x2f\0\x05\x02\0\0\x01\0")}},
	{"both, and GRE with a key behind",
	 {FROM_SPAIN(7), UDP_TO_SERVER, WITH(HOP_BY_HOP, OPTIONS_OPTIONS OPTIONS_GRE)}},
	{"options of 16 bytes",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, "\x2f\x01\x01\x0c\0\0\0\0\0\0\0\0\0\0\0\0")}},
	{"an option of one byte, padding",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, "\x2f\0\0\0\0\0\0\0")}},
	{"eight extension headers",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, EIGHT_OPTIONS)}},
	{"nine are too many",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, OPTIONS_OPTIONS EIGHT_OPTIONS)}, .drop = DROP_EXTENSION},
	{"an unknown option that may be skipped",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, "\x2f\0\x1e\x04\0\0\0\0")}},
	{"an unknown option that forbids to go on",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, "\x2f\0\x5e\x04\0\0\0\0")}, .drop = DROP_EXTENSION},
	{"the same behind another option",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, "\x2f\0\x01\0\0\x9e\x01\0")}, .drop = DROP_EXTENSION},
	{"the same in the second header",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(HOP_BY_HOP, OPTIONS_OPTIONS "\x2f\0\xde\x04\0\0\0\0")}, .drop = DROP_EXTENSION},
	{"a jumbo payload option",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(HOP_BY_HOP, "\x2f\0\xc2\x04\0\x01\0\0")}, .drop = DROP_EXTENSION},
	{"an option longer than its header",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, "\x2f\0\x01\x05\0\0\0\0")}, .drop = DROP_EXTENSION},
	{"an option without a length",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, "\x2f\0\x01\x03\0\0\0\x01")}, .drop = DROP_EXTENSION},
	{"hop-by-hop behind another header",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, "\0\0" PAD OPTIONS_GRE)}, .drop = DROP_EXTENSION},
	{"an extension header longer than the packet",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, "\x2f\xff" PAD)}, .drop = DROP_OUTER_MALFORMED},
	{"an extension header where the packet ends",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, OPTIONS_GRE)}, .poke = {OUTER_AT + 5, 4},
	 .drop = DROP_OUTER_MALFORMED},
	{"an extension header, and no GRE behind it",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, OPTIONS_GRE)}, .poke = {OUTER_AT + 5, 8},
	 .drop = DROP_GRE_MALFORMED},
	{"extension headers, and UDP behind them",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(OPTIONS, "\x11\0" PAD)}, .drop = DROP_NOT_OURS},
	{"routing header of type 0 (RFC 5095)",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(ROUTING, "\x2f\0\0\0\0\0\0\0")}, .drop = DROP_ROUTING_HEADER},
	{"routing header with segments left",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(ROUTING, "\x2f\0\x04\x01\0\0\0\0")}, .drop = DROP_ROUTING_HEADER},
	{"routing header at its end",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(ROUTING, "\x2f\0\x04\0\0\0\0\0")}},
	{"an atomic fragment is a whole packet (RFC 6946)",
	 {FROM_BERLIN, UDP_TO_SERVER, WITH(FRAGMENT, "\x2f\0\0\0\0\0\0\x07")}},

	{"a source that is not the site's",
	 {OUTER(BERLIN), .src = IP(10, 0, 2, 1), UDP_TO_SERVER}, .answer = ANSWERED(PROHIBITED)},
	{"an inner source that is multicast",
	 {OUTER(BERLIN), .src = IP(224, 0, 0, 5), UDP_TO_SERVER}, .drop = DROP_MARTIAN},
	{"inner land",
	 {FROM_BERLIN, .dst = HOST, .proto = UDP}, .drop = DROP_MARTIAN},
	{"our own outer address, from inside: no route",
	 {OUTER(BERLIN), .six = true, .src6 = HOST6, .dst6 = GATEWAY, .sport = 4, .dport = 4, .proto = UDP},
	 .answer = ANSWERED(UNREACHABLE)},
	{"a private destination: told by the address of who has none",
	 {FROM_BERLIN, .dst = IP(10, 9, 9, 9), .proto = UDP}, .answer = ANSWERED(UNREACHABLE)},
	{"a private destination: told by the tunnel's address",
	 {FROM_SPAIN(7), .dst = IP(10, 9, 9, 9), .proto = UDP}, .answer = ANSWERED(UNREACHABLE)},
	{"no hops left inside",
	 {FROM_BERLIN, UDP_TO_SERVER, .ttl = 1}, .answer = ANSWERED(TTL_EXPIRED)},
	{"no hops left inside: IPv6",
	 {OUTER(BERLIN), UDP6_TO_SERVER, .ttl = 1}, .answer = ANSWERED(TTL_EXPIRED)},
	{"the same by a tunnel that is too narrow for IPv6: nobody is told",
	 {OUTER(SPAIN), .has_key = true, .key = 8, UDP6_TO_SERVER, .ttl = 1}, .drop = DROP_TTL_EXPIRED},
	{"a ping to the tunnel's address",
	 {FROM_SPAIN(7), .dst = IP(10, 255, 0, 1), .sport = 4, .proto = ICMP, .icmp_type = ECHO},
	 .answer = ANSWERED(ECHO)},
	{"a ping to the tunnel's IPv6 address: the outer one",
	 {OUTER(BERLIN), .six = true, .src6 = HOST6, .dst6 = GATEWAY, .proto = ICMP6, .icmp_type = ECHO6},
	 .answer = ANSWERED(ECHO)},
};
/* clang-format on */

static size_t build_row(const struct row *row, uint8_t *frame)
{
	size_t len = frame_build(&row->frame, frame) - row->cut;

	memset(frame + len, 0xee, row->pad);
	if (row->poke.at != 0)
		frame[row->poke.at] = row->poke.value;
	return len + row->pad;
}

static void check_answer(const struct row *row, const struct frame *out)
{
	const struct frame *in = &row->frame;
	static const struct ip6 gateway = GATEWAY;
	bool madrid = in->key == 7;

	assert_true(out->outer_six);
	assert_memory_equal(&out->outer_src6, &gateway, 16);
	assert_memory_equal(&out->outer_dst6, &in->outer_src6, 16);
	assert_int_equal(out->has_key, in->has_key);
	assert_int_equal(out->key, in->key);
	assert_int_equal(out->outer_ttl, madrid ? 9 : 64);
	assert_int_not_equal(out->outer_label, 0);
	assert_int_equal(out->six, in->six);
	if (in->six) {
		assert_memory_equal(&out->src6, &gateway, 16);
		assert_memory_equal(&out->dst6, &in->src6, 16);
	} else {
		assert_int_equal(out->src, madrid ? IP(10, 255, 0, 1) : DUMMY);
		assert_int_equal(out->dst, in->src);
	}
}

static void check_out(struct bed *bed, const struct row *row)
{
	static const struct ip6 egress6 = IP6(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
	uint8_t frame[BED_FRAME_MAX];
	struct frame out;
	const char *why;

	if (row->drop == DROP_NONE) {
		size_t len = bed_take(bed, row->answer != 0 ? UNDERLAY : UPLINK, frame);

		if (len == 0)
			fail_msg("%s: nothing came out", row->why);
		if (!frame_parse(frame, len, &out, &why))
			fail_msg("%s: what came out has a wrong %s", row->why, why);
		if (row->answer != 0) {
			check_answer(row, &out);
		} else {
			assert_false(out.outer_six);
			assert_int_equal(out.six, row->frame.six);
			assert_int_equal(out.ttl, 63);
			assert_in_range(out.sport, 2048, 4095);
			if (out.six)
				assert_memory_equal(&out.src6, &egress6, 16);
			else
				assert_int_equal(out.src, EGRESS);
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

		bed_send(bed, UNDERLAY, frame, build_row(row, frame));
		bed_run(bed);
		check_out(bed, row);
		bed_expect_drops(bed, row->why, row->drop, 1);
		bed_expect_answer(bed, row->why, row->answer);
		bed_check(bed);
		bed_destroy(bed);
	}
}

/* Sends @in by @at and parses the packet that came out by @to, which must exist. */
static void pass(struct bed *bed, const struct frame *in, unsigned at, unsigned to,
		 struct frame *out)
{
	uint8_t raw[BED_FRAME_MAX];
	const char *why;
	size_t len;

	bed_send(bed, at, raw, frame_build(in, raw));
	bed_run(bed);
	len = bed_take(bed, to, raw);
	assert_true(len > 0);
	if (!frame_parse(raw, len, out, &why))
		fail_msg("came out with a wrong %s", why);
}

/* Requests for the tunnel's end are answered: on ports without a kernel nothing else does. */
static void neighbours_find_the_end(void **state)
{
	static const struct {
		struct ip6 target;
		bool answered;
	} asked[] = {{GATEWAY, true}, {BERLIN, false}};

	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		uint8_t raw[BED_FRAME_MAX], target[16];
		struct frame ask = {.six = true,
				    .src6 = BERLIN,
				    .dst6 = GATEWAY,
				    .proto = ICMP6,
				    .icmp_type = 135,
				    .ttl = 255,
				    .data = target,
				    .payload = 16},
			     out;
		struct bed *bed = bed_create(yaml, 1);

		memcpy(target, &asked[i].target, 16);
		if (asked[i].answered) {
			pass(bed, &ask, UNDERLAY, UNDERLAY, &out);
			assert_int_equal(out.icmp_type, 136);
			assert_memory_equal(&out.src6, &asked[i].target, 16);
			assert_memory_equal(&out.dst6, &ask.src6, 16);
		} else {
			bed_send(bed, UNDERLAY, raw, frame_build(&ask, raw));
			bed_run(bed);
			assert_int_equal(bed_counters(bed).drops[DROP_NOT_OURS], 1);
		}
		bed_check(bed);
		bed_destroy(bed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(neighbours_find_the_end),
	};

	return cmocka_run_group_tests_name("outer6", tests, NULL, NULL);
}
