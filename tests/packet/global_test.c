/*
 * Global prefixes: each row is a packet, and whether it is forwarded untranslated, translated,
 * answered or dropped. An untranslated packet must leave byte by byte as it came, except for its
 * hop limit. So must the return packet, by the tunnel of the forward packet. A packet that only
 * looks like the return must be dropped. The picture is in global.h.
 */
#include "global.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WITH(kind, bytes)                                                                          \
	.next = (kind), .extensions = (const uint8_t *)(bytes), .n_extensions = sizeof(bytes) - 1

enum verdict { AS_IS, TRANSLATED, DROPPED, ANSWERED };

struct row {
	const char *why;
	struct frame frame;
	enum verdict verdict;
	int what; /* enum drop, enum answer */
	unsigned port;
	struct {
		size_t at;
		uint8_t value;
	} poke[2]; /* at 0: nothing is overwritten */
	size_t cut; /* the packet is this much shorter, with a correct length field */
};

#define IS_DROPPED(d) DROPPED, DROP_##d
#define IS_ANSWERED(a) ANSWERED, ANSWER_##a

/* clang-format off */
static const struct row rows[] = {
	{"UDP", {FROM_BERLIN, UDP_TO_SERVER}},
	{"TCP", {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = SYN}},
	{"a ping keeps its identifier", {FROM_BERLIN, PING_SERVER}},
	{"a source port below 1024 is the host's own affair",
	 {FROM_BERLIN, .dst6 = SERVER, .sport = 123, .dport = 123, .proto = UDP}},
	{"the first address of the prefix",
	 {BY_BERLIN, .src6 = IP6(0x2001, 0xdb8, 0xb, 0, 0, 0, 0, 0), UDP_TO_SERVER}},
	{"the last address of the prefix",
	 {BY_BERLIN, .src6 = IP6(0x2001, 0xdb8, 0xb, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff), UDP_TO_SERVER}},
	{"the site's other prefix",
	 {BY_BERLIN, .src6 = IP6(0x2001, 0xdb8, 0xb1, 0, 0, 0, 0, 1), UDP_TO_SERVER}},
	{"by the site's second tunnel",
	 {.six = true, .outer_src = BERLIN_2, .outer_dst = GATEWAY, .src6 = HOST, UDP_TO_SERVER}},
	{"another site", {FROM_SPAIN(7), .src6 = MADRID_HOST, UDP_TO_SERVER}},
	{"a site that lists IPv4 prefixes only", {FROM_SPAIN(9), .src6 = PORTO_HOST, UDP_TO_SERVER}},
	{"no UDP checksum: it stays zero", {FROM_BERLIN, UDP_TO_SERVER, .udp_no_checksum = true}},
	{"a damaged UDP checksum is for the server to see", {FROM_BERLIN, UDP_TO_SERVER}, .poke = {{L4_AT + 6, 0x55}}},
	{"a TCP checksum of ffff is not made 0", {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = SYN},
	 .poke = {{L4_AT + 16, 0xff}, {L4_AT + 17, 0xff}}},
	{"a TCP checksum of 0 is not made ffff", {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = SYN},
	 .poke = {{L4_AT + 16, 0}, {L4_AT + 17, 0}}},
	{"a damaged ICMPv6 checksum", {FROM_BERLIN, PING_SERVER}, .poke = {{L4_AT + 2, 0x55}}},
	{"options stay", {FROM_BERLIN, UDP_TO_SERVER, WITH(60, "\x11\0\x01\x04\0\0\0\0")}},
	{"hop-by-hop options stay", {FROM_BERLIN, UDP_TO_SERVER, WITH(0, "\x11\0\x01\x04\0\0\0\0")}},
	{"an atomic fragment stays one", {FROM_BERLIN, UDP_TO_SERVER, WITH(44, "\x11\0\0\0\0\0\0\x07")}},
	{"as large as the uplink", {FROM_BERLIN, UDP_TO_SERVER, .payload = 1476 - 48}},
	{"two hops are enough", {FROM_BERLIN, UDP_TO_SERVER, .ttl = 2}},

	{"SCTP, by its ports", {FROM_BERLIN, TO_SERVER, .proto = SCTP, .payload = 40}},
	{"ESP, by its addresses", {FROM_BERLIN, TO_SERVER, .proto = 50}},
	{"AH", {FROM_BERLIN, TO_SERVER, .proto = 51}},
	{"GRE", {FROM_BERLIN, TO_SERVER, .proto = 47}},
	{"IPv6 in IPv6", {FROM_BERLIN, TO_SERVER, .proto = 41}},
	{"IPv4 in IPv6", {FROM_BERLIN, TO_SERVER, .proto = 4}},
	{"UDP-Lite", {FROM_BERLIN, TO_SERVER, .proto = 136}},
	{"a protocol for experiments", {FROM_BERLIN, TO_SERVER, .proto = 253}},
	{"no next header (RFC 8200 section 4.7)", {FROM_BERLIN, TO_SERVER, .proto = 59}},
	{"ESP behind options", {FROM_BERLIN, TO_SERVER, .proto = 50, WITH(60, "\x32\0\x01\x04\0\0\0\0")}},
	{"SCTP shorter than its header", {FROM_BERLIN, TO_SERVER, .proto = SCTP}, IS_DROPPED(INNER_MALFORMED), .cut = 5},
	{"ICMP over IPv6", {FROM_BERLIN, .dst6 = SERVER, .proto = 1, .icmp_type = 8}, IS_DROPPED(PROTOCOL)},
	{"neighbour solicitation", {FROM_BERLIN, .dst6 = SERVER, .proto = ICMP6, .icmp_type = 135, .payload = 16},
	 IS_DROPPED(PROTOCOL)},
	{"multicast listener report", {FROM_BERLIN, .dst6 = SERVER, .proto = ICMP6, .icmp_type = 143},
	 IS_DROPPED(PROTOCOL)},

	{"beside it, what is not global is translated", {BY_BERLIN, .src6 = ULA, UDP_TO_SERVER}, TRANSLATED},
	{"and needs ports", {BY_BERLIN, .src6 = ULA, TO_SERVER, .proto = 50}, IS_ANSWERED(PROTOCOL)},
	{"SCTP is not translated, either", {BY_BERLIN, .src6 = ULA, TO_SERVER, .proto = SCTP}, IS_ANSWERED(PROTOCOL)},
	{"behind the end of the prefix", {FROM_SPAIN(9), .src6 = IP6(0x2001, 0xdb8, 0xd, 0x100, 0, 0, 0, 0), UDP_TO_SERVER},
	 IS_DROPPED(SOURCE)},
	{"in front of it", {FROM_SPAIN(9), .src6 = IP6(0x2001, 0xdb8, 0xc, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff),
	 UDP_TO_SERVER}, IS_DROPPED(SOURCE)},
	{"a site without other IPv6 prefixes", {FROM_SPAIN(9), .src6 = ULA, UDP_TO_SERVER}, IS_DROPPED(SOURCE)},
	{"another site's prefix", {FROM_SPAIN(7), .src6 = HOST, UDP_TO_SERVER}, IS_DROPPED(SOURCE)},
	{"another site's prefix, by a site that may use any: it never leaves under that",
	 {FROM_SPAIN(8), .src6 = HOST, UDP_TO_SERVER}, TRANSLATED},
	{"the same with ESP", {FROM_SPAIN(8), .src6 = HOST, TO_SERVER, .proto = 50}, IS_DROPPED(PROTOCOL)},
	{"TCP in mid-stream starts nothing", {FROM_BERLIN, TO_SERVER, .proto = TCP, .tcp_flags = ACK}, IS_ANSWERED(RESET)},
	{"an echo reply starts nothing", {FROM_BERLIN, .dst6 = SERVER, .sport = 3, .proto = ICMP6, .icmp_type = REPLY},
	 IS_DROPPED(NO_FLOW)},
	{"land", {FROM_BERLIN, .dst6 = HOST, .proto = UDP}, IS_DROPPED(MARTIAN)},
	{"to another site's global prefix: sites do not meet", {FROM_BERLIN, .dst6 = MADRID_HOST, .proto = UDP},
	 IS_ANSWERED(UNREACHABLE)},
	{"to the site's own", {FROM_BERLIN, .dst6 = ROUTER, .proto = UDP}, IS_ANSWERED(UNREACHABLE)},
	{"to one, from what is translated", {BY_BERLIN, .src6 = ULA, .dst6 = MADRID_HOST, .proto = UDP},
	 IS_ANSWERED(UNREACHABLE)},
	{"to a private destination", {FROM_BERLIN, .dst6 = IP6(0xfd00, 0, 0, 9, 0, 0, 0, 9), .proto = UDP},
	 IS_ANSWERED(UNREACHABLE)},
	{"to our egress address", {FROM_BERLIN, .dst6 = EGRESS, .dport = 2048, .proto = UDP}, IS_ANSWERED(UNREACHABLE)},
	{"no hops left", {FROM_BERLIN, UDP_TO_SERVER, .ttl = 1}, IS_ANSWERED(TTL_EXPIRED)},
	{"no hops left: ESP", {FROM_BERLIN, TO_SERVER, .proto = 50, .ttl = 1}, IS_ANSWERED(TTL_EXPIRED)},
	{"larger than the uplink", {FROM_BERLIN, UDP_TO_SERVER, .payload = 1501 - 48}, IS_ANSWERED(TOO_BIG)},
	{"larger than the uplink: ESP", {FROM_BERLIN, TO_SERVER, .proto = 50, .payload = 1501 - 48}, IS_ANSWERED(TOO_BIG)},
	{"a ping to our address in the tunnel", {FROM_BERLIN, .dst6 = INSIDE, .sport = 4, .proto = ICMP6, .icmp_type = ECHO},
	 IS_ANSWERED(ECHO)},

	{"from the Internet, unasked: UDP", {FROM_INTERNET, .sport = 53, .dport = 5000, .proto = UDP}, IS_DROPPED(NO_FLOW), UPLINK},
	{"unasked: TCP", {FROM_INTERNET, .sport = 53, .dport = 22, .proto = TCP, .tcp_flags = SYN}, IS_DROPPED(NO_FLOW), UPLINK},
	{"unasked: ping", {FROM_INTERNET, .sport = 9, .proto = ICMP6, .icmp_type = ECHO}, IS_DROPPED(NO_FLOW), UPLINK},
	{"unasked: ESP", {FROM_INTERNET, .proto = 50}, IS_DROPPED(NO_FLOW), UPLINK},
	{"unasked: SCTP", {FROM_INTERNET, .proto = SCTP}, IS_DROPPED(NO_FLOW), UPLINK},
	{"unasked, with no hops left: nobody is told", {FROM_INTERNET, .proto = UDP, .ttl = 1}, IS_DROPPED(NO_FLOW), UPLINK},
	{"from the Internet: ICMP over IPv6", {FROM_INTERNET, .proto = 1, .icmp_type = 8}, IS_DROPPED(PROTOCOL), UPLINK},
	{"from the Internet: ESP to an egress address", {.six = true, .src6 = SERVER, .dst6 = EGRESS, .proto = 50},
	 IS_DROPPED(PROTOCOL), UPLINK},
	{"a solicitation that came over a router",
	 {FROM_INTERNET, .proto = ICMP6, .icmp_type = 135, .payload = 16}, IS_DROPPED(PROTOCOL), UPLINK},
	{"just behind a prefix", {.six = true, .src6 = SERVER, .dst6 = IP6(0x2001, 0xdb8, 0xd, 0x100, 0, 0, 0, 0), .proto = UDP},
	 IS_DROPPED(NOT_OURS), UPLINK},
	{"just in front of one", {.six = true, .src6 = SERVER, .dst6 = IP6(0x2001, 0xdb8, 0xa, 0xffff, 0, 0, 0, 1), .proto = UDP},
	 IS_DROPPED(NOT_OURS), UPLINK},
};
/* clang-format on */

