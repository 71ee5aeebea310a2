/*
 * Sizes: each row is a packet, the MTU of its nexthop, and what leaves: one packet, a number of
 * fragments, or an ICMP error with the size that fits.
 *
 *     berlin --- GRE, MTU 1476 ---+
 *     madrid --- GRE, MTU 576 ----+--- [ gateway ] --- uplink, MTU 1500
 *     lisbon --- GRE, MTU 8000 ---+                    or 9000
 *                port MTU 9000, or 1450
 */
#include "bed.h"
#include "fragments.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY IP(198, 51, 100, 1)
#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define EGRESS IP(203, 0, 113, 1)
#define INSIDE IP(10, 255, 0, 1)

enum { UNDERLAY, UPLINK };
enum { SYN = 2, ACK = 16, TCP = 6, UDP = 17, ICMP = 1, ECHO = 8, REPLY = 0 };
enum branch { BERLIN = 10, MADRID = 20, LISBON = 30 }; /* last byte of the outer address */

#define YAML(mtu) YAML_BOTH("9000", "8000", mtu)

#define YAML_BOTH(underlay, lisbon, mtu)                                                           \
	"ports:\n"                                                                                 \
	"  - {name: underlay, driver: memory, mtu: " underlay                                      \
	", next-hop-mac: '02:00:00:00:00:aa'}\n"                                                   \
	"  - {name: uplink, driver: memory, mtu: " mtu ", next-hop-mac: '02:00:00:00:00:bb'}\n"    \
	"sites:\n"                                                                                 \
	"  - name: berlin\n"                                                                       \
	"    tunnels: [{name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay,\n"   \
	"               address: 10.255.0.1}]\n"                                                   \
	"  - name: madrid\n"                                                                       \
	"    tunnels: [{name: m1, local: 198.51.100.1, remote: 198.51.100.20, port: underlay,\n"   \
	"               address: 10.255.0.1, mtu: 576}]\n"                                         \
	"  - name: lisbon\n"                                                                       \
	"    tunnels: [{name: l1, local: 198.51.100.1, remote: 198.51.100.30, port: underlay,\n"   \
	"               address: 10.255.0.1, mtu: " lisbon "}]\n"                                  \
	"egress:\n"                                                                                \
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]}]}\n"   \
	"flows: {capacity: 4096}\n"

static const char usual[] = YAML("1500"), large[] = YAML("9000");
static const char narrow[] = YAML_BOTH("1450", "1426", "1400");

enum way { OUT, IN, SELF }; /* to the server, back from it, to the gateway itself */

struct row {
	const char *why;
	const char *yaml;
	enum branch site;
	enum way dir;
	uint8_t proto;
	uint16_t size; /* of the packet, with its IPv4 header */
	bool df;
	unsigned fragments; /* fragments that leave; 0: the packet is answered */
	uint16_t mtu; /* upper bound of the fragments, or the MTU in the answer */
	bool no_udp_checksum;
};

