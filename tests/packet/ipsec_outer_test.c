/*
 * The outer headers of IPsec tunnels, over both families and in both forms: fragments, DSCP, ECN,
 * DF, and the sizes that follow from them.
 *
 *   berlin 10.0.1.0/24 === ESP === 198.51.100.10 ----+--- 198.51.100.1  [ bed ] --- server
 *   oslo   10.0.1.0/24 === ESP === 2001:db8:f::10 ---+--- 2001:db8:f::1
 */
#include "fragments.h"
#include "ipsec_bed.h"

#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { UNDERLAY, UPLINK, TCP = 6, UDP = 17, BERLIN = 1, OSLO, ETHERNET = 14, SYN = 2 };
enum { FORMS = 4 }; /* both families, protocol 50 and UDP */

#define SERVER IP(192, 0, 2, 80)

static const char yaml[] =
	"workers: 1\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    tunnels:\n"
	"      - {name: b1, type: ipsec, local: 198.51.100.1, remote: 198.51.100.10,\n"
	"         port: underlay, ipsec: {psk: /none}}\n"
	"  - name: oslo\n"
	"    tunnels:\n"
	"      - {name: o1, type: ipsec, local: '2001:db8:f::1', remote: '2001:db8:f::10',\n"
	"         port: underlay, ipsec: {psk: /none}}\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1-4]}]}\n"
	"flows: {capacity: 4096}\n";

static struct bed *bed;
static struct far far;

static void begin(struct far_options options)
{
	options.suite = (struct far_suite){ESP_AES_GCM_16, ESP_AEAD, 36, 0};
	options.tunnel = options.six ? OSLO : BERLIN;
	bed = bed_create(yaml, 7);
	far_make(&far, bed, &options);
}

static void end(void)
{
	bed_check(bed);
	far_end(&far);
	bed_destroy(bed);
}

static struct far_options form(unsigned i)
{
	return (struct far_options){.six = i & 1, .udp = i & 2};
}

static struct frame from_host(void)
{
	return (struct frame){
		.src = IP(10, 0, 1, 10),
		.dst = SERVER,
		.proto = UDP,
		.sport = 5000,
		.dport = 53,
		.ttl = 64,
		.payload = 20,
		.df = true,
	};
}

static struct frame reply_to(const struct frame *asked)
{
	return (struct frame){
		.src = asked->dst,
		.dst = asked->src,
		.proto = asked->proto,
		.sport = asked->dport,
		.dport = asked->sport,
		.ttl = 64,
		.payload = 20,
		.df = true,
	};
}

static void send_sealed(const struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];

	bed_send(bed, UNDERLAY, bytes, far_seal(&far, f, bytes));
	bed_run(bed);
}

static void take(unsigned port, struct frame *f, const char *why)
{
	uint8_t bytes[BED_FRAME_MAX];
	const char *wrong = "nothing came";
	size_t len = bed_take(bed, port, bytes);

	if (len == 0 || !frame_parse(bytes, len, f, &wrong))
		fail_msg("%s: %s", why, wrong);
}

/* --- fragments -------------------------------------------------------------------------------- */

static size_t make_part(const uint8_t *ip, size_t len, bool six, unsigned i, uint8_t *out)
{
	size_t header = six ? IPV6_LEN : IPV4_LEN, half = (len - header) / 2 & ~(size_t)7;
	struct fragment cut = {i == 0 ? 0 : half, i == 0 ? half : len - header};

	return six ? fragment6_make(ip, len, &cut, 77, out)
		   : fragment4_make(ip, len, &cut, 77, out);
}

/* The outer packet was fragmented on the way: it is joined, in any order, and then opened. */
static void test_fragments(void **state)
{
	for (unsigned i = 0; i < FORMS * 2; i++) {
		uint8_t bytes[BED_FRAME_MAX], part[BED_FRAME_MAX];
		struct frame f = from_host(), out;
		unsigned first = i / FORMS;
		bool six = i & 1;
		size_t len;

		begin(form(i));
		f.payload = 900;
		len = far_seal(&far, &f, bytes) - ETHERNET;
		memcpy(part, bytes, ETHERNET);
		if (!six) {
			wire_put_be16(bytes + ETHERNET + IPV4_FRAGMENT, 0);
			frame_mend(bytes + ETHERNET);
		}
		for (unsigned k = 0; k < 2; k++) {
			size_t n =
				make_part(bytes + ETHERNET, len, six, k ^ first, part + ETHERNET);

			bed_send(bed, UNDERLAY, part, ETHERNET + n);
			bed_run(bed);
		}
		take(UPLINK, &out, "joined");
		assert_int_equal(out.payload, 900);
		end();
	}
}