static size_t build_row(const struct row *row, uint8_t *frame)
{
	size_t len = frame_build(&row->frame, frame) - row->cut, inner = len;
	uint8_t *ip = frame + 14;

	for (size_t i = 0; i < ARRAY_SIZE(row->poke) && row->poke[i].at != 0; i++)
		frame[row->poke[i].at] = row->poke[i].value;
	if (row->cut > 0) {
		ip[3] = (uint8_t)(ip[3] - row->cut); /* of the outer header */
		frame_mend(ip);
		ip = (uint8_t *)frame_inner(frame, &inner);
		ip[5] = (uint8_t)(ip[5] - row->cut);
	}
	return len;
}

/*
 * The next frame at @port must be the packet @ip with a hop limit that is one less. Its outer
 * header is written to @outer.
 */
static void expect_as_is(struct bed *bed, unsigned port, const char *why, const uint8_t *ip,
			 size_t len, struct frame *outer)
{
	uint8_t frame[BED_FRAME_MAX], wanted[BED_FRAME_MAX];
	size_t got = bed_take(bed, port, frame);
	const uint8_t *inner;

	if (got == 0)
		fail_msg("%s: nothing came out", why);
	frame_parse_outer(frame, got, outer);
	inner = frame_inner(frame, &got);
	if (got != len)
		fail_msg("%s: %zu bytes went in, %zu came out", why, len, got);
	memcpy(wanted, ip, len);
	wanted[HOPS_AT]--;
	if (memcmp(wanted, inner, len) != 0)
		fail_msg("%s: it was changed on its way", why);
}

