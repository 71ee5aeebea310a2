/*
 * The outer header: what is copied to it from the inner packet, and from it to the inner packet.
 *
 *     berlin --- GRE, as it comes: DF, TTL 64 ------------------+
 *     madrid --- GRE, outer-df: false, outer-ttl: 9 ------------+--- [ gateway ] --- uplink
 *     paris ---- GRE over IPv6, outer-ttl: 5 -------------------+
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
#define MADRID IP(198, 51, 100, 20)
#define PARIS IP(198, 51, 100, 30) /* the outer address in the model; its tunnel is over IPv6 */
#define GATEWAY6 IP6(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 1)
#define PARIS6 IP6(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 0x30)
#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)
#define HOST6 IP6(0xfd00, 0, 0, 0, 0, 0, 0, 0x10)
#define SERVER6 IP6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x80)

enum { UNDERLAY, UPLINK, UDP = 17 };
enum { NOT_ECT, ECT_1, ECT_0, CE };

static const char yaml[] =
	"ports:\n"
	"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
	"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
	"sites:\n"
	"  - name: berlin\n"
	"    tunnels: [{name: b1, local: 198.51.100.1, remote: 198.51.100.10, port: underlay}]\n"
	"  - name: madrid\n"
	"    tunnels: [{name: m1, local: 198.51.100.1, remote: 198.51.100.20, port: underlay,\n"
	"               outer-df: false, outer-ttl: 9}]\n"
	"  - name: paris\n"
	"    tunnels: [{name: p1, local: '2001:db8:f::1', remote: '2001:db8:f::30',\n"
	"               port: underlay, outer-ttl: 5}]\n"
	"egress:\n"
	"  - {name: internet, port: uplink, addresses: [{address: 203.0.113.1, slices: [1]},\n"
	"     {address: '2001:db8:1::1', slices: [1]}]}\n";

enum family { FOUR, SIX, FAMILIES };

static struct frame from(uint32_t site, enum family family, uint8_t tos, uint8_t outer_tos)
{
	return (struct frame){
		.six = family == SIX,
		.src6 = HOST6,
		.dst6 = SERVER6,
		.outer_src = site,
		.outer_dst = GATEWAY,
		.outer_six = site == PARIS,
		.outer_src6 = PARIS6,
		.outer_dst6 = GATEWAY6,
		.outer_tos = outer_tos,
		.src = HOST,
		.dst = SERVER,
		.sport = 5000,
		.dport = 53,
		.proto = UDP,
		.tos = tos,
		.token = 7,
	};
}

/*
 * Sends a packet and parses the one that came out by @to; its bytes are in @raw. False: none came.
 */
static bool pass(struct bed *bed, const struct frame *in, unsigned at, unsigned to, uint8_t *raw,
		 struct frame *out)
{
	const char *why;
	size_t len;

	bed_send(bed, at, raw, frame_build(in, raw));
	bed_run(bed);
	len = bed_take(bed, to, raw);
	if (len > 0 && !frame_parse(raw, len, out, &why))
		fail_msg("came out with a wrong %s", why);
	return len > 0;
}

static struct frame answer_to(const struct frame *mapped, uint8_t tos)
{
	return (struct frame){
		.six = mapped->six,
		.src6 = SERVER6,
		.dst6 = mapped->src6,
		.src = SERVER,
		.dst = mapped->src,
		.sport = mapped->dport,
		.dport = mapped->sport,
		.proto = UDP,
		.tos = tos,
	};
}

/* clang-format off */
static const struct {
	uint8_t outer, inner, leaves;
	bool dropped;
	const char *why;
} ecn[] = {
	{NOT_ECT, NOT_ECT, NOT_ECT, false, "no ECN at all"},
	{NOT_ECT, ECT_0,   ECT_0,   false, "the way in does not copy"},
	{NOT_ECT, ECT_1,   ECT_1,   false, "the way in does not copy"},
	{NOT_ECT, CE,      CE,      false, "marked before the tunnel"},
	{ECT_0,   NOT_ECT, NOT_ECT, false, "somebody made it up"},
	{ECT_0,   ECT_0,   ECT_0,   false, "not marked"},
	{ECT_0,   ECT_1,   ECT_1,   false, "as the sender had it"},
	{ECT_0,   CE,      CE,      false, "marked before the tunnel"},
	{ECT_1,   NOT_ECT, NOT_ECT, false, "somebody made it up"},
	{ECT_1,   ECT_0,   ECT_1,   false, "a milder mark"},
	{ECT_1,   ECT_1,   ECT_1,   false, "not marked"},
	{ECT_1,   CE,      CE,      false, "marked before the tunnel"},
	{CE,      NOT_ECT, 0,       true,  "marked, and the sender would not understand"},
	{CE,      ECT_0,   CE,      false, "marked in the tunnel"},
	{CE,      ECT_1,   CE,      false, "marked in the tunnel"},
	{CE,      CE,      CE,      false, "marked twice"},
};
/* clang-format on */