/* clang-format off */
static const struct row rows[] = {
	{"just fits the tunnel",                     usual, BERLIN, IN,  UDP,  1476, true,  1, 1476},
	{"one byte too many for the tunnel, DF",     usual, BERLIN, IN,  UDP,  1477, true,  0, 1476},
	{"one byte too many for the tunnel",         usual, BERLIN, IN,  UDP,  1477, false, 2, 1476},
	{"a full Ethernet frame: TCP, DF",           usual, BERLIN, IN,  TCP,  1500, true,  0, 1476},
	{"a full Ethernet frame: TCP",               usual, BERLIN, IN,  TCP,  1500, false, 2, 1476},
	{"a full Ethernet frame: UDP",               usual, BERLIN, IN,  UDP,  1500, false, 2, 1476},
	{"a full Ethernet frame: echo reply",        usual, BERLIN, IN,  ICMP, 1500, false, 2, 1476},
	{"without a UDP checksum",                   usual, BERLIN, IN,  UDP,  1500, false, 2, 1476, true},
	{"just fits the smallest tunnel",            usual, MADRID, IN,  UDP,  576,  true,  1, 576},
	{"just too big for the smallest tunnel",     usual, MADRID, IN,  UDP,  577,  false, 2, 576},
	{"too big for the smallest tunnel, DF",      usual, MADRID, IN,  TCP,  577,  true,  0, 576},
	{"two full fragments",                          usual, MADRID, IN,  UDP,  20 + 2 * 552, false, 2, 576},
	{"two full fragments and a byte",               usual, MADRID, IN,  UDP,  20 + 2 * 552 + 1, false, 3, 576},
	{"three fragments",                             usual, MADRID, IN,  TCP,  1500, false, 3, 576},
	{"a small packet passes as it is",           usual, MADRID, IN,  UDP,  60,   false, 1, 576},

	{"from a tunnel, just fits the uplink",      usual, LISBON, OUT, UDP,  1500, true,  1, 1500},
	{"from a tunnel, too big, DF",               usual, LISBON, OUT, UDP,  1501, true,  0, 1500},
	{"from a tunnel, too big",                   usual, LISBON, OUT, UDP,  1501, false, 2, 1500},
	{"from a tunnel, much too big: UDP",         usual, LISBON, OUT, UDP,  8000, false, 6, 1500},
	{"from a tunnel, much too big: TCP",         usual, LISBON, OUT, TCP,  8000, false, 6, 1500},
	{"from a tunnel, much too big: a ping",      usual, LISBON, OUT, ICMP, 8000, false, 6, 1500},
	{"from a tunnel, much too big: TCP, DF",     usual, LISBON, OUT, TCP,  8000, true,  0, 1500},
	{"by its tunnel's MTU it should not come, but it fits the uplink",
						     usual, BERLIN, OUT, UDP,  1500, false, 1, 1500},

	{"9,000 bytes to the Internet",              large, LISBON, OUT, UDP,  8900, true,  1, 9000},
	{"9,000 bytes to the Internet: TCP",         large, LISBON, OUT, TCP,  8972, true,  1, 9000},
	{"8,000 bytes home",                         large, LISBON, IN,  UDP,  8000, true,  1, 8000},
	{"8,000 bytes home: TCP",                    large, LISBON, IN,  TCP,  8000, true,  1, 8000},
	{"8,001 bytes home, DF",                     large, LISBON, IN,  TCP,  8001, true,  0, 8000},
	{"8,001 bytes home",                         large, LISBON, IN,  TCP,  8001, false, 2, 8000},
	{"9,000 bytes into a tunnel of 1,476",       large, BERLIN, IN,  UDP,  9000, false, 7, 1476},
	{"9,000 bytes into a tunnel of 1,476, DF",   large, BERLIN, IN,  UDP,  9000, true,  0, 1476},
	{"9,000 bytes into a tunnel of 576",         large, MADRID, IN,  UDP,  9000, false, 17, 576},

	{"just fits a narrow underlay",              narrow, BERLIN, IN, UDP,  1426, true,  1, 1426},
	{"a byte too many for a narrow underlay, DF",narrow, BERLIN, IN, UDP,  1427, true,  0, 1426},
	{"a byte too many for a narrow underlay",    narrow, BERLIN, IN, UDP,  1427, false, 2, 1426},
	{"a full Ethernet frame: TCP, DF",           narrow, BERLIN, IN, TCP,  1500, true,  0, 1426},
	{"a full Ethernet frame: TCP",               narrow, BERLIN, IN, TCP,  1500, false, 2, 1426},
	{"a narrow uplink, DF",                      narrow, BERLIN, OUT, TCP, 1426, true,  0, 1400},
	{"a narrow uplink",                          narrow, BERLIN, OUT, UDP, 1426, false, 2, 1400},
	{"a large ping over a narrow underlay",      narrow, BERLIN, SELF, ICMP, 1440, false, 2, 1426},

	{"a large ping to the gateway is answered in fragments",
						     usual, MADRID, SELF, ICMP, 1400, false, 3, 576},
	{"a large ping with DF to the gateway",      usual, BERLIN, SELF, ICMP, 1476, true, 1, 1476},
};
/* clang-format on */

static size_t header_of(uint8_t proto)
{
	return proto == TCP ? 40 : 28;
}

