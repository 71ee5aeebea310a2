/*
 * ICMP errors: each row is a flow, an error about one of its packets, and what becomes of the
 * error.
 *
 *     berlin 10.0.1.0/24 --- GRE 198.51.100.10, no key  ---+
 *     madrid 10.0.1.0/24 --- GRE 198.51.100.20, key 7 -----+--- 198.51.100.1 [ gateway ] uplink
 *                                                                   egress 203.0.113.1, slice 1
 *
 * Both sites run the same flow, from the same host and port to the same server. So an error that is
 * matched by addresses alone would go to the wrong site in half of the cases. The embedded packet
 * is taken from the wire, as a router sees it.
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
#define ROUTER IP(192, 0, 2, 1) /* on the way to the server */
#define INSIDE IP(10, 99, 0, 1) /* a router of the site, not in its prefixes */

enum { UNDERLAY, UPLINK };
enum { SYN = 2, ACK = 16, TCP = 6, UDP = 17, ICMP = 1, ECHO = 8, REPLY = 0 };
enum { UNREACHABLE = 3, QUENCH = 4, REDIRECT = 5, EXCEEDED = 11, PARAMETER = 12 };
enum { PROBLEM_AT = 28 }; /* offset of the embedded packet from the IPv4 header of the error */

static const char yaml[] =
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    prefixes: [10.0.1.0/24]\n"
	"    tunnels: [{name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}]\n"
	"  - name: madrid\n"
	"    prefixes: [10.0.1.0/24]\n"
	"    tunnels: [{name: m1, local: 198.51.100.1, remote: 198.51.100.20, key: 7,\n"
	"               port: underlay}]\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]}]}\n"
	"flows: {capacity: 4096}\n";

enum side { INTERNET, SITE }; /* the side that sends the error */

struct row {
	const char *why;
	enum side side;
	uint8_t type, code;
	uint8_t proto; /* of the flow */
	uint16_t embedded_packet; /* bytes that are embedded; 0: the whole packet */
	enum drop drop; /* DROP_NONE: it is delivered */
	uint16_t mtu;
	uint8_t ttl; /* of the error; 0: 64 */
	/* of the error; 0: a router on that side, and the source of the embedded packet */
	uint32_t from, to;
	struct {
		size_t at; /* offset from the IPv4 header of the error; 0: nothing is overwritten */
		uint8_t value;
		bool mend; /* the ICMP checksum is corrected afterwards */
	} poke;
	bool no_udp_checksum;
};

