/* Frames from the wire: to which tunnel do they belong, and which are not ours? */
#include "in/stages.h"
#include "in/unknown.h"

#include "dice.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define INNER .src = HOST, .dst = SERVER, .proto = 17, .sport = 5000, .dport = 53
#define FROM_BERLIN INNER, .outer_src = BERLIN, .outer_dst = GATEWAY
#define FROM_MADRID INNER, .outer_src = MADRID, .outer_dst = GATEWAY, .has_key = true, .key = 8
#define FROM_INTERNET .src = SERVER, .proto = 17, .sport = 53, .dport = 2100

enum { IP_AT = 14, INNER_LEN = 20 + 8 + 8 };

/* clang-format off */
static const struct {
	const char *why;
	struct frame frame;
	struct { uint8_t at, to; } poke[3]; /* bytes of the frame; 0: none */
	bool sum; /* the outer header's checksum is corrected afterwards */
	size_t cut, pad;
	enum drop drop;
	uint16_t tunnel;
	bool waits; /* a fragment that waits for the others of its packet */
	bool six;
} rows[] = {
	{ "no key",                      { FROM_BERLIN }, .tunnel = TUNNEL_B1 },
	{ "by key",                      { FROM_BERLIN, .has_key = 1, .key = 7 }, .tunnel = TUNNEL_B2 },
	{ "the other branch",            { FROM_MADRID }, .tunnel = TUNNEL_M1 },
	{ "checksum",                    { FROM_BERLIN, .has_checksum = 1 }, .tunnel = TUNNEL_B1 },
	{ "all of it",                   { FROM_MADRID, .has_checksum = 1, .has_sequence = 1 }, .tunnel = TUNNEL_M1 },
	{ "behind it: Ethernet padding", { FROM_BERLIN }, .pad = 9, .tunnel = TUNNEL_B1 },
	{ "outer DF is no fragment",     { FROM_BERLIN }, {{20, 0x40}}, true, .tunnel = TUNNEL_B1 },

	{ "no such key",                 { FROM_BERLIN, .has_key = 1, .key = 9 }, .drop = DROP_GRE_UNKNOWN },
	{ "madrid's key from berlin",    { FROM_BERLIN, .has_key = 1, .key = 8 }, .drop = DROP_GRE_UNKNOWN },
	{ "from nobody we know",         { INNER, .outer_src = SERVER, .outer_dst = GATEWAY }, .drop = DROP_GRE_UNKNOWN },
	{ "GRE to somebody else",        { INNER, .outer_src = BERLIN, .outer_dst = SERVER }, .drop = DROP_NOT_OURS },
	{ "not GRE to the gateway",      { FROM_INTERNET, .dst = GATEWAY }, .drop = DROP_NOT_OURS },
	{ "not GRE to anybody",          { FROM_INTERNET, .dst = HOST }, .drop = DROP_NOT_OURS },

	{ "from the Internet",           { FROM_INTERNET, .dst = EGRESS }, .tunnel = TUNNEL_NONE },
	{ "to the other address",        { FROM_INTERNET, .dst = EGRESS_2 }, .tunnel = TUNNEL_NONE },
	{ "its header is parse's to check", { FROM_INTERNET, .dst = EGRESS }, {{14, 0xff}}, .tunnel = TUNNEL_NONE },

	{ "IPv6 to nobody",              { FROM_BERLIN }, {{12, 0x86}, {13, 0xdd}}, .drop = DROP_NOT_OURS },
	{ "IPv6, cut short",             { FROM_BERLIN }, {{12, 0x86}, {13, 0xdd}}, .cut = 22, .drop = DROP_OUTER_MALFORMED },
	{ "a VLAN tag",                  { FROM_BERLIN }, {{12, 0x81}}, .drop = DROP_VLAN_UNKNOWN },
	{ "ARP that asks nothing of us", { FROM_BERLIN }, {{13, 0x06}}, .drop = DROP_NOT_IP },
	{ "version 5",                   { FROM_BERLIN }, {{14, 0x55}}, true, .drop = DROP_OUTER_MALFORMED },
	{ "a header of 16 bytes",        { FROM_BERLIN }, {{14, 0x44}}, true, .drop = DROP_OUTER_MALFORMED },
	{ "longer than it is",           { FROM_BERLIN }, {{16, 0xff}}, true, .drop = DROP_TRUNCATED },
	{ "shorter than its header",     { FROM_BERLIN }, {{17, 19}}, true, .drop = DROP_OUTER_MALFORMED },
	{ "options that are GRE's bytes", { FROM_BERLIN }, {{14, 0x46}}, .drop = DROP_OUTER_CHECKSUM },
	{ "a wrong checksum",            { FROM_BERLIN }, {{25, 1}}, .drop = DROP_OUTER_CHECKSUM },
	{ "more fragments",              { FROM_BERLIN }, {{20, 0x20}}, true, .waits = true },
	{ "a later fragment",            { FROM_BERLIN }, {{20, 0x00}, {21, 0x01}}, true, .waits = true },
	{ "a fragment for somebody else", { FROM_BERLIN }, {{20, 0x20}, {33, 9}}, true,
	  .drop = DROP_OUTER_FRAGMENT },
	{ "GRE version 1",               { FROM_BERLIN }, {{35, 0x01}}, .drop = DROP_GRE_MALFORMED },
	{ "GRE with routing",            { FROM_BERLIN }, {{34, 0x40}}, .drop = DROP_GRE_MALFORMED },
	{ "GRE of IPv6",                 { FROM_BERLIN }, {{36, 0x86}, {37, 0xdd}}, .six = true, .tunnel = TUNNEL_B1 },
	{ "GRE of Ethernet",             { FROM_BERLIN }, {{36, 0x65}, {37, 0x58}}, .drop = DROP_GRE_ETHERNET },
	{ "GRE's checksum is wrong",     { FROM_BERLIN, .has_checksum = 1 }, {{40, 0x17}}, .drop = DROP_GRE_CHECKSUM },
};
/* clang-format on */