static uint64_t dropped(struct bed *bed, enum drop drop)
{
	return bed_counters(bed).drops[drop];
}

/* A packet that differs from the return in one field belongs to no flow. */
static void send_lookalikes(struct bed *bed, const struct row *row, const uint8_t *back, size_t len)
{
	uint8_t proto, ip[BED_FRAME_MAX];
	size_t at = global_l4(back, &proto);
	const size_t places[] = {8 + 15, 24 + 15, at, at + 2, at + 5};
	unsigned sent = 0;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		bool address = i < 2, port = i == 2 || i == 3, id = i == 4;

		if (!(address || (port && global_has_ports(proto)) || (id && proto == ICMP6)))
			continue;
		memcpy(ip, back, len);
		ip[places[i]] ^= 1;
		global_put(bed, ip, len);
		sent++;
	}
	if (dropped(bed, DROP_NO_FLOW) != sent)
		fail_msg("%s: something else was taken for a return", row->why);
}

static void check_as_is(struct bed *bed, const struct row *row, const uint8_t *frame, size_t len)
{
	const uint8_t *sent = frame_inner(frame, &len);
	uint8_t back[BED_FRAME_MAX];
	struct slice_counters slice;
	struct frame outer;

	expect_as_is(bed, UPLINK, row->why, sent, len, &outer);
	for (unsigned w = 0; bed_worker(bed, w) != NULL; w++) {
		for (uint32_t i = 0; i < bed_network(bed)->n_slices; i++) {
			worker_read_slice(bed_worker(bed, w), i, &slice);
			assert_int_equal(slice.flows, 0);
		}
	}

	memcpy(back, sent, len);
	global_turn_round(back);
	global_put(bed, back, len);
	expect_as_is(bed, UNDERLAY, row->why, back, len, &outer);
	assert_int_equal(outer.outer_dst, row->frame.outer_src);
	assert_int_equal(outer.has_key, row->frame.has_key);
	assert_int_equal(outer.key, row->frame.key);
	send_lookalikes(bed, row, back, len);
	assert_int_equal(bed_counters(bed).flows, 1);
}

