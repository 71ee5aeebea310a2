/* Neighbour solicitations: sender, target, validity; and the advertisement, byte by byte. */
#include "stage.h"

#include "answer/nd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { IP_AT = 14, ICMP_AT = 54, TARGET_AT = 62, OPTION_AT = 78, WHOLE = 86 };

/* A neighbour, and the solicited-node multicast address of 2001:db8:1::1. */
#define ASKER IP6(0x2001, 0xdb8, 1, 0, 0, 0, 0, 9)
#define LINK_LOCAL IP6(0xfe80, 0, 0, 0, 0, 0, 0, 9)
#define GROUP IP6(0xff02, 0, 0, 0, 0, 1, 0xff00, 1)
#define NOBODY IP6(0, 0, 0, 0, 0, 0, 0, 0)

/* clang-format off */
static const struct row {
	const char *why;
	struct ip6 src, dst, target;
	uint8_t port, option; /* bytes of options */
	struct { uint8_t at, to; } poke; /* at 0: none */
	bool damaged; /* the changed byte makes the checksum wrong */
	size_t cut;
	bool answered;
} rows[] = {
	{"who has our egress address?", ASKER, GROUP, EGRESS6, PORT_UPLINK, 8, .answered = true},
	{"from a link-local address", LINK_LOCAL, GROUP, EGRESS6, PORT_UPLINK, 8, .answered = true},
	{"is it still there? asked of itself", ASKER, EGRESS6, EGRESS6, PORT_UPLINK, 8, .answered = true},
	{"without an option", ASKER, EGRESS6, EGRESS6, PORT_UPLINK, 0, .answered = true},
	{"with two", ASKER, GROUP, EGRESS6, PORT_UPLINK, 16, .answered = true},
	{"does anybody have it? (duplicate address detection)", NOBODY, GROUP, EGRESS6, PORT_UPLINK, 0, .answered = true},
	{"who has that host of a site?", ASKER, GROUP, GLOBAL6, PORT_UPLINK, 8, .answered = true},
	{"is it still there? asked of itself", ASKER, GLOBAL6, GLOBAL6, PORT_UPLINK, 8, .answered = true},
	{"does anybody have a host's address?", NOBODY, GROUP, GLOBAL6, PORT_UPLINK, 0, .answered = true},
	{"a host of a site, on another port", ASKER, GROUP, GLOBAL6, PORT_UNDERLAY, 8},
	{"on another port", ASKER, GROUP, EGRESS6, PORT_UNDERLAY, 8},
	{"for somebody else", ASKER, GROUP, SERVER6, PORT_UPLINK, 8},
	{"came over a router", ASKER, GROUP, EGRESS6, PORT_UPLINK, 8, {IP_AT + 7, 254}},
	{"code 1", ASKER, GROUP, EGRESS6, PORT_UPLINK, 8, {ICMP_AT + 1, 1}},
	{"an advertisement", ASKER, GROUP, EGRESS6, PORT_UPLINK, 8, {ICMP_AT, 136}},
	{"not ICMPv6", ASKER, GROUP, EGRESS6, PORT_UPLINK, 8, {IP_AT + 6, 17}, true},
	{"damaged", ASKER, GROUP, EGRESS6, PORT_UPLINK, 8, {OPTION_AT + 3, 0x55}, true},
	{"an option of no length", ASKER, GROUP, EGRESS6, PORT_UPLINK, 8, {OPTION_AT + 1, 0}},
	{"an option longer than the packet", ASKER, GROUP, EGRESS6, PORT_UPLINK, 8, {OPTION_AT + 1, 2}},
	{"longer than the frame", ASKER, GROUP, EGRESS6, PORT_UPLINK, 8, .cut = 1},
	{"cut before the target's end", ASKER, GROUP, EGRESS6, PORT_UPLINK, 0, .cut = 1},
	{"cut behind the IPv6 header", ASKER, GROUP, EGRESS6, PORT_UPLINK, 0, .cut = 24},
};
/* clang-format on */