static void sum_outer(uint8_t *ip)
{
	uint32_t sum = 0;

	ip[10] = ip[11] = 0;
	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip[10] = (uint8_t)(~sum >> 8);
	ip[11] = (uint8_t)~sum;
}

static size_t build_row(size_t i, uint8_t *bytes)
{
	size_t len;

	memset(bytes, 0, 512);
	len = frame_build(&rows[i].frame, bytes);
	for (unsigned k = 0; k < 3; k++) {
		if (rows[i].poke[k].at != 0)
			bytes[rows[i].poke[k].at] = rows[i].poke[k].to;
	}
	if (rows[i].sum)
		sum_outer(bytes + IP_AT);
	return len + rows[i].pad - rows[i].cut;
}

static void check_row(struct stage_bench *b, size_t i)
{
	uint8_t bytes[512];
	size_t len = build_row(i, bytes);
	struct packet *p = bench_packet(b, bytes, len, PORT_UNDERLAY);
	uint64_t before = b->tunnel_counters[rows[i].tunnel].rx_packets;
	enum stage to;

	p->onramp = 77; /* left by an earlier burst */
	to = bench_run(b, STAGE_DECAPSULATE, p);
	if (rows[i].waits) {
		assert_int_equal(to, STAGE_REASSEMBLE);
		assert_ptr_equal(p->data, b->buffers[b->n - 1] + STAGE_HEADROOM + 14);
		return;
	}
	if (to != (rows[i].drop != DROP_NONE ? STAGE_DROP
		   : rows[i].six	     ? STAGE_PARSE6
					     : STAGE_PARSE) ||
	    (to == STAGE_DROP && p->drop != rows[i].drop))
		fail_msg("row %zu: %s: stage %d, %s", i, rows[i].why, to, drop_infos[p->drop].name);
	assert_int_equal(p->onramp, rows[i].tunnel);
	if (to == STAGE_DROP)
		return;
	assert_int_equal(p->len, INNER_LEN);
	assert_int_equal(b->tunnel_counters[p->onramp].rx_packets - before,
			 p->onramp != TUNNEL_NONE);
	if (rows[i].poke[0].at != 14)
		assert_int_equal(p->data[0], 0x45);
}

static void test_rows(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(b, i);
	assert_int_equal(b->tunnel_counters[TUNNEL_M1].rx_bytes,
			 b->tunnel_counters[TUNNEL_M1].rx_packets * INNER_LEN);
	bench_destroy(b);
}