/* clang-format off */
static const struct row rows[] = {
	{"port unreachable for UDP comes home",            INTERNET, UNREACHABLE, 3, UDP},
	{"host unreachable for TCP comes home",            INTERNET, UNREACHABLE, 1, TCP},
	{"host unreachable for a ping comes home",         INTERNET, UNREACHABLE, 1, ICMP},
	{"administratively prohibited comes home",         INTERNET, UNREACHABLE, 13, UDP},
	{"too big comes home with its MTU: TCP",           INTERNET, UNREACHABLE, 4, TCP, .mtu = 1400},
	{"too big comes home with its MTU: UDP",           INTERNET, UNREACHABLE, 4, UDP, .mtu = 1300},
	{"an old router's too big without an MTU",         INTERNET, UNREACHABLE, 4, TCP},
	{"time exceeded comes home: traceroute by UDP",    INTERNET, EXCEEDED, 0, UDP},
	{"time exceeded comes home: traceroute by TCP",    INTERNET, EXCEEDED, 0, TCP},
	{"time exceeded comes home: traceroute by ICMP",   INTERNET, EXCEEDED, 0, ICMP},
	{"reassembly time exceeded comes home",            INTERNET, EXCEEDED, 1, UDP},
	{"parameter problem comes home",                   INTERNET, PARAMETER, 0, UDP},
	{"eight embedded bytes are enough: UDP",             INTERNET, UNREACHABLE, 3, UDP, 28},
	{"eight embedded bytes are enough: TCP",             INTERNET, UNREACHABLE, 3, TCP, 28},
	{"eight embedded bytes are enough: ICMP",            INTERNET, EXCEEDED, 0, ICMP, 28},
	{"an embedded packet that ends before the TCP checksum",      INTERNET, EXCEEDED, 0, TCP, 37},
	{"an embedded packet that ends within the TCP checksum",      INTERNET, EXCEEDED, 0, TCP, 37},
	{"an embedded packet that ends behind the TCP checksum",      INTERNET, EXCEEDED, 0, TCP, 38},
	{"an embedded packet of odd length",                          INTERNET, EXCEEDED, 0, UDP, 33},
	{"an embedded UDP checksum of zero stays zero",       INTERNET, UNREACHABLE, 3, UDP,
	 .no_udp_checksum = true},
	{"from the server itself",                         INTERNET, UNREACHABLE, 3, UDP, .from = SERVER},
	{"from a router with a private address",           INTERNET, EXCEEDED, 0, UDP,
	 .from = IP(10, 1, 2, 3)},
	{"two hops left are enough",                       INTERNET, EXCEEDED, 0, UDP, .ttl = 2},

	{"port unreachable for a return: UDP",             SITE, UNREACHABLE, 3, UDP},
	{"host unreachable for a return: TCP",             SITE, UNREACHABLE, 1, TCP},
	{"host unreachable for a return: echo reply",      SITE, UNREACHABLE, 1, ICMP},
	{"too big for a return: the site has a small MTU", SITE, UNREACHABLE, 4, TCP, .mtu = 1280},
	{"time exceeded for a return",                     SITE, EXCEEDED, 0, UDP},
	{"parameter problem for a return",                 SITE, PARAMETER, 0, TCP},
	{"eight embedded bytes of a return: UDP",            SITE, UNREACHABLE, 3, UDP, 28},
	{"eight embedded bytes of a return: TCP",            SITE, UNREACHABLE, 3, TCP, 28},
	{"eight embedded bytes of a return: ICMP",           SITE, UNREACHABLE, 3, ICMP, 28},
	{"a return's UDP checksum of zero stays zero",     SITE, UNREACHABLE, 3, UDP,
	 .no_udp_checksum = true},
	{"from the private host itself",                   SITE, UNREACHABLE, 3, UDP, .from = HOST},

	{"source quench is deprecated (RFC 6633)",         INTERNET, QUENCH, 0, UDP, .drop = DROP_PROTOCOL},
	{"a redirect is for the next hop, not for us",     INTERNET, REDIRECT, 1, UDP, .drop = DROP_PROTOCOL},
	{"the error's checksum is wrong",                  INTERNET, UNREACHABLE, 3, UDP,
	 .poke = {22, 0xaa}, .drop = DROP_ICMP_CHECKSUM},
	{"the error's checksum is wrong, from a site",     SITE, UNREACHABLE, 3, UDP,
	 .poke = {22, 0xaa}, .drop = DROP_ICMP_CHECKSUM},
	{"the embedded packet was damaged after the checksum",       INTERNET, UNREACHABLE, 3, UDP,
	 .poke = {PROBLEM_AT + 25, 0xaa}, .drop = DROP_ICMP_CHECKSUM},
	{"seven embedded bytes are not enough",              INTERNET, UNREACHABLE, 3, UDP, 27,
	 .drop = DROP_ICMP_EMBEDDED},
	{"half an embedded header",                           INTERNET, UNREACHABLE, 3, UDP, 12,
	 .drop = DROP_ICMP_EMBEDDED},
	{"the embedded header's checksum is wrong",          INTERNET, UNREACHABLE, 3, UDP,
	 .poke = {PROBLEM_AT + 10, 0xaa, true}, .drop = DROP_ICMP_EMBEDDED},
	{"the embedded packet is IPv6",                      INTERNET, UNREACHABLE, 3, UDP,
	 .poke = {PROBLEM_AT, 0x65, true}, .drop = DROP_ICMP_EMBEDDED},
	{"the embedded header length is below 20",           INTERNET, UNREACHABLE, 3, UDP,
	 .poke = {PROBLEM_AT, 0x44, true}, .drop = DROP_ICMP_EMBEDDED},
	{"the embedded header is longer than the embedded packet",     INTERNET, UNREACHABLE, 3, UDP, 28,
	 .poke = {PROBLEM_AT, 0x4f, true}, .drop = DROP_ICMP_EMBEDDED},
	{"addressed to somebody else than it embeds",      SITE, UNREACHABLE, 3, UDP,
	 .to = IP(192, 0, 2, 81), .drop = DROP_ICMP_EMBEDDED},
	{"from 127.0.0.1",                                 INTERNET, UNREACHABLE, 3, UDP,
	 .from = IP(127, 0, 0, 1), .drop = DROP_MARTIAN},
	{"from 0.0.0.0",                                   INTERNET, UNREACHABLE, 3, UDP,
	 .from = IP(0, 0, 0, 1), .drop = DROP_MARTIAN},
	{"from a multicast address",                       SITE, UNREACHABLE, 3, UDP,
	 .from = IP(224, 0, 0, 1), .drop = DROP_MARTIAN},
	{"no hops left: no error about an error",          INTERNET, UNREACHABLE, 3, UDP, .ttl = 1,
	 .drop = DROP_TTL_EXPIRED},
	{"no hops left, from a site",                      SITE, UNREACHABLE, 3, UDP, .ttl = 1,
	 .drop = DROP_TTL_EXPIRED},
};
/* clang-format on */

