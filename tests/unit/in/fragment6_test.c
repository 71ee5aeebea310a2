/*
 * Fragments of IPv6 as rows: which part of which packet they are, or why they are dropped; and the
 * header of the reassembled packet.
 */
#include "in/fragment.h"

#include "base/wire.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { HBH = 0, TCP = 6, UDP = 17, ROUTE = 43, FRAG = 44, ICMP6 = 58, NONE = 59, DST = 60 };
enum { ID = 0x12345678, MAX = 2048 };

/*
 * Headers in front of the fragment header and behind it: types, and lengths in units of eight
 * bytes.
 */
struct headers {
	uint8_t kind, units;
};

/* clang-format off */
static const struct {
	const char *why;
	struct headers front, back; /* with 0 units: no header */
	uint8_t proto; /* protocol behind all of them */
	uint16_t word; /* of the fragment header: offset and M flag */
	uint16_t payload; /* bytes behind the fragment header */
	enum drop drop;
	uint8_t poke, value; /* new value of the byte at 48 + @poke, if not 0 */
	bool mute;
} rows[] = {
	{"a first one", {0}, {0}, UDP, 1, 64, DROP_NONE},
	{"one in the middle", {0}, {0}, UDP, 64 | 1, 64, DROP_NONE},
	{"the last one", {0}, {0}, UDP, 64, 61, DROP_NONE},
	{"reserved bits say nothing", {0}, {0}, UDP, 64 | 7, 64, DROP_NONE},
	{"behind hop-by-hop options", {HBH, 2}, {0}, UDP, 1, 64, DROP_NONE},
	{"not the last, and no multiple of eight", {0}, {0}, UDP, 1, 61, DROP_FRAGMENT},
	{"empty", {0}, {0}, UDP, 64, 0, DROP_FRAGMENT},
	{"empty, and more to come", {0}, {0}, UDP, 64 | 1, 0, DROP_FRAGMENT},
	{"up to the last byte that a whole can have", {0}, {0}, UDP, 65488, 7, DROP_NONE},
	{"one byte behind it", {0}, {0}, UDP, 65488, 8, DROP_FRAGMENT},
	{"the same, as its headers need room, too", {HBH, 1}, {0}, UDP, 65480, 8, DROP_FRAGMENT},
	{"a UDP header (RFC 7112)", {0}, {0}, UDP, 1, 8, DROP_NONE},
	{"a TCP header cut in two", {0}, {0}, TCP, 1, 16, DROP_FRAGMENT},
	{"a TCP header", {0}, {0}, TCP, 1, 24, DROP_NONE, 12, 0x60},
	{"a TCP header whose options are cut off", {0}, {0}, TCP, 1, 24, DROP_FRAGMENT, 12, 0x70},
	{"an extension header, then UDP", {0}, {DST, 1}, UDP, 1, 16, DROP_NONE},
	{"an extension header, and UDP cut off", {0}, {DST, 1}, UDP, 1, 8, DROP_FRAGMENT},
	{"an extension header cut off", {0}, {DST, 3}, UDP, 1, 16, DROP_FRAGMENT},
	{"a routing header with segments left, behind", {0}, {ROUTE, 1}, UDP, 1, 64, DROP_ROUTING_HEADER, 3, 1},
	{"a second header_at header, behind", {0}, {FRAG, 1}, UDP, 1, 64, DROP_EXTENSION},
	{"hop-by-hop options behind", {0}, {HBH, 1}, UDP, 1, 64, DROP_EXTENSION},
	{"what a later one begins with is no header", {0}, {0}, FRAG, 64 | 1, 64, DROP_NONE},
	{"nothing behind, which parse6 refuses", {0}, {0}, NONE, 1, 64, DROP_NONE},
	{"a ping", {0}, {0}, ICMP6, 1, 64, DROP_NONE, 0, 128},
	{"an error is never answered", {0}, {0}, ICMP6, 1, 64, DROP_NONE, 1, 0, .mute = true},
	{"neighbour discovery is read here, and refused whole (RFC 6980)", {0}, {0}, ICMP6, 1, 64, DROP_NONE, 0, 135},
};
/* clang-format on */