/*
 * Senders of packets that match no tunnel are listed, with the key; but not if the packet is for
 * another station.
 */
static void test_unknown_is_remembered(void **state)
{
	static const struct frame strangers[] = {
		{FROM_BERLIN, .has_key = 1, .key = 9, .has_checksum = true},
		{INNER, .outer_src = SERVER, .outer_dst = GATEWAY},
		{INNER, .outer_src = SERVER, .outer_dst = EGRESS, .has_key = 1, .key = 9},
	};
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	struct unknown_tunnel found[UNKNOWN_TUNNELS];
	struct unknown_tunnels box = {0};
	uint8_t bytes[512];

	b->ctx.unknown = &box;
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
		size_t len = frame_build(&strangers[i], bytes);

		bench_run(b, STAGE_DECAPSULATE, bench_packet(b, bytes, len + 7, PORT_UNDERLAY));
	}
	assert_int_equal(unknown_read(&b->ctx, found), 2);
	assert_int_equal(found[0].key, 9);
	assert_true(found[0].has_key);
	assert_int_equal(found[0].port, PORT_UNDERLAY);
	assert_int_equal(addr6_to_ipv4(&found[0].local), htonl(GATEWAY));
	assert_int_equal(addr6_to_ipv4(&found[1].remote), htonl(SERVER));
	assert_false(found[1].has_key);
	b->ctx.unknown = NULL;
	bench_destroy(b);
}

/* Outer options are allowed and skipped: RFC 1122 section 3.2.1.8. */
static void test_outer_options(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	uint8_t bytes[512], longer[512];
	const struct frame frame = {FROM_BERLIN};
	size_t len = frame_build(&frame, bytes);
	struct packet *p;
	uint32_t sum = 0;

	memcpy(longer, bytes, 34);
	memcpy(longer + 34, "\1\1\1\0", 4);
	memcpy(longer + 38, bytes + 34, len - 34);
	longer[14] = 0x46;
	longer[17] += 4;
	longer[24] = longer[25] = 0;
	for (unsigned i = 0; i < 24; i += 2)
		sum += (uint32_t)longer[14 + i] << 8 | longer[15 + i];
	sum = (sum & 0xffff) + (sum >> 16);
	longer[24] = (uint8_t)(~sum >> 8);
	longer[25] = (uint8_t)~sum;

	p = bench_packet(b, longer, len + 4, PORT_UNDERLAY);
	assert_int_equal(bench_run(b, STAGE_DECAPSULATE, p), STAGE_PARSE);
	assert_int_equal(p->onramp, TUNNEL_B1);
	assert_int_equal(p->len, INNER_LEN);
	bench_destroy(b);
}

/* Truncated anywhere, a packet is dropped, and not read beyond its end. */
static void test_every_truncation(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	const struct frame frame = {FROM_MADRID, .has_checksum = true, .has_sequence = true};
	uint8_t bytes[512];
	size_t all = frame_build(&frame, bytes);

	for (size_t len = 0; len < all; len++) {
		struct packet *p = bench_packet(b, bytes, len, PORT_UNDERLAY);

		assert_int_equal(bench_run(b, STAGE_DECAPSULATE, p), STAGE_DROP);
		assert_int_equal(p->drop, len < 14   ? DROP_NOT_IP
					  : len < 34 ? DROP_OUTER_MALFORMED
						     : DROP_TRUNCATED);
		bench_clear(b);
	}
	bench_destroy(b);
}