static struct frame first_packet(const struct row *row, bool madrid)
{
	struct frame f = {
		.outer_src = madrid ? SPAIN : BERLIN,
		.outer_dst = GATEWAY,
		.has_key = madrid,
		.key = madrid ? 7 : 0,
		.src = HOST,
		.dst = SERVER,
		.sport = 5000,
		.dport = 53,
		.proto = row->proto,
		.tcp_flags = SYN,
		.icmp_type = ECHO,
		.payload = 40,
		.token = 1,
		.udp_no_checksum = row->no_udp_checksum,
	};

	return f;
}

/* Takes the packet that came out by @port, which must exist; writes its bytes to @raw. */
static size_t take_one(struct bed *bed, const struct row *row, unsigned port, uint8_t *raw,
		       struct frame *f)
{
	size_t len = bed_take(bed, port, raw);
	const char *why;

	if (len == 0)
		fail_msg("%s: nothing came out", row->why);
	if (!frame_parse(raw, len, f, &why))
		fail_msg("%s: what came out has a wrong %s", row->why, why);
	return len;
}

static size_t pass(struct bed *bed, const struct row *row, const struct frame *in, unsigned from,
		   unsigned to, uint8_t *raw, struct frame *out)
{
	uint8_t frame[BED_FRAME_MAX];

	bed_send(bed, from, frame, frame_build(in, frame));
	bed_run(bed);
	return take_one(bed, row, to, raw, out);
}

struct scene {
	struct bed *bed;
	const struct row *row;
	bool madrid;
	struct frame in, mapped; /* the flow's first packet, inside and outside */
	uint8_t raw[BED_FRAME_MAX]; /* the packet that will be embedded, as on the wire */
	size_t raw_len;
	struct frame embedded_packet; /* the same packet as the receiver of the error must see it */
};

/* Opens the flow from both sites. The error is about the flow of one of them. */
static void open_flows(struct scene *s)
{
	struct frame back, other, f = first_packet(s->row, !s->madrid);

	s->in = first_packet(s->row, s->madrid);
	pass(s->bed, s->row, &f, UNDERLAY, UPLINK, s->raw, &other);
	s->raw_len = pass(s->bed, s->row, &s->in, UNDERLAY, UPLINK, s->raw, &s->mapped);
	s->embedded_packet = s->in;
	if (s->row->side == INTERNET)
		return;

	back = (struct frame){
		.src = SERVER,
		.dst = s->mapped.src,
		.sport = s->row->proto == ICMP ? s->mapped.sport : s->mapped.dport,
		.dport = s->row->proto == ICMP ? 0 : s->mapped.sport,
		.proto = s->row->proto,
		.tcp_flags = SYN | ACK,
		.icmp_type = REPLY,
		.payload = 44,
		.token = 2,
		.udp_no_checksum = s->row->no_udp_checksum,
	};
	s->embedded_packet = back;
	s->raw_len = pass(s->bed, s->row, &back, UPLINK, UNDERLAY, s->raw, &other);
}

