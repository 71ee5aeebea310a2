/*
 * GRE keepalives: those of the far end are sent back byte by byte, and no other packet is; answers
 * to ours are counted.
 *
 *     berlin  198.51.100.10 no key, 198.51.100.11 key 7, 2001:db8::10 ---+--- 198.51.100.1,
 *     madrid  198.51.100.20 --------------------------------------------+     2001:db8::1 [ gateway ]
 */
#include "bed.h"
#include "frame.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GATEWAY IP(198, 51, 100, 1)
#define BERLIN IP(198, 51, 100, 10)
#define BERLIN_KEY IP(198, 51, 100, 11)
#define MADRID IP(198, 51, 100, 20)
#define HOST IP(10, 0, 1, 10)
#define GATEWAY6 IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)
#define BERLIN6 IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10)
#define OTHER6 IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x20)

enum { UNDERLAY, UPLINK };
enum { T_BERLIN = 1, T_KEY, T_SIX, T_MADRID };
enum { GRE = 47, UDP = 17, IPV4 = 0x0800, IPV6 = 0x86dd, ETHER = 14, AT_ONCE = 10, LARGEST = 256 };

static const char yaml[] =
	"flows: {capacity: 1024%s}\n"
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    tunnels:\n"
	"      - {name: b, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}\n"
	"      - {name: k, local: 198.51.100.1, remote: 198.51.100.11, key: 7, port: underlay}\n"
	"      - {name: s, local: '2001:db8::1', remote: '2001:db8::10', port: underlay}\n"
	"  - name: madrid\n"
	"    tunnels: [{name: m, local: 198.51.100.1, remote: 198.51.100.20, port: underlay}]\n"
	"egress:\n"
	"  - {name: e, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]}]}\n";

static struct bed *bed;

static void start(const char *flows)
{
	char text[2048];

	snprintf(text, sizeof(text), yaml, flows);
	bed = bed_create(text, 1);
	worker_hold_clock(bed_worker(bed, 0), 0);
}

static void stop(void)
{
	bed_check(bed);
	bed_destroy(bed);
}

/* The inner packet. */
struct inner {
	bool six;
	uint32_t src, dst;
	struct ip6 src6, dst6;
	uint8_t proto; /* 0: GRE */
	uint8_t ttl; /* 0: 255 */
	bool has_key, bad_version, fragment;
	uint16_t type; /* in the GRE header */
	uint16_t payload; /* bytes behind the GRE header */
};

#define BY_BERLIN                                                                                  \
	{                                                                                          \
		.outer_src = BERLIN, .outer_dst = GATEWAY                                          \
	}
#define BY_KEY                                                                                     \
	{                                                                                          \
		.outer_src = BERLIN_KEY, .outer_dst = GATEWAY, .has_key = true, .key = 7           \
	}
#define BY_BERLIN6                                                                                 \
	{                                                                                          \
		.outer_six = true, .outer_src6 = BERLIN6, .outer_dst6 = GATEWAY6                   \
	}
#define BACK .src = GATEWAY, .dst = BERLIN
#define BACK_KEY .src = GATEWAY, .dst = BERLIN_KEY
#define BACK6 .six = true, .src6 = GATEWAY6, .dst6 = BERLIN6