/* clang-format off */
static const struct {
	const char *why;
	uint8_t tags[8];
	size_t len; /* of the tags */
	enum drop drop;
} tagged[] = {
	{ "VLAN 0",                  {0x81, 0, 0, 0}, 4, DROP_NONE },
	{ "with a priority",         {0x81, 0, 0xe0, 0}, 4, DROP_NONE },
	{ "of a provider",           {0x88, 0xa8, 0, 0}, 4, DROP_NONE },
	{ "two of them",             {0x88, 0xa8, 0x20, 0, 0x81, 0, 0x20, 0}, 8, DROP_NONE },
	{ "VLAN 5",                  {0x81, 0, 0, 5}, 4, DROP_VLAN_UNKNOWN },
	{ "VLAN 4095",               {0x81, 0, 0xf, 0xff}, 4, DROP_VLAN_UNKNOWN },
	{ "VLAN 5 behind VLAN 0",    {0x88, 0xa8, 0, 0, 0x81, 0, 0, 5}, 8, DROP_VLAN_UNKNOWN },
	{ "VLAN 5 of a provider",    {0x88, 0xa8, 0, 5}, 4, DROP_DOUBLE_TAG },
	{ "VLAN 0 behind VLAN 5",    {0x88, 0xa8, 0, 5, 0x81, 0, 0, 0}, 8, DROP_DOUBLE_TAG },
	{ "VLAN 6 behind VLAN 5",    {0x81, 0, 0, 5, 0x81, 0, 0, 6}, 8, DROP_DOUBLE_TAG },
	{ "a tag of something else", {0x91, 0, 0, 0}, 4, DROP_NOT_IP },
};
/* clang-format on */

/* A priority tag does not change where a frame belongs. */
static void test_priority_tags(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	const struct frame frame = {FROM_MADRID};
	uint8_t plain[512], bytes[512];
	size_t len = frame_build(&frame, plain);

	for (size_t i = 0; i < ARRAY_SIZE(tagged); i++) {
		size_t n = tagged[i].len;
		struct packet *p;
		enum stage to;

		memcpy(bytes, plain, 12);
		memcpy(bytes + 12, tagged[i].tags, n);
		memcpy(bytes + 12 + n, plain + 12, len - 12);
		p = bench_packet(b, bytes, len + n, PORT_UNDERLAY);
		to = bench_run(b, STAGE_DECAPSULATE, p);
		if (to != (tagged[i].drop == DROP_NONE ? STAGE_PARSE : STAGE_DROP) ||
		    (to == STAGE_DROP && p->drop != tagged[i].drop))
			fail_msg("%s: stage %d", tagged[i].why, to);
		if (to == STAGE_PARSE)
			assert_int_equal(p->onramp, TUNNEL_M1);
	}
	bench_destroy(b);
}

/* Frames truncated within their tags, and frames with too many tags. */
static void test_hostile_tags(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	uint8_t bytes[400] = {0};

	for (size_t at = 12; at + 4 <= sizeof(bytes); at += 4)
		bytes[at] = 0x81;
	for (size_t len = 12; len <= sizeof(bytes); len++) {
		struct packet *p = bench_packet(b, bytes, len, PORT_UNDERLAY);

		assert_int_equal(bench_run(b, STAGE_DECAPSULATE, p), STAGE_DROP);
		assert_true(p->drop == DROP_NOT_IP || p->drop == DROP_VLAN_UNKNOWN ||
			    p->drop == DROP_DOUBLE_TAG);
		bench_clear(b);
	}
	bench_destroy(b);
}

/* With random bytes changed, an accepted packet lies inside the frame. */
static void test_random_bytes(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	const struct frame frame = {FROM_BERLIN, .has_key = true, .key = 7};
	uint64_t dice = 17;
	unsigned passed = 0;

	for (unsigned i = 0; i < 50000; i++) {
		uint8_t bytes[512];
		size_t len = frame_build(&frame, bytes);
		struct packet *p;
		const uint8_t *end;

		for (unsigned k = dice_roll(&dice, 3); k > 0; k--)
			bytes[12 + dice_roll(&dice, 34)] = (uint8_t)dice_next(&dice);
		if (dice_roll(&dice, 2) == 0)
			sum_outer(bytes + IP_AT);
		p = bench_packet(b, bytes, len, PORT_UNDERLAY);
		end = p->data + len;
		if (bench_run(b, STAGE_DECAPSULATE, p) == STAGE_PARSE) {
			assert_true(p->data + p->len <= end);
			passed++;
		}
		bench_clear(b);
	}
	assert_true(passed > 1000);
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	      cmocka_unit_test(test_unknown_is_remembered),
		cmocka_unit_test(test_outer_options), cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_priority_tags), cmocka_unit_test(test_hostile_tags),
		cmocka_unit_test(test_random_bytes),
	};

	return cmocka_run_group_tests(tests, bench_start_dpdk, bench_stop_dpdk);
}