static void mend_checksum(uint8_t *icmp, size_t len)
{
	uint32_t sum = 0;

	icmp[2] = icmp[3] = 0;
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)icmp[i] << 8 : icmp[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	icmp[2] = (uint8_t)(~sum >> 8);
	icmp[3] = (uint8_t)~sum;
}

/* Builds the frame of the error. Writes the length of the embedded packet to @embedded. */
static size_t build_error(const struct scene *s, uint8_t *frame, size_t *embedded_packet)
{
	const struct row *row = s->row;
	size_t n = s->raw_len, inner, len;
	const uint8_t *packet = frame_inner(s->raw, &n);
	struct frame error = {
		.src = row->from != 0 ? row->from : ROUTER,
		.dst = EGRESS,
		.proto = ICMP,
		.icmp_type = row->type,
		.icmp_code = row->code,
		.dport = row->mtu,
		.ttl = row->ttl,
		.data = packet,
	};

	if (row->side == SITE) {
		error.outer_src = s->in.outer_src;
		error.outer_dst = GATEWAY;
		error.has_key = s->in.has_key;
		error.key = s->in.key;
		error.src = row->from != 0 ? row->from : INSIDE;
		error.dst = SERVER;
	}
	error.dst = row->to != 0 ? row->to : error.dst;
	*embedded_packet = row->embedded_packet != 0 ? row->embedded_packet : n;
	error.payload = (uint16_t)*embedded_packet;
	inner = len = frame_build(&error, frame);
	packet = frame_inner(frame, &inner);
	if (row->poke.at != 0)
		((uint8_t *)packet)[row->poke.at] = row->poke.value;
	if (row->poke.mend)
		mend_checksum((uint8_t *)packet + 20, inner - 20);
	return len;
}

/* Checks the error that came out at the other side, and its embedded packet. */
static void check_delivered(struct scene *s, size_t embedded_packet)
{
	const struct row *row = s->row;
	bool home = row->side == INTERNET;
	uint8_t raw[BED_FRAME_MAX];
	size_t len = bed_take(s->bed, home ? UNDERLAY : UPLINK, raw), inner = len;
	const uint8_t *packet;
	struct frame error, embedded;
	const char *why;

	if (len == 0)
		fail_msg("%s: was not delivered", row->why);
	packet = frame_inner(raw, &inner);
	if (!frame_parse(raw, len, &error, &why))
		fail_msg("%s: came out with a wrong %s", row->why, why);
	if (!frame_parse_quote(packet + PROBLEM_AT, inner - PROBLEM_AT, &embedded, &why))
		fail_msg("%s: came out with a wrong %s", row->why, why);

	assert_int_equal(inner - PROBLEM_AT, embedded_packet);
	assert_int_equal(error.icmp_type, row->type);
	assert_int_equal(error.icmp_code, row->code);
	assert_int_equal(error.dport, row->mtu);
	assert_int_equal(error.ttl, (row->ttl == 0 ? 64 : row->ttl) - 1);
	assert_int_equal(embedded.src, s->embedded_packet.src);
	assert_int_equal(embedded.dst, s->embedded_packet.dst);
	assert_int_equal(embedded.sport, s->embedded_packet.sport);
	assert_int_equal(embedded.dport, row->proto == ICMP ? 0 : s->embedded_packet.dport);
	if (home) {
		assert_int_equal(error.outer_dst, s->in.outer_src);
		assert_int_equal(error.key, s->in.key);
		assert_int_equal(error.src, row->from != 0 ? row->from : ROUTER);
		assert_int_equal(error.dst, HOST);
	} else {
		assert_int_equal(error.src, EGRESS);
		assert_int_equal(error.dst, SERVER);
	}
}