static struct frame site_frame(const struct row *row)
{
	return (struct frame){
		.outer_src = IP(198, 51, 100, 0) | row->site,
		.outer_dst = GATEWAY,
		.src = HOST,
		.dst = row->dir == SELF ? INSIDE : SERVER,
		.sport = 5000,
		.dport = row->proto == ICMP ? 0 : 53,
		.proto = row->proto,
		.tcp_flags = ACK,
		.icmp_type = ECHO,
		.token = 77,
		.udp_no_checksum = row->no_udp_checksum,
	};
}

/* Opens the flow with a small packet. Returns the packet that its answer would be. */
static struct frame open_flow(struct bed *bed, const struct row *row)
{
	struct frame f = site_frame(row), mapped;
	uint8_t frame[BED_FRAME_MAX];
	const char *why;
	size_t len;

	f.tcp_flags = SYN;
	bed_send(bed, UNDERLAY, frame, frame_build(&f, frame));
	bed_run(bed);
	len = bed_take(bed, UPLINK, frame);
	assert_true(len > 0 && frame_parse(frame, len, &mapped, &why));
	return (struct frame){
		.src = SERVER,
		.dst = EGRESS,
		.sport = row->proto == ICMP ? mapped.sport : mapped.dport,
		.dport = row->proto == ICMP ? 0 : mapped.sport,
		.proto = row->proto,
		.tcp_flags = ACK,
		.icmp_type = REPLY,
		.token = 78,
		.udp_no_checksum = row->no_udp_checksum,
	};
}

static void check_answer(struct bed *bed, const struct row *row)
{
	uint8_t frame[BED_FRAME_MAX];
	size_t len = bed_take(bed, row->dir == IN ? UPLINK : UNDERLAY, frame);
	struct frame answer;
	const char *why;

	if (len == 0)
		fail_msg("%s: no answer came", row->why);
	if (!frame_parse(frame, len, &answer, &why))
		fail_msg("%s: the answer has a wrong %s", row->why, why);
	assert_int_equal(answer.icmp_type, 3);
	assert_int_equal(answer.icmp_code, 4);
	assert_int_equal(answer.dport, row->mtu);
	assert_int_equal(answer.dst, row->dir == IN ? SERVER : HOST);
	assert_true(len <= 14 + 24 + 576);
}

static struct fragments fragments;

static void check_fragments(struct bed *bed, const struct row *row, const struct frame *in)
{
	struct frame out;
	const char *why;

	if (!fragments_take(bed, row->dir == OUT ? UPLINK : UNDERLAY, &fragments, &out, &why))
		fail_msg("%s: %s", row->why, why);
	if (fragments.n != row->fragments || fragments.largest > row->mtu)
		fail_msg("%s: %u fragments, the largest of %zu bytes", row->why, fragments.n,
			 fragments.largest);
	assert_int_equal(fragments.len, 14 + row->size);
	assert_int_equal(out.token, in->token);
	assert_int_equal(out.payload, in->payload);
	assert_int_equal(out.ttl, row->dir == SELF ? 64 : 63);
	assert_int_equal(out.src, row->dir == OUT ? EGRESS : row->dir == IN ? SERVER : INSIDE);
	assert_int_equal(out.dst, row->dir == OUT ? SERVER : HOST);
	assert_int_equal(fragments.first.outer_dst,
			 row->dir == OUT ? 0 : IP(198, 51, 100, 0) | row->site);
}

