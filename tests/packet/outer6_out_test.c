/*
 * Tunnels over IPv6: the outer headers of packets into a tunnel, and how large such packets may be.
 *
 *     berlin 10.0.1.0/24 --- GRE 2001:db8:f::10, no key --+
 *     madrid 10.0.1.0/24 --- GRE 2001:db8:f::20, key 7 ---+--- 2001:db8:f::1 [ gateway ] uplink
 *     lisbon (any source) -- GRE 2001:db8:f::20, key 8 ---+    198.51.100.1      203.0.113.1 and
 *     porto  10.0.1.0/24 --- GRE 198.51.100.30 -----------+                      2001:db8:1::1,
 *                                                                                slice 1
 */
#include "bed.h"
#include "fragments.h"
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY IP6(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 1)
#define BERLIN IP6(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x10)
#define SPAIN IP6(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x20)
#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define HOST6 IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0x10)
#define SERVER6 IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x80)

enum { UNDERLAY, UPLINK };
enum { SYN = 2, ACK = 16, TCP = 6, UDP = 17 };

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

static struct frame answer_to(const struct frame *mapped, uint16_t size)
{
	return (struct frame){
		.six = mapped->six,
		.src = mapped->dst,
		.dst = mapped->src,
		.src6 = mapped->dst6,
		.dst6 = mapped->src6,
		.sport = mapped->dport,
		.dport = mapped->sport,
		.proto = mapped->proto,
		.tcp_flags = mapped->proto == TCP ? SYN | ACK : 0,
		.payload = size,
	};
}

/* Two sites at one outer address, and one over IPv4: returns get the right outer headers. */
static void each_home_by_its_headers(void **state)
{
	const struct frame sites[] = {
		{FROM_SPAIN(7), UDP_TO_SERVER},
		{FROM_SPAIN(8), UDP_TO_SERVER},
		{.outer_src = IP(198, 51, 100, 30),
		 .outer_dst = IP(198, 51, 100, 1),
		 .src = HOST,
		 UDP_TO_SERVER},
		{FROM_BERLIN, UDP_TO_SERVER},
		{OUTER(BERLIN), UDP6_TO_SERVER},
	};
	struct frame mapped[ARRAY_SIZE(sites)], out;
	struct bed *bed = bed_create(yaml, 1);

	for (size_t i = 0; i < ARRAY_SIZE(sites); i++)
		pass(bed, &sites[i], UNDERLAY, UPLINK, &mapped[i]);
	for (size_t i = 0; i < ARRAY_SIZE(sites); i++) {
		struct frame back = answer_to(&mapped[i], 20 + (uint16_t)i);

		pass(bed, &back, UPLINK, UNDERLAY, &out);
		assert_int_equal(out.outer_six, sites[i].outer_six);
		assert_memory_equal(&out.outer_src6, &sites[i].outer_dst6, 16);
		assert_memory_equal(&out.outer_dst6, &sites[i].outer_src6, 16);
		assert_int_equal(out.outer_dst, sites[i].outer_src);
		assert_int_equal(out.has_key, sites[i].has_key);
		assert_int_equal(out.key, sites[i].key);
		assert_int_equal(out.dst, sites[i].src);
		assert_memory_equal(&out.dst6, &sites[i].src6, 16);
		assert_int_equal(out.payload, 20 + i);
	}
	bed_check(bed);
	bed_destroy(bed);
}

enum { FLOWS = 400, LABELS = 1 << 20 };

/* RFC 6438: all packets of a flow have one flow label; other flows have others. */
static void label_of_a_flow(bool six)
{
	struct bed *bed = bed_create(yaml, 1);
	static bool seen[LABELS];
	unsigned different = 0;

	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < FLOWS; i++) {
		struct frame first = {OUTER(BERLIN), UDP6_TO_SERVER}, mapped, out;
		uint32_t label = 0;

		first.six = six;
		first.src = HOST;
		first.dst = SERVER;
		first.sport = (uint16_t)(5000 + i);
		pass(bed, &first, UNDERLAY, UPLINK, &mapped);
		for (uint16_t k = 0; k < 3; k++) {
			struct frame back = answer_to(&mapped, 20 + k);

			pass(bed, &back, UPLINK, UNDERLAY, &out);
			assert_in_range(out.outer_label, 1, LABELS - 1);
			if (k > 0)
				assert_int_equal(out.outer_label, label);
			label = out.outer_label;
		}
		different += !seen[label];
		seen[label] = true;
	}
	assert_true(different > FLOWS - 4);
	bed_check(bed);
	bed_destroy(bed);
}

static void labels(void **state)
{
	label_of_a_flow(false);
	label_of_a_flow(true);
}