/* Behind NAT a far end has any address: its SPI says that its first fragment is ours. */
static void test_fragments_from_anywhere(void **state)
{
	for (unsigned i = 0; i < FORMS; i++) {
		uint8_t bytes[BED_FRAME_MAX], part[BED_FRAME_MAX];
		struct frame f = from_host(), out;
		bool six = i & 1;
		size_t len;

		begin(form(i));
		f.payload = 900;
		len = far_seal(&far, &f, bytes) - ETHERNET;
		memcpy(part, bytes, ETHERNET);
		bytes[ETHERNET + (six ? IPV6_SRC + 15 : IPV4_SRC + 3)] ^= 0x40;
		if (!six) {
			wire_put_be16(bytes + ETHERNET + IPV4_FRAGMENT, 0);
			frame_mend(bytes + ETHERNET);
		}
		for (unsigned k = 0; k < 2; k++) {
			size_t n = make_part(bytes + ETHERNET, len, six, k, part + ETHERNET);

			bed_send(bed, UNDERLAY, part, ETHERNET + n);
			bed_run(bed);
		}
		take(UPLINK, &out, "joined");
		assert_int_equal(out.payload, 900);
		end();
	}
}

/* Fragments of other UDP from a far end are joined, too, and then not ours; a stranger's are not. */
static void test_fragments_of_other_udp(void **state)
{
	for (unsigned stranger = 0; stranger < 2; stranger++) {
		struct frame f = from_host();
		uint8_t bytes[BED_FRAME_MAX], part[BED_FRAME_MAX];
		size_t len;

		begin(form(0));
		f.src = stranger ? IP(203, 0, 113, 66) : FAR_REMOTE;
		f.dst = FAR_LOCAL;
		f.df = false;
		f.payload = 900;
		len = frame_build(&f, bytes) - ETHERNET;
		memcpy(part, bytes, ETHERNET);
		for (unsigned k = 0; k < 2; k++) {
			size_t n = make_part(bytes + ETHERNET, len, false, k, part + ETHERNET);

			bed_send(bed, UNDERLAY, part, ETHERNET + n);
			bed_run(bed);
		}
		if (stranger)
			bed_expect_drops(bed, "a stranger", DROP_ESP_UNKNOWN_SPI, 2);
		else
			bed_expect_drops(bed, "of nobody", DROP_NOT_OURS, 1);
		end();
	}
}

/* --- DSCP, ECN, DF ---------------------------------------------------------------------------- */

/* clang-format off */
static const struct {
	const char *why;
	uint8_t inner;
	bool no_dscp;
	uint8_t outer;
} out_rows[] = {
	{"nothing",                        0x00, false, 0x00},
	{"expedited forwarding",           0xb8, false, 0xb8},
	{"the same, not told",             0xb8, true,  0x00},
	{"ECN capable",                    0x02, false, 0x02},
	{"congestion was experienced",     0x03, false, 0x03},
	{"both",                           0xb9, false, 0xb9},
	{"both, the class is not told",    0xb9, true,  0x01},
};

/* RFC 6040 section 4.2 */
static const struct {
	const char *why;
	uint8_t inner, outer, got;
	bool drop;
} in_rows[] = {
	{"no mark",                        0xb8, 0x00, 0xb8, false},
	{"another class outside",          0x00, 0xb8, 0x00, false},
	{"marked, and it can tell",        0x02, 0x03, 0x03, false},
	{"the same with ECT(1)",           0x01, 0x03, 0x03, false},
	{"marked, and it cannot tell",     0x00, 0x03, 0x00, true},
	{"ECT(1) outside, ECT(0) inside",  0x02, 0x01, 0x01, false},
};
/* clang-format on */

static uint8_t class_of(const uint8_t *ip)
{
	return ip[0] >> 4 == 6 ? (uint8_t)(wire_16(ip) >> 4) : ip[IPV4_TOS];
}

static void set_class(uint8_t *ip, uint8_t class)
{
	if (ip[0] >> 4 == 6) {
		wire_put_be16(ip, htons((uint16_t)(0x6000 | class << 4)));
	} else {
		ip[IPV4_TOS] = class;
		frame_mend(ip);
	}
}