static size_t add_header(uint8_t *ip, size_t at, size_t *name, struct headers h)
{
	if (h.units == 0)
		return at;
	ip[*name] = h.kind;
	memset(ip + at, 0, (size_t)h.units * 8);
	ip[at + 1] = h.kind == FRAG ? 0 : (uint8_t)(h.units - 1);
	if (h.kind == ROUTE)
		ip[at + 2] = 4;
	*name = at;
	return at + (size_t)h.units * 8;
}

/* Builds the fragment and returns its length; @body: where its payload begins. */
static size_t build(size_t i, uint8_t *ip, size_t *body)
{
	const struct frame f = {.six = true, .src6 = HOST6, .dst6 = SERVER6, .proto = NONE};
	size_t at = 40, name = 6, header_at;

	memset(ip, 0, MAX);
	frame_build_inner(&f, ip);
	memset(ip + 40, 0, MAX - 40);
	at = add_header(ip, at, &name, rows[i].front);
	header_at = at;
	at = add_header(ip, at, &name, (struct headers){FRAG, 1});
	wire_put_be16(ip + header_at + 2, htons(rows[i].word));
	wire_put_be32(ip + header_at + 4, htonl(ID));
	*body = at;
	add_header(ip, at, &name, rows[i].back);
	ip[name] = rows[i].proto;
	if (rows[i].proto == TCP)
		ip[*body + 12] = 0x50;
	if (rows[i].poke != 0 || rows[i].value != 0)
		ip[*body + rows[i].poke] = rows[i].value;
	wire_put_be16(ip + 4, htons((uint16_t)(*body - 40 + rows[i].payload)));
	return *body + rows[i].payload;
}

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t ip[MAX], *copy;
		size_t body, len = build(i, ip, &body);
		struct addr6 src = bench_addr6((struct ip6)HOST6);
		struct addr6 dst = bench_addr6((struct ip6)SERVER6);
		struct fragment fragment;
		enum drop drop;

		/* of exactly its size, so that ASan finds a read beyond it */
		copy = test_malloc(len);
		memcpy(copy, ip, len);
		drop = fragment6_read(copy, &fragment);
		if (drop != rows[i].drop)
			fail_msg("%s: %s", rows[i].why, drop_infos[drop].name);
		if (drop == DROP_NONE) {
			assert_true(addr6_equal(&fragment.key.src, &src));
			assert_true(addr6_equal(&fragment.key.dst, &dst));
			assert_int_equal(fragment.key.proto, 0);
			assert_int_equal(ntohs(fragment.key.sport), ID >> 16);
			assert_int_equal(ntohs(fragment.key.dport), ID & 0xffff);
			assert_ptr_equal(fragment.payload, copy + body);
			assert_int_equal(fragment.header_len, body);
			assert_int_equal(fragment.at, rows[i].word & 0xfff8);
			assert_int_equal(fragment.len, rows[i].payload);
			assert_int_equal(fragment.last, !(rows[i].word & 1));
			if (fragment.mute != rows[i].mute)
				fail_msg("%s: mute", rows[i].why);
		}
		test_free(copy);
	}
}

/*
 * The fragment header is removed: the header in front of it names the one behind it. ECN marks are
 * kept.
 */
static void packet_header(void **state)
{
	static const struct {
		size_t row;
		uint8_t first, whole; /* second byte of the header: half of the traffic class */
		bool congested;
	} cases[] = {
		{0, 0x00, 0x00, false}, {0, 0x20, 0x20, false}, {0, 0x20, 0x30, true},
		{0, 0x00, 0x00, true},	{4, 0x1f, 0x3f, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t ip[MAX], whole[MAX], want[MAX];
		size_t body, header_at;
		struct fragment fragment;

		build(cases[i].row, ip, &body);
		header_at = body - 8;
		ip[1] = cases[i].first;
		assert_int_equal(fragment6_read(ip, &fragment), DROP_NONE);
		assert_int_equal(fragment6_packet_header(fragment.header_len), header_at);
		memset(whole, 0xee, sizeof(whole));
		fragment6_write_header(whole, fragment.header, fragment.header_len, 1000,
				       cases[i].congested);
		memcpy(want, ip, header_at);
		want[1] = cases[i].whole;
		want[header_at > 40 ? 40 : 6] = UDP;
		wire_put_be16(want + 4, htons((uint16_t)(header_at - 40 + 1000)));
		assert_memory_equal(whole, want, header_at);
		assert_int_equal(whole[header_at], 0xee);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(packet_header),
	};

	return cmocka_run_group_tests_name("in/fragment6", tests, NULL, NULL);
}