static void check_translated(struct bed *bed, const struct row *row)
{
	static const struct ip6 egress = EGRESS;
	uint8_t frame[BED_FRAME_MAX];
	size_t len = bed_take(bed, UPLINK, frame);
	struct frame out;
	const char *why;

	if (len == 0)
		fail_msg("%s: nothing came out", row->why);
	if (!frame_parse(frame, len, &out, &why))
		fail_msg("%s: what came out has a wrong %s", row->why, why);
	assert_memory_equal(&out.src6, &egress, 16);
	assert_in_range(out.sport, 2048, 4095);
}

static void check_answered(struct bed *bed, const struct row *row)
{
	static const struct ip6 inside = INSIDE;
	uint8_t frame[BED_FRAME_MAX];
	size_t len = bed_take(bed, UNDERLAY, frame);
	struct frame out;
	const char *why;

	if (len == 0)
		fail_msg("%s: nobody was told", row->why);
	if (!frame_parse(frame, len, &out, &why))
		fail_msg("%s: what came back has a wrong %s", row->why, why);
	assert_memory_equal(&out.src6, row->what == ANSWER_RESET ? &row->frame.dst6 : &inside, 16);
	assert_memory_equal(&out.dst6, &row->frame.src6, 16);
	assert_int_equal(bed_counters(bed).answers[row->what], 1);
}

static void run_rows(unsigned workers)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct bed *bed = global_bed(workers);
		uint8_t frame[BED_FRAME_MAX];
		size_t len = build_row(row, frame);

		bed_send(bed, row->port, frame, len);
		bed_run(bed);
		if (row->verdict == AS_IS)
			check_as_is(bed, row, frame, len);
		else if (row->verdict == TRANSLATED)
			check_translated(bed, row);
		else if (row->verdict == ANSWERED)
			check_answered(bed, row);
		else if (dropped(bed, (enum drop)row->what) != 1)
			fail_msg("%s: not dropped as %s", row->why, drop_infos[row->what].name);
		if (bed_take(bed, UNDERLAY, frame) != 0 || bed_take(bed, UPLINK, frame) != 0)
			fail_msg("%s: something came out that should not", row->why);
		bed_check(bed);
		bed_destroy(bed);
	}
}

static void every_row(void **state)
{
	run_rows(1);
}

static void every_row_with_four_workers(void **state)
{
	run_rows(4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(every_row_with_four_workers),
	};

	return cmocka_run_group_tests_name("global", tests, NULL, NULL);
}