static void check_row(const struct row *row)
{
	struct bed *bed = bed_create(row->yaml, 1);
	uint8_t frame[BED_FRAME_MAX];
	struct worker_counters before, after;
	struct frame f = site_frame(row);

	if (row->dir != SELF) {
		struct frame back = open_flow(bed, row);

		f = row->dir == IN ? back : f;
	}
	f.payload = (uint16_t)(row->size - header_of(row->proto));
	f.df = row->df;
	before = bed_counters(bed);
	bed_send(bed, row->dir == IN ? UPLINK : UNDERLAY, frame, frame_build(&f, frame));
	bed_run(bed);
	if (row->fragments == 0)
		check_answer(bed, row);
	else
		check_fragments(bed, row, &f);
	after = bed_counters(bed);
	assert_int_equal(after.fragments_made - before.fragments_made,
			 row->fragments == 0 ? 0 : row->fragments - 1);
	assert_int_equal(after.answers[ANSWER_TOO_BIG], row->fragments == 0);
	bed_check(bed);
	bed_destroy(bed);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

/* All sizes around each limit: nothing is lost, and no fragment is too large. */
static void every_size(void **state)
{
	struct row row = {"every size", large, MADRID, IN, UDP};
	struct bed *bed = bed_create(row.yaml, 1);
	struct frame back = open_flow(bed, &row);
	uint8_t frame[BED_FRAME_MAX];

	row.mtu = 576;
	for (row.size = 540; row.size < 2400; row.size++) {
		back.payload = (uint16_t)(row.size - 28);
		row.fragments = row.size <= 576 ? 1 : (row.size - 20u + 551) / 552;
		bed_send(bed, UPLINK, frame, frame_build(&back, frame));
		bed_run(bed);
		check_fragments(bed, &row, &back);
	}
	bed_check(bed);
	bed_destroy(bed);
}

/* Fragments of different packets to the Internet never share an identification. */
static void identifications_differ(void **state)
{
	const struct row row = {"identifications", usual, LISBON, OUT, UDP, 3000, false, 3, 1500};
	struct bed *bed = bed_create(row.yaml, 1);
	struct frame f = site_frame(&row);
	static bool seen[65536];
	uint8_t frame[BED_FRAME_MAX];

	open_flow(bed, &row);
	f.payload = 3000 - 28;
	for (unsigned i = 0; i < 1000; i++) {
		bed_send(bed, UNDERLAY, frame, frame_build(&f, frame));
		bed_run(bed);
		check_fragments(bed, &row, &f);
		assert_false(seen[fragments.id]);
		seen[fragments.id] = true;
	}
	bed_check(bed);
	bed_destroy(bed);
}

/* The MTU of the underlay becomes smaller and larger again while a flow is open. */
static void an_underlay_gets_narrow(void **state)
{
	static const struct {
		uint16_t port, mtu, size;
		bool df;
		unsigned fragments;
	} steps[] = {{9000, 1476, 1476, true, 1}, {1450, 1426, 1426, true, 1},
		     {1450, 1426, 1427, true, 0}, {1300, 1276, 1276, true, 1},
		     {1300, 1276, 1277, true, 0}, {1300, 1276, 1476, false, 2},
		     {600, 576, 1300, false, 3},  {68, 44, 500, false, 20},
		     {68, 44, 45, true, 0},	  {1300, 1276, 1276, true, 1},
		     {9000, 1476, 1476, true, 1}, {9000, 1476, 1477, true, 0}};
	struct row row = {"a narrow underlay", usual, BERLIN, IN, UDP};
	struct bed *bed = bed_create(row.yaml, 1);
	struct frame back = open_flow(bed, &row);
	uint8_t frame[BED_FRAME_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		bed_set_mtu(bed, UNDERLAY, steps[i].port);
		row.mtu = steps[i].mtu;
		row.size = steps[i].size;
		row.fragments = steps[i].fragments;
		back.payload = (uint16_t)(row.size - 28);
		back.df = steps[i].df;
		bed_send(bed, UPLINK, frame, frame_build(&back, frame));
		bed_run(bed);
		if (row.fragments == 0)
			check_answer(bed, &row);
		else
			check_fragments(bed, &row, &back);
	}
	bed_check(bed);
	bed_destroy(bed);
}

/* The MSS of a SYN fits the tunnel, in both directions. */
static void mss_is_clamped(void **state)
{
	static const struct {
		enum branch site;
		uint16_t sent, arrives;
	} sizes[] = {{BERLIN, 1460, 1436}, {BERLIN, 1436, 1436}, {BERLIN, 536, 536},
		     {MADRID, 1460, 536},  {LISBON, 8960, 7960}, {LISBON, 1460, 1460}};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct row row = {"mss", large, sizes[i].site, OUT, TCP};
		struct bed *bed = bed_create(row.yaml, 1);
		struct frame f = site_frame(&row), out, back;
		uint8_t frame[BED_FRAME_MAX];
		const char *why;

		f.tcp_flags = SYN;
		f.mss = sizes[i].sent;
		bed_send(bed, UNDERLAY, frame, frame_build(&f, frame));
		bed_run(bed);
		assert_true(frame_parse(frame, bed_take(bed, UPLINK, frame), &out, &why));
		assert_int_equal(out.mss, sizes[i].arrives);
		back = (struct frame){.src = SERVER,
				      .dst = EGRESS,
				      .sport = 53,
				      .dport = out.sport,
				      .proto = TCP,
				      .tcp_flags = SYN | ACK,
				      .mss = sizes[i].sent};
		bed_send(bed, UPLINK, frame, frame_build(&back, frame));
		bed_run(bed);
		assert_true(frame_parse(frame, bed_take(bed, UNDERLAY, frame), &out, &why));
		assert_int_equal(out.mss, sizes[i].arrives);
		bed_check(bed);
		bed_destroy(bed);
	}
}

