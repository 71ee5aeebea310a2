/* Packets are fragmented in every size, and reassembled by hand: no byte is lost. */
#include "out/fragmenter.h"

#include "base/wire.h"
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { HBH = 0, UDP = 17, ROUTE = 43, FRAG = 44, DST = 60, ID = 0x0abcdef1, MAX = 1024 };

#define WITH(kind, bytes)                                                                          \
	.next = (kind), .extensions = (const uint8_t *)(bytes), .n_extensions = sizeof(bytes) - 1
#define PAD "\x01\x04\0\0\0\0"

/* clang-format off */
static const struct {
	const char *why;
	struct frame frame;
	size_t body; /* where the payload begins */
	size_t name; /* which byte names the fragment header, */
	uint8_t next; /* and its value before */
} rows[] = {
	{"no other headers", {.proto = UDP}, 40, 6, UDP},
	{"hop-by-hop options are for the way", {.proto = UDP, WITH(HBH, "\x11\0" PAD)}, 48, 40, UDP},
	{"destination options are not", {.proto = UDP, WITH(DST, "\x11\0" PAD)}, 40, 6, DST},
	{"the routing header is, and all in front of it",
	 {.proto = UDP, WITH(HBH, "\x3c\0" PAD "\x2b\0" PAD "\x3c\0\4\0\0\0\0\0\x11\0" PAD)}, 64, 56, DST},
};
/* clang-format on */

static size_t build(size_t i, uint8_t *ip)
{
	static const struct ip6 src = HOST6, dst = SERVER6;
	struct frame f = rows[i].frame;

	f.six = true;
	f.src6 = src;
	f.dst6 = dst;
	f.payload = 333;
	f.token = 0x123456789;
	return frame_build_inner(&f, ip);
}

static void ipv6(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t ip[MAX], whole[MAX], fragment[MAX];
		size_t len = build(i, ip), body = rows[i].body;
		struct fragmenter c;

		fragmenter6_begin(&c, ip, len, ID);
		if (c.body != body || c.header_len != body + 8)
			fail_msg("%s: cut at %zu", rows[i].why, c.body);
		for (size_t size = 8; size < len; size += 8) {
			memcpy(whole, ip, body);
			for (size_t at = 0; at < len - body; at += size) {
				size_t n = at + size < len - body ? size : len - body - at;
				bool last = at + n == len - body;

				memset(fragment, 0xee, sizeof(fragment));
				fragmenter6_write(&c, fragment, at, n, last);
				assert_int_equal(wire_16(fragment + 4), body + 8 - 40 + n);
				assert_int_equal(fragment[rows[i].name], FRAG);
				assert_int_equal(fragment[body], rows[i].next);
				assert_int_equal(fragment[body + 1], 0);
				assert_int_equal(wire_16(fragment + body + 2), at | !last);
				assert_int_equal(ntohl(wire_be32(fragment + body + 4)), ID);
				assert_int_equal(fragment[body + 8], 0xee);
				fragment[rows[i].name] = rows[i].next;
				wire_put_be16(fragment + 4, htons((uint16_t)(len - 40)));
				assert_memory_equal(fragment, ip, body);
				memcpy(whole + body + at, ip + c.body + at, n);
			}
			assert_memory_equal(whole, ip, len);
		}
	}
}

/* Options without the copy flag are in the first fragment only (RFC 791 section 3.1). */
static void ipv4(void **state)
{
	static const uint8_t options[] = {
		0x07, 4,    0xaa, 0xbb, /* record route: not copied */
		0x94, 4,    0,	  0, /* router alert: copied */
		0x01, 0x44, 3,	  9, /* no operation; timestamp: not copied */
	};
	static const uint8_t later[] = {1, 1, 1, 1, 0x94, 4, 0, 0, 1, 1, 1, 1};
	uint8_t ip[MAX], fragment[MAX], mended[MAX];
	const struct frame f = {.src = HOST, .dst = SERVER, .proto = UDP, .payload = 200};
	struct fragmenter c;

	frame_build_inner(&f, ip);
	memmove(ip + 20 + sizeof(options), ip + 20, 208);
	memcpy(ip + 20, options, sizeof(options));
	ip[0] = 0x48;
	fragmenter_begin(&c, ip);
	assert_int_equal(c.body, 32);
	assert_int_equal(c.header_len, 32);
	for (size_t at = 0; at < 208; at += 104) {
		fragmenter_write(&c, fragment, at, 104, at > 0);
		memcpy(mended, fragment, 32);
		frame_mend(mended);
		assert_memory_equal(fragment, mended, 32);
		assert_int_equal(wire_16(fragment + 2), 32 + 104);
		assert_int_equal(wire_16(fragment + 6), at > 0 ? 13 : 0x2000);
		assert_memory_equal(fragment + 20, at > 0 ? later : options, sizeof(options));
		assert_memory_equal(fragment + 8, ip + 8, 2);
		assert_memory_equal(fragment + 12, ip + 12, 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv6),
		cmocka_unit_test(ipv4),
	};

	return cmocka_run_group_tests_name("out/cut", tests, NULL, NULL);
}