/* clang-format off */
static const struct row {
	const char *why;
	uint16_t tunnel;
	struct frame outer;
	struct inner inner;
	bool answered;
	const char *flows;
} rows[] = {
	{"Cisco's", T_BERLIN, BY_BERLIN, {BACK}, true},
	{"with few hops left", T_BERLIN, BY_BERLIN, {BACK, .ttl = 1}, true},
	{"with something behind", T_BERLIN, BY_BERLIN, {BACK, .payload = 24}, true},
	{"with a protocol type, and nothing behind", T_BERLIN, BY_BERLIN, {BACK, .type = IPV4}, true},
	{"with a key", T_KEY, BY_KEY, {BACK_KEY, .has_key = true}, true},
	{"with a key outside only", T_KEY, BY_KEY, {BACK_KEY}, true},
	{"over IPv6", T_SIX, BY_BERLIN6, {BACK6}, true, ", capacity-ipv6: 1024"},
	{"over IPv6, where no IPv6 is forwarded", T_SIX, BY_BERLIN6, {BACK6}, true, ", capacity-ipv6: 0"},
	{"over IPv6, with a key", T_SIX, BY_BERLIN6, {BACK6, .has_key = true}, true, ", capacity-ipv6: 1024"},

	{"an IPv4 packet for the far end's network", T_BERLIN, BY_BERLIN, {BACK, .type = IPV4, .payload = 40}, false},
	{"an IPv6 one", T_BERLIN, BY_BERLIN, {BACK, .type = IPV6, .payload = 40}, false},
	{"an Ethernet frame", T_BERLIN, BY_BERLIN, {BACK, .type = 0x6558, .payload = 40}, false},
	{"something unknown", T_BERLIN, BY_BERLIN, {BACK, .type = 0x1234}, false},
	{"a large one", T_BERLIN, BY_BERLIN, {BACK, .payload = LARGEST}, false},
	{"of a later version", T_BERLIN, BY_BERLIN, {BACK, .bad_version = true}, false},
	{"to somebody else", T_BERLIN, BY_BERLIN, {.src = GATEWAY, .dst = MADRID}, false},
	{"to our other end", T_BERLIN, BY_BERLIN, {.src = GATEWAY, .dst = BERLIN_KEY}, false},
	{"from somebody else", T_BERLIN, BY_BERLIN, {.src = HOST, .dst = BERLIN}, false},
	{"the wrong way round", T_BERLIN, BY_BERLIN, {.src = BERLIN, .dst = GATEWAY}, false},
	{"not GRE", T_BERLIN, BY_BERLIN, {BACK, .proto = 50}, false},
	{"IPv6 to somebody else", T_SIX, BY_BERLIN6, {.six = true, .src6 = GATEWAY6, .dst6 = OTHER6}, false,
	 ", capacity-ipv6: 1024"},
	{"an IPv6 packet for the far end's network", T_SIX, BY_BERLIN6, {BACK6, .type = IPV6, .payload = 40}, false,
	 ", capacity-ipv6: 1024"},
	{"the same where no IPv6 is forwarded", T_SIX, BY_BERLIN6, {BACK6, .type = IPV6, .payload = 40}, false,
	 ", capacity-ipv6: 0"},
};
/* clang-format on */

static size_t build_gre(const struct inner *i, uint8_t *gre)
{
	size_t len = 4;

	memset(gre, 0, 8);
	gre[0] = i->has_key ? 0x20 : 0;
	gre[1] = i->bad_version;
	gre[2] = (uint8_t)(i->type >> 8);
	gre[3] = (uint8_t)i->type;
	if (i->has_key) {
		gre[7] = 7;
		len += 4;
	}
	memset(gre + len, 0x11, i->payload);
	return len + i->payload;
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htonl(v);
	memcpy(p, &v, 4);
}

static size_t build_inner(const struct inner *i, uint8_t *ip)
{
	size_t len = build_gre(i, ip + (i->six ? 40 : 20));

	memset(ip, 0, i->six ? 40 : 20);
	if (i->six) {
		ip[0] = 0x60;
		ip[4] = (uint8_t)(len >> 8);
		ip[5] = (uint8_t)len;
		ip[6] = i->proto != 0 ? i->proto : GRE;
		ip[7] = i->ttl != 0 ? i->ttl : 255;
		memcpy(ip + 8, &i->src6, 16);
		memcpy(ip + 24, &i->dst6, 16);
		return 40 + len;
	}
	len += 20;
	ip[0] = 0x45;
	ip[2] = (uint8_t)(len >> 8);
	ip[3] = (uint8_t)len;
	ip[8] = i->ttl != 0 ? i->ttl : 255;
	ip[9] = i->proto != 0 ? i->proto : GRE;
	put32(ip + 12, i->src);
	put32(ip + 16, i->dst);
	frame_mend(ip);
	return len;
}