/* A router on the path to berlin has a smaller MTU: the tunnel uses it until it is larger again. */
static void a_path_gets_narrow(void **state)
{
	static const struct {
		uint16_t path, size;
		bool df;
		unsigned fragments;
	} steps[] = {{1476, 1476, true, 1},  {1300, 1300, true, 1}, {1300, 1301, true, 0},
		     {1300, 1476, false, 2}, {576, 1300, false, 3}, {576, 577, true, 0},
		     {1476, 1476, true, 1},  {1476, 1477, true, 0}};
	struct row row = {"a narrow path", usual, BERLIN, IN, UDP};
	struct bed *bed = bed_create(row.yaml, 1);
	struct frame back = open_flow(bed, &row);
	uint8_t frame[BED_FRAME_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		bed_narrow(bed, 1, steps[i].path);
		row.mtu = steps[i].path;
		row.size = steps[i].size;
		row.fragments = steps[i].fragments;
		back.payload = (uint16_t)(row.size - 28);
		back.df = steps[i].df;
		bed_send(bed, UPLINK, frame, frame_build(&back, frame));
		bed_run(bed);
		if (row.fragments == 0)
			check_answer(bed, &row);
		else
			check_fragments(bed, &row, &back);
	}
	bed_check(bed);
	bed_destroy(bed);
}

/* The smaller MTU of both ports limits the MSS of a SYN. */
static void mss_fits_narrow_ports(void **state)
{
	static const struct {
		uint16_t underlay, uplink, arrives;
	} steps[] = {
		{9000, 1500, 1436}, {1400, 1500, 1336}, {1400, 1300, 1260}, {9000, 1300, 1260}};
	const struct row row = {"mss", usual, BERLIN, OUT, TCP};
	struct bed *bed = bed_create(row.yaml, 1);
	struct frame f = site_frame(&row), out;
	uint8_t frame[BED_FRAME_MAX];
	const char *why;

	f.tcp_flags = SYN;
	f.mss = 1460;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		bed_set_mtu(bed, UNDERLAY, steps[i].underlay);
		bed_set_mtu(bed, UPLINK, steps[i].uplink);
		bed_send(bed, UNDERLAY, frame, frame_build(&f, frame));
		bed_run(bed);
		assert_true(frame_parse(frame, bed_take(bed, UPLINK, frame), &out, &why));
		assert_int_equal(out.mss, steps[i].arrives);
	}
	bed_check(bed);
	bed_destroy(bed);
}

/* The MSS of a SYN follows it, too. */
static void mss_fits_a_narrow_path(void **state)
{
	const struct row row = {"mss", usual, BERLIN, OUT, TCP};
	struct bed *bed = bed_create(row.yaml, 1);
	struct frame f = site_frame(&row), out;
	uint8_t frame[BED_FRAME_MAX];
	const char *why;

	bed_narrow(bed, 1, 1300);
	f.tcp_flags = SYN;
	f.mss = 1460;
	bed_send(bed, UNDERLAY, frame, frame_build(&f, frame));
	bed_run(bed);
	assert_true(frame_parse(frame, bed_take(bed, UPLINK, frame), &out, &why));
	assert_int_equal(out.mss, 1260);
	bed_check(bed);
	bed_destroy(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(every_size),
		cmocka_unit_test(identifications_differ),
		cmocka_unit_test(an_underlay_gets_narrow),
		cmocka_unit_test(mss_is_clamped),
		cmocka_unit_test(mss_fits_narrow_ports),
		cmocka_unit_test(a_path_gets_narrow),
		cmocka_unit_test(mss_fits_a_narrow_path),
	};

	return cmocka_run_group_tests_name("mtu", tests, NULL, NULL);
}