/* Builds it with the ICMPv6 of frame.c: a header of 8 bytes, then target and options as payload. */
static size_t build(const struct row *row, uint8_t *out)
{
	uint8_t data[32] = {0};
	struct frame f = {.six = true,
			  .src6 = row->src,
			  .dst6 = row->dst,
			  .proto = 58,
			  .icmp_type = 135,
			  .ttl = 255,
			  .data = data,
			  .payload = (uint16_t)(16 + row->option)};

	memcpy(data, &row->target, 16);
	for (unsigned at = 16; at < 16u + row->option; at += 8) {
		data[at] = 1; /* source link-layer address */
		data[at + 1] = 1;
	}
	if (row->poke.at > ICMP_AT + 7 && !row->damaged)
		data[row->poke.at - TARGET_AT] = row->poke.to;
	if (row->poke.at == ICMP_AT)
		f.icmp_type = row->poke.to;
	if (row->poke.at == ICMP_AT + 1)
		f.icmp_code = row->poke.to;
	if (row->poke.at == IP_AT + 7)
		f.ttl = row->poke.to;
	frame_build(&f, out);
	if (row->damaged)
		out[row->poke.at] = row->poke.to;
	return (size_t)TARGET_AT + f.payload - row->cut;
}

static void check_answer(const struct row *row, const struct packet *p)
{
	static const uint8_t to_all[6] = {0x33, 0x33, 0, 0, 0, 1}, asker[6] = {2, 0, 0, 0, 0, 0xfe};
	static const uint8_t ours[6] = {2, 0, 0, 0, 0, 2}, option[2] = {2, 1};
	static const struct ip6 host = GLOBAL6, nobody = NOBODY,
				all = IP6(0xff02, 0, 0, 0, 0, 0, 0, 1);
	bool for_all = memcmp(&row->src, &nobody, 16) == 0;
	struct frame f;
	const char *why;

	assert_int_equal(p->len, WHOLE);
	if (!frame_parse(p->data, p->len, &f, &why))
		fail_msg("%s: wrong %s", row->why, why);
	assert_int_equal(f.icmp_type, 136);
	assert_int_equal(f.ttl, 255);
	assert_memory_equal(&f.src6, &row->target, 16);
	assert_memory_equal(&f.dst6, for_all ? &all : &row->src, 16);
	assert_memory_equal(p->data, for_all ? to_all : asker, 6);
	assert_memory_equal(p->data + 6, ours, 6);
	assert_int_equal(p->data[ICMP_AT + 4],
			 (for_all ? 0 : 0x40) | (memcmp(&row->target, &host, 16) == 0 ? 0 : 0x20));
	assert_memory_equal(p->data + TARGET_AT, &row->target, 16);
	assert_memory_equal(p->data + OPTION_AT, option, 2);
	assert_memory_equal(p->data + OPTION_AT + 2, ours, 6);
}

static void every_row(void **state)
{
	struct stage_bench *b = bench_create(64, 16, 0, 1);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t bytes[256];
		size_t len = build(&rows[i], bytes);
		struct packet *p = bench_packet(b, bytes, len, rows[i].port);

		if (nd_answer(&b->ctx, p) != rows[i].answered)
			fail_msg("%s: it is not so", rows[i].why);
		if (rows[i].answered)
			check_answer(&rows[i], p);
		else
			assert_memory_equal(p->data, bytes, len);
		bench_clear(b);
	}
	bench_destroy(b);
}

/* Our own probe for our address, on a port that also receives what we send. */
static void own_probe(void **state)
{
	static const struct row row = {"", NOBODY, GROUP, EGRESS6, PORT_UPLINK, 0};
	struct stage_bench *b = bench_create(64, 16, 0, 1);
	uint8_t bytes[256];
	size_t len = build(&row, bytes);

	assert_true(nd_answer(&b->ctx, bench_packet(b, bytes, len, PORT_UPLINK)));
	memcpy(bytes + 6, b->nexthops->macs[PORT_UPLINK], 6);
	assert_false(nd_answer(&b->ctx, bench_packet(b, bytes, len, PORT_UPLINK)));
	bench_destroy(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_row),
					   cmocka_unit_test(own_probe)};

	return cmocka_run_group_tests_name("answer/nd", tests, bench_start_dpdk, bench_stop_dpdk);
}