static void test_class_out(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(out_rows) * FORMS; i++) {
		struct far_options options = form(i % FORMS);
		struct frame f = from_host(), out, back;
		uint8_t bytes[BED_FRAME_MAX];

		options.no_dscp = out_rows[i / FORMS].no_dscp;
		begin(options);
		send_sealed(&f);
		take(UPLINK, &out, "the question");
		back = reply_to(&out);
		back.tos = out_rows[i / FORMS].inner;
		bed_send(bed, UPLINK, bytes, frame_build(&back, bytes));
		bed_run(bed);
		assert_true(bed_take(bed, UNDERLAY, bytes) > 0);
		if (class_of(bytes + ETHERNET) != out_rows[i / FORMS].outer)
			fail_msg("%s, form %u: %#x", out_rows[i / FORMS].why, i % FORMS,
				 class_of(bytes + ETHERNET));
		end();
	}
}

static void test_class_in(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(in_rows) * FORMS; i++) {
		struct frame f = from_host(), out;
		uint8_t bytes[BED_FRAME_MAX];
		size_t len;

		begin(form(i % FORMS));
		f.tos = in_rows[i / FORMS].inner;
		len = far_seal(&far, &f, bytes);
		set_class(bytes + ETHERNET, in_rows[i / FORMS].outer);
		bed_send(bed, UNDERLAY, bytes, len);
		bed_run(bed);
		if (in_rows[i / FORMS].drop) {
			bed_expect_drops(bed, in_rows[i / FORMS].why, DROP_ECN, 1);
		} else {
			take(UPLINK, &out, in_rows[i / FORMS].why);
			if (out.tos != in_rows[i / FORMS].got)
				fail_msg("%s: %#x", in_rows[i / FORMS].why, out.tos);
		}
		end();
	}
}

/* DF is set outside, or each packet has an identification of its own. */
static void test_df(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		struct far_options options = {.udp = i & 1, .clear_df = i & 2};
		struct frame f = from_host(), out, back;
		uint8_t bytes[2][BED_FRAME_MAX];

		begin(options);
		send_sealed(&f);
		take(UPLINK, &out, "the question");
		back = reply_to(&out);
		for (unsigned k = 0; k < 2; k++) {
			uint8_t *ip = bytes[k] + ETHERNET;
			uint8_t sent[BED_FRAME_MAX];

			bed_send(bed, UPLINK, sent, frame_build(&back, sent));
			bed_run(bed);
			assert_true(bed_take(bed, UNDERLAY, bytes[k]) > 0);
			assert_int_equal(wire_16(ip + IPV4_FRAGMENT),
					 options.clear_df ? 0 : IPV4_DF);
		}
		if (options.clear_df)
			assert_int_not_equal(wire_be16(bytes[0] + ETHERNET + IPV4_ID),
					     wire_be16(bytes[1] + ETHERNET + IPV4_ID));
		end();
	}
}

/* --- sizes ------------------------------------------------------------------------------------ */

/* A SYN in either direction names no more than fits into the tunnel, whatever the suite. */
static void test_mss(void **state)
{
	for (unsigned i = 0; i < FORMS; i++) {
		struct frame f = from_host(), out, back, got;
		uint16_t fits = i & 1 ? 1406 - 40 : 1422 - 40;
		uint8_t bytes[BED_FRAME_MAX];

		begin(form(i));
		f.proto = TCP;
		f.tcp_flags = SYN;
		f.mss = 1460;
		f.payload = 0;
		f.seq = 1;
		send_sealed(&f);
		take(UPLINK, &out, "SYN");
		assert_int_equal(out.mss, fits);
		back = reply_to(&out);
		back.tcp_flags = SYN | 0x10;
		back.mss = 1460;
		back.payload = 0;
		bed_send(bed, UPLINK, bytes, frame_build(&back, bytes));
		bed_run(bed);
		assert_true(bed_take(bed, UNDERLAY, bytes) > 0);
		far_open(&far, bytes,
			 wire_16(bytes + ETHERNET + (i & 1 ? IPV6_LENGTH : IPV4_LENGTH)) +
				 ETHERNET + (i & 1 ? IPV6_LEN : 0u),
			 &got);
		assert_int_equal(got.mss, fits);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fragments_from_anywhere),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_fragments_of_other_udp),
		cmocka_unit_test(test_class_out),
		cmocka_unit_test(test_class_in),
		cmocka_unit_test(test_df),
		cmocka_unit_test(test_mss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
