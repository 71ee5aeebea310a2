/*
 * Fragments of IPv4 as rows: which part of which packet they are, or why they are dropped; and the
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

enum { TCP = 6, UDP = 17, ICMP = 1, ID = 0x1234, MF = 0x2000, MAX = 2048 };

/* clang-format off */
static const struct {
	const char *why;
	uint8_t proto;
	uint16_t word; /* flags and offset */
	uint16_t payload; /* bytes behind the IPv4 header */
	enum drop drop;
	uint8_t icmp_type;
	bool mute;
} rows[] = {
	{"a first one", UDP, MF, 64, DROP_NONE},
	{"one in the middle", UDP, MF | 8, 64, DROP_NONE},
	{"the last one", UDP, 8, 61, DROP_NONE},
	{"don't fragment is no part of it", UDP, 0x4000 | MF | 8, 64, DROP_NONE},
	{"not the last, and no multiple of eight", UDP, MF, 61, DROP_FRAGMENT},
	{"up to the last byte there can be", UDP, 8184, 43, DROP_NONE},
	{"one byte behind it", UDP, 8184, 44, DROP_FRAGMENT},
	{"a TCP header", TCP, MF, 24, DROP_NONE},
	{"a TCP header cut in two", TCP, MF, 16, DROP_FRAGMENT},
	{"the rest of a TCP header", TCP, MF | 1, 64, DROP_FRAGMENT},
	{"right behind 20 bytes", TCP, MF | 3, 64, DROP_NONE},
	{"a ping", ICMP, MF, 64, DROP_NONE, 8},
	{"its reply", ICMP, MF, 64, DROP_NONE, 0},
	{"an ICMP error is never answered", ICMP, MF, 64, DROP_NONE, 3, .mute = true},
	{"what a later one holds is not looked at", ICMP, MF | 8, 64, DROP_NONE, 3},
};
/* clang-format on */

static size_t build(size_t i, uint8_t *ip)
{
	const struct frame f = {
		.src = HOST,
		.dst = SERVER,
		.proto = rows[i].proto,
		.icmp_type = rows[i].icmp_type,
		.payload = MAX / 2,
	};
	size_t len = 20u + rows[i].payload;

	frame_build_inner(&f, ip);
	wire_put_be16(ip + IPV4_LENGTH, htons((uint16_t)len));
	wire_put_be16(ip + IPV4_FRAGMENT, htons(rows[i].word));
	frame_mend(ip);
	return len;
}

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t ip[MAX];
		size_t len = build(i, ip);
		struct addr6 src = addr6_from_ipv4(htonl(HOST));
		struct addr6 dst = addr6_from_ipv4(htonl(SERVER));
		struct fragment fragment;
		enum drop drop = fragment_read(ip, &fragment);

		if (drop != rows[i].drop)
			fail_msg("%s: %s", rows[i].why, drop_infos[drop].name);
		if (drop != DROP_NONE)
			continue;
		assert_true(addr6_equal(&fragment.key.src, &src) &&
			    addr6_equal(&fragment.key.dst, &dst));
		assert_int_equal(fragment.key.proto, rows[i].proto);
		assert_int_equal(ntohs(fragment.key.sport), ID);
		assert_int_equal(fragment.key.dport, 0);
		assert_ptr_equal(fragment.payload, ip + 20);
		assert_int_equal(fragment.header_len, 20);
		assert_int_equal(fragment.at, (rows[i].word & 0x1fff) * 8);
		assert_int_equal(fragment.len, len - 20);
		assert_int_equal(fragment.last, !(rows[i].word & MF));
		assert_false(fragment.congested);
		if (fragment.mute != rows[i].mute)
			fail_msg("%s: mute", rows[i].why);
	}
}

/*
 * The header of the reassembled packet: not a fragment, with a valid checksum, and with CE if one
 * fragment had it.
 */
static void packet_header(void **state)
{
	static const struct {
		uint8_t first, rest, whole; /* TOS bytes */
	} marks[] = {
		{0, 0, 0}, {0xb8, 0xb8, 0xb8}, {2, 3, 3}, {3, 2, 3}, {0xb9, 3, 0xbb}, {0, 3, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		uint8_t first[MAX], rest[MAX], whole[20], want[20];
		struct fragment a, b;

		build(0, first);
		build(2, rest);
		first[IPV4_TOS] = marks[i].first;
		rest[IPV4_TOS] = marks[i].rest;
		assert_int_equal(fragment_read(first, &a), DROP_NONE);
		assert_int_equal(fragment_read(rest, &b), DROP_NONE);
		assert_int_equal(fragment_packet_header(a.header_len), 20);
		fragment_write_header(whole, a.header, a.header_len, 125,
				      a.congested || b.congested);
		memcpy(want, first, 20);
		want[IPV4_TOS] = marks[i].whole;
		wire_put_be16(want + IPV4_LENGTH, htons(145));
		wire_put_be16(want + IPV4_FRAGMENT, 0);
		frame_mend(want);
		assert_memory_equal(whole, want, 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(packet_header),
	};

	return cmocka_run_group_tests_name("in/fragment", tests, NULL, NULL);
}