/* ICMP errors of the gateway have the flow label of the flow that they are about. */
static void label_of_answers(bool six)
{
	struct bed *bed = bed_create(yaml, 1);
	uint32_t labels[8];

	for (unsigned i = 0; i < 2 * ARRAY_SIZE(labels); i++) {
		unsigned flow = i % ARRAY_SIZE(labels);
		struct frame in = {OUTER(BERLIN), UDP6_TO_SERVER}, out;

		in.six = six;
		in.src = HOST;
		in.dst = SERVER;
		in.sport = (uint16_t)(5000 + flow);
		in.ttl = 1;
		pass(bed, &in, UNDERLAY, UNDERLAY, &out);
		assert_int_equal(out.icmp_type, six ? 3 : 11);
		if (i >= ARRAY_SIZE(labels))
			assert_int_equal(out.outer_label, labels[flow]);
		labels[flow] = out.outer_label;
		for (unsigned k = 0; k < flow; k++)
			assert_int_not_equal(labels[k], labels[flow]);
	}
	bed_check(bed);
	bed_destroy(bed);
}

static void labels_of_answers(void **state)
{
	label_of_answers(false);
	label_of_answers(true);
}

/*
 * A packet that is fragmented before encapsulation: each fragment has outer headers and the flow's
 * label.
 */
static void fragments_have_the_label(void **state)
{
	struct frame first = {FROM_BERLIN, UDP_TO_SERVER}, mapped, back, out, reassembled;
	struct bed *bed = bed_create(yaml, 1);
	uint8_t raw[BED_FRAME_MAX];
	struct fragments fragments;
	const char *why;

	pass(bed, &first, UNDERLAY, UPLINK, &mapped);
	back = answer_to(&mapped, 20);
	pass(bed, &back, UPLINK, UNDERLAY, &out);
	back.payload = 1456 - 28 + 1;
	bed_send(bed, UPLINK, raw, frame_build(&back, raw));
	bed_run(bed);
	if (!fragments_take(bed, UNDERLAY, &fragments, &reassembled, &why))
		fail_msg("fragments with a wrong %s", why);
	assert_int_equal(fragments.n, 2);
	assert_true(fragments.largest <= 1456);
	assert_int_equal(fragments.first.outer_label, out.outer_label);
	assert_int_equal(reassembled.payload, 1456 - 28 + 1);
	bed_check(bed);
	bed_destroy(bed);
}

struct size_row {
	const char *why;
	struct frame first;
	uint16_t mtu; /* of the tunnel */
};

static const struct size_row sizes[] = {
	{"no key: 1500 less 44", {FROM_BERLIN, TCP_TO_SERVER}, 1456},
	{"a key: 4 less", {FROM_SPAIN(7), TCP_TO_SERVER}, 1452},
	{"as configured", {FROM_SPAIN(8), TCP_TO_SERVER}, 1000},
};

/*
 * A packet that just fits is encapsulated, one byte more is answered with the size, and the MSS of
 * SYNs is clamped.
 */
static void sizes_follow_the_tunnel(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const uint16_t mtu = sizes[i].mtu, headers = 40;
		struct frame first = sizes[i].first, mapped, back, out;
		struct bed *bed = bed_create(yaml, 1);

		first.mss = 1460;
		pass(bed, &first, UNDERLAY, UPLINK, &mapped);
		assert_int_equal(mapped.mss, mtu - headers);
		back = answer_to(&mapped, 8);
		back.mss = 1460;
		pass(bed, &back, UPLINK, UNDERLAY, &out);
		assert_int_equal(out.mss, mtu - headers);

		back = answer_to(&mapped, mtu - headers);
		back.tcp_flags = ACK;
		back.df = true;
		pass(bed, &back, UPLINK, UNDERLAY, &out);
		assert_int_equal(out.payload, mtu - headers);
		back.payload++;
		pass(bed, &back, UPLINK, UPLINK, &out);
		assert_int_equal(out.icmp_type, 3);
		assert_int_equal(out.icmp_code, 4);
		assert_int_equal(out.dport, mtu);
		bed_check(bed);
		bed_destroy(bed);
	}
}

/* Inner IPv6 that does not fit is always answered with "packet too big". */
static void sizes_of_ipv6(void **state)
{
	struct frame first = {OUTER(BERLIN), UDP6_TO_SERVER}, mapped, back, out;
	struct bed *bed = bed_create(yaml, 1);

	pass(bed, &first, UNDERLAY, UPLINK, &mapped);
	back = answer_to(&mapped, 1456 - 48);
	pass(bed, &back, UPLINK, UNDERLAY, &out);
	back.payload++;
	pass(bed, &back, UPLINK, UPLINK, &out);
	assert_int_equal(out.icmp_type, 2);
	assert_int_equal(out.dport, 1456);
	bed_check(bed);
	bed_destroy(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_home_by_its_headers),
		cmocka_unit_test(labels),
		cmocka_unit_test(labels_of_answers),
		cmocka_unit_test(fragments_have_the_label),
		cmocka_unit_test(sizes_follow_the_tunnel),
		cmocka_unit_test(sizes_of_ipv6),
	};

	return cmocka_run_group_tests_name("outer6_out", tests, NULL, NULL);
}