static struct flow_query query;

/* The flow's record, as the API sees it. */
static struct flow flow_of(struct scene *s)
{
	struct worker *w = bed_worker(s->bed, 0);
	const struct flow_view *views;
	uint32_t n;

	memset(&query, 0, sizeof(query));
	query.filter.has_site = true;
	query.filter.site = s->madrid ? 2 : 1;
	worker_query_start(w, &query);
	while (!query_ended(&query))
		worker_turn(w);
	views = query_peek(&query, &n);
	assert_int_equal(n, 1);
	return views[0].flow;
}

static void check_row(const struct row *row, bool madrid)
{
	struct scene s = {.bed = bed_create(yaml, 1), .row = row, .madrid = madrid};
	uint8_t frame[BED_FRAME_MAX];
	struct flow before, after;
	size_t embedded_packet, len;

	open_flows(&s);
	before = flow_of(&s);
	worker_advance_clock(bed_worker(s.bed, 0), 3);
	len = build_error(&s, frame, &embedded_packet);
	bed_send(s.bed, row->side == INTERNET ? UPLINK : UNDERLAY, frame, len);
	bed_run(s.bed);
	if (row->drop == DROP_NONE)
		check_delivered(&s, embedded_packet);

	bed_expect_drops(s.bed, row->why, row->drop, 1);
	after = flow_of(&s);
	if (memcmp(&before, &after, sizeof(before)) != 0)
		fail_msg("%s: changed the flow it is about", row->why);
	bed_check(s.bed);
	bed_destroy(s.bed);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check_row(&rows[i], false);
		check_row(&rows[i], true);
	}
}

/* An error to a port without a flow, and one about a flow of another host. */
static void about_nothing(void **state)
{
	const struct row row = {"about no flow", INTERNET, UNREACHABLE, 3, UDP};
	struct scene s = {.bed = bed_create(yaml, 1), .row = &row};
	uint8_t frame[BED_FRAME_MAX];
	size_t embedded_packet, len;

	open_flows(&s);
	worker_advance_clock(bed_worker(s.bed, 0), 3600);
	for (unsigned i = 0; i < 100; i++)
		bed_run(s.bed); /* the flow ends */
	len = build_error(&s, frame, &embedded_packet);
	bed_send(s.bed, UPLINK, frame, len);
	bed_run(s.bed);
	assert_int_equal(bed_counters(s.bed).drops[DROP_NO_FLOW], 1);
	bed_check(s.bed);
	bed_destroy(s.bed);
}

/* madrid sends an error about a flow that only berlin has. */
static void about_another_sites(void **state)
{
	const struct row row = {"about another site's flow", SITE, UNREACHABLE, 3, UDP};
	struct scene s = {.bed = bed_create(yaml, 1), .row = &row};
	uint8_t frame[BED_FRAME_MAX];
	size_t embedded_packet, len;
	struct frame f = first_packet(&row, false), out, back;

	f.src = IP(10, 0, 1, 99);
	s.in = first_packet(&row, true);
	pass(s.bed, &row, &f, UNDERLAY, UPLINK, s.raw, &out);
	back = (struct frame){
		.src = SERVER, .dst = EGRESS, .sport = 53, .dport = out.sport, .proto = UDP};
	s.raw_len = pass(s.bed, &row, &back, UPLINK, UNDERLAY, s.raw, &out);
	len = build_error(&s, frame, &embedded_packet);
	bed_send(s.bed, UNDERLAY, frame, len);
	bed_run(s.bed);
	assert_int_equal(bed_counters(s.bed).drops[DROP_NO_FLOW], 1);
	bed_check(s.bed);
	bed_destroy(s.bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(about_nothing),
		cmocka_unit_test(about_another_sites),
	};

	return cmocka_run_group_tests_name("icmp", tests, NULL, NULL);
}