static void check_congestion(uint32_t site, enum family family)
{
	struct bed *bed = bed_create(yaml, 1);
	uint8_t raw[BED_FRAME_MAX];
	unsigned dropped = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ecn) * 3; i++) {
		size_t k = i % ARRAY_SIZE(ecn);
		uint8_t dscp = (uint8_t)(i / ARRAY_SIZE(ecn) * 21) << 2;
		struct frame in = from(site, family, dscp | ecn[k].inner, 0xb8 | ecn[k].outer);
		struct frame out;

		if (pass(bed, &in, UNDERLAY, UPLINK, raw, &out) == ecn[k].dropped)
			fail_msg("%s: %s", ecn[k].why, ecn[k].dropped ? "came out" : "did not");
		dropped += ecn[k].dropped;
		if (!ecn[k].dropped && out.tos != (dscp | ecn[k].leaves))
			fail_msg("%s: TOS %02x", ecn[k].why, out.tos);
		assert_int_equal(bed_counters(bed).drops[DROP_ECN], dropped);
	}
	bed_check(bed);
	bed_destroy(bed);
}

/* The same for inner and outer packets of both families. */
static void congestion_comes_out(void **state)
{
	check_congestion(BERLIN, FOUR);
	check_congestion(BERLIN, SIX);
	check_congestion(PARIS, FOUR);
	check_congestion(PARIS, SIX);
}

static void check_tos(enum family family)
{
	static const struct {
		uint32_t site;
		bool df;
		uint8_t ttl;
	} sites[] = {{BERLIN, true, 64}, {MADRID, false, 9}, {PARIS, false, 5}};
	static const struct ip6 paris = PARIS6;

	for (size_t s = 0; s < ARRAY_SIZE(sites); s++) {
		struct bed *bed = bed_create(yaml, 1);
		struct frame first = from(sites[s].site, family, 0, 0), mapped, out;
		uint8_t raw[BED_FRAME_MAX];

		assert_true(pass(bed, &first, UNDERLAY, UPLINK, raw, &mapped));
		for (unsigned tos = 0; tos < 256; tos++) {
			struct frame back = answer_to(&mapped, (uint8_t)tos);

			assert_true(pass(bed, &back, UPLINK, UNDERLAY, raw, &out));
			assert_int_equal(out.tos, tos);
			assert_int_equal(out.outer_tos, tos);
			assert_int_equal(out.outer_six, sites[s].site == PARIS);
			if (out.outer_six)
				assert_memory_equal(&out.outer_dst6, &paris, 16);
			else
				assert_int_equal(out.outer_dst, sites[s].site);
			assert_int_equal(out.outer_df, sites[s].df);
			assert_int_equal(out.outer_ttl, sites[s].ttl);
		}
		bed_check(bed);
		bed_destroy(bed);
	}
}

/*
 * Every value of TOS or traffic class, DSCP and ECN, must be in the inner and in the outer header.
 */
static void tos_goes_in(void **state)
{
	check_tos(FOUR);
	check_tos(SIX);
}

/* A tunnel packet that routers may fragment has an identification of its own. */
static void identifications(void **state)
{
	struct bed *bed = bed_create(yaml, 1);
	struct frame first = from(MADRID, FOUR, 0, 0), mapped, out;
	static bool seen[65536];
	uint8_t raw[BED_FRAME_MAX];

	assert_true(pass(bed, &first, UNDERLAY, UPLINK, raw, &mapped));
	for (unsigned i = 0; i < 5000; i++) {
		struct frame back = answer_to(&mapped, (uint8_t)i);
		unsigned id;

		assert_true(pass(bed, &back, UPLINK, UNDERLAY, raw, &out));
		id = (unsigned)raw[14 + 4] << 8 | raw[14 + 5];
		assert_false(seen[id]);
		seen[id] = true;
	}
	bed_check(bed);
	bed_destroy(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(congestion_comes_out),
		cmocka_unit_test(tos_goes_in),
		cmocka_unit_test(identifications),
	};

	return cmocka_run_group_tests_name("outer", tests, NULL, NULL);
}