/* Checks whether the packet of the row came back unchanged. */
static bool play(const struct row *row)
{
	uint8_t inner[512], bytes[BED_FRAME_MAX];
	size_t inner_len = build_inner(&row->inner, inner), len;
	struct frame outer = row->outer;

	outer.six = row->inner.six;
	len = frame_wrap(&outer, inner, inner_len, bytes);
	bed_send(bed, UNDERLAY, bytes, len);
	bed_run(bed);
	assert_int_equal(bed_take(bed, UPLINK, bytes), 0);
	len = bed_take(bed, UNDERLAY, bytes);
	return len == ETHER + inner_len && memcmp(bytes + ETHER, inner, inner_len) == 0 &&
	       memcmp(bytes, "\x02\0\0\0\0\xaa", 6) == 0 &&
	       bytes[12] == (row->inner.six ? 0x86 : 0x08);
}

static uint64_t answered_by(uint16_t tunnel)
{
	struct tunnel_counters c;

	worker_read_tunnel(bed_worker(bed, 0), tunnel, &c);
	return c.keepalives_answered;
}

static void every_row(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool answered;

		start(rows[i].flows != NULL ? rows[i].flows : "");
		answered = play(&rows[i]);
		if (answered != rows[i].answered)
			fail_msg("%s: %s", rows[i].why, answered ? "sent back" : "not sent back");
		assert_int_equal(bed_counters(bed).answers[ANSWER_KEEPALIVE], answered);
		assert_int_equal(answered_by(rows[i].tunnel), answered);
		assert_int_equal(bed_counters(bed).flows_created, 0);
		stop();
	}
}

/* At most ten at once and ten a second are answered for each tunnel. */
static void there_is_a_limit(void **state)
{
	static const struct row madrid = {
		"madrid's",
		T_MADRID,
		{.outer_src = MADRID, .outer_dst = GATEWAY},
		{.src = GATEWAY, .dst = MADRID},
		true,
	};
	unsigned n;

	start("");
	for (n = 0; play(&rows[0]); n++)
		;
	assert_int_equal(n, AT_ONCE);
	bed_expect_drops(bed, "too many", DROP_PROTOCOL, 1);
	assert_true(play(&madrid));
	worker_hold_clock(bed_worker(bed, 0), UINT64_C(500000000));
	for (n = 0; play(&rows[0]); n++)
		;
	assert_int_equal(n, 5);
	stop();
}

/* The far end's answer to our keepalive: protocol type 0. */
static void answers_to_ours_are_counted(void **state)
{
	static const struct {
		const char *why;
		struct frame outer;
		uint8_t flags, length;
		uint16_t type;
		enum drop drop;
	} heard[] = {
		{"no key", BY_BERLIN, 0, 4, 0, DROP_KEEPALIVE},
		{"key", BY_KEY, 0x20, 8, 0, DROP_KEEPALIVE},
		{"over IPv6", BY_BERLIN6, 0, 4, 0, DROP_KEEPALIVE},
		{"another type", BY_BERLIN, 0, 4, 0x1234, DROP_GRE_PROTOCOL},
		{"another type over IPv6", BY_BERLIN6, 0, 4, 0x1234, DROP_GRE_PROTOCOL},
		{"no tunnel",
		 {.outer_src = HOST, .outer_dst = GATEWAY},
		 0,
		 4,
		 0,
		 DROP_GRE_PROTOCOL},
	};

	for (size_t i = 0; i < sizeof(heard) / sizeof(heard[0]); i++) {
		uint8_t bytes[BED_FRAME_MAX], *gre;
		struct tunnel_counters c;
		uint64_t sum = 0;
		size_t len;

		start("");
		len = frame_wrap(&heard[i].outer, (const uint8_t *)"", 0, bytes);
		gre = bytes + len - heard[i].length;
		assert_int_equal(gre[0], heard[i].flags);
		gre[2] = (uint8_t)(heard[i].type >> 8);
		gre[3] = (uint8_t)heard[i].type;
		bed_send(bed, UNDERLAY, bytes, len);
		bed_run(bed);
		bed_expect_drops(bed, heard[i].why, heard[i].drop, 1);
		for (uint16_t t = T_BERLIN; t <= T_MADRID; t++) {
			worker_read_tunnel(bed_worker(bed, 0), t, &c);
			sum += c.keepalives_heard;
		}
		assert_int_equal(sum, heard[i].drop == DROP_KEEPALIVE);
		stop();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(there_is_a_limit),
		cmocka_unit_test(answers_to_ours_are_counted),
	};

	return cmocka_run_group_tests_name("keepalive", tests, NULL, NULL);
}
