/* Extension headers as rows: the protocol behind them and its offset; truncated at every length. */
#include "tunnel/ipv6.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MAX = 600, HBH = 0, TCP = 6, UDP = 17, ROUTE = 43, FRAG = 44, ESP = 50, DST = 60 };

/* Headers: type, length in units of eight bytes, bytes 2 and 3. The last one names @proto. */
struct header {
	uint8_t kind, units, third, fourth;
};

/* clang-format off */
static const struct {
	const char *why;
	struct header headers[10];
	uint8_t n, proto;
	enum drop drop; /* except for a first fragment, which passes if the caller asks for it */
	uint8_t l4;
	uint8_t fragment, names, per_hop; /* 0, 0: there is none; @names 0: 40 */
} rows[] = {
	{"none", {{0}}, 0, UDP, DROP_NONE, 40},
	{"none, and a protocol that nobody knows", {{0}}, 0, 200, DROP_NONE, 40},
	{"ESP ends the walk", {{0}}, 0, ESP, DROP_NONE, 40},
	{"hop-by-hop", {{HBH, 1}}, 1, UDP, DROP_NONE, 48, .per_hop = 48},
	{"destination options of 24 bytes", {{DST, 3}}, 1, TCP, DROP_NONE, 64},
	{"the usual order", {{HBH, 1}, {DST, 1}, {ROUTE, 3, 4, 0}, {DST, 1}}, 4, TCP, DROP_NONE, 88, .per_hop = 80},
	{"an atomic fragment", {{FRAG, 1, 0, 0}}, 1, UDP, DROP_NONE, 48, 40, 6},
	{"a fragment's reserved bits are no offset", {{FRAG, 1, 0, 6}}, 1, UDP, DROP_NONE, 48, 40, 6},
	{"more fragments", {{FRAG, 1, 0, 1}}, 1, UDP, DROP_FRAGMENT, 48, 40, 6},
	{"an offset", {{FRAG, 1, 0, 8}}, 1, UDP, DROP_FRAGMENT, 0, 40, 6},
	{"a large offset", {{FRAG, 1, 0x80, 0}}, 1, UDP, DROP_FRAGMENT, 0, 40, 6},
	{"a fragment behind options", {{HBH, 1}, {FRAG, 1, 0, 1}}, 2, UDP, DROP_FRAGMENT, 56, 48, 40, 48},
	{"a fragment behind two headers", {{HBH, 1}, {ROUTE, 1, 4, 0}, {FRAG, 1, 0, 1}, {DST, 1}}, 4, UDP,
	 DROP_FRAGMENT, 72, 56, 48, 56},
	{"two fragment headers, both atomic", {{FRAG, 1, 0, 0}, {FRAG, 1, 0, 0}}, 2, UDP, DROP_EXTENSION, 0},
	{"an atomic one in front of a fragment", {{FRAG, 1, 0, 0}, {FRAG, 1, 0, 1}}, 2, UDP, DROP_EXTENSION, 0},
	{"routing, type 0", {{ROUTE, 1, 0, 0}}, 1, UDP, DROP_ROUTING_HEADER, 0},
	{"routing, type 2, one left", {{ROUTE, 1, 2, 1}}, 1, UDP, DROP_ROUTING_HEADER, 0},
	{"routing, type 2, at its end", {{ROUTE, 1, 2, 0}}, 1, UDP, DROP_NONE, 48, .per_hop = 48},
	{"hop-by-hop is not the first", {{DST, 1}, {HBH, 1}}, 2, UDP, DROP_EXTENSION, 0},
	{"eight", {{HBH, 1}, {DST, 1}, {DST, 1}, {DST, 1}, {DST, 1}, {DST, 1}, {DST, 1}, {DST, 1}}, 8, UDP,
	 DROP_NONE, 104, .per_hop = 48},
	{"nine", {{HBH, 1}, {DST, 1}, {DST, 1}, {DST, 1}, {DST, 1}, {DST, 1}, {DST, 1}, {DST, 1}, {DST, 1}}, 9,
	 UDP, DROP_EXTENSION, 0},
	{"up to byte 248", {{DST, 26}}, 1, UDP, DROP_NONE, 248},
	{"beyond byte 255", {{DST, 27}}, 1, UDP, DROP_EXTENSION, 0},
};
/* clang-format on */

static size_t build(size_t i, uint8_t *ip)
{
	size_t at = 40;

	memset(ip, 0, MAX);
	ip[0] = 0x60;
	ip[6] = rows[i].n > 0 ? rows[i].headers[0].kind : rows[i].proto;
	for (unsigned k = 0; k < rows[i].n; k++) {
		const struct header *h = &rows[i].headers[k];

		ip[at] = k + 1 < rows[i].n ? rows[i].headers[k + 1].kind : rows[i].proto;
		ip[at + 1] = h->kind == FRAG ? 0 : (uint8_t)(h->units - 1);
		ip[at + 2] = h->third;
		ip[at + 3] = h->fourth;
		at += (size_t)h->units * 8;
	}
	return at;
}

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t ip[MAX], per_hop = rows[i].per_hop == 0 ? 40 : rows[i].per_hop;
		bool first = rows[i].drop == DROP_FRAGMENT && rows[i].l4 != 0;
		size_t len = build(i, ip);
		struct ipv6_chain c;
		enum drop drop = ipv6_walk(ip, len, false, &c);

		if (drop != rows[i].drop)
			fail_msg("%s: %s", rows[i].why, drop_infos[drop].name);
		if (drop == DROP_NONE || drop == DROP_FRAGMENT) {
			assert_int_equal(c.fragment, rows[i].fragment);
			assert_int_equal(c.names_fragment, rows[i].names);
			assert_int_equal(c.per_hop, per_hop);
		}
		drop = ipv6_walk(ip, len, true, &c);
		if (drop != (first ? DROP_NONE : rows[i].drop))
			fail_msg("%s, as a first one: %s", rows[i].why, drop_infos[drop].name);
		if (drop != DROP_NONE)
			continue;
		assert_int_equal(c.proto, rows[i].proto);
		assert_int_equal(c.l4, rows[i].l4);
	}
}

/* A truncated packet is not read beyond its end (ASan), and not accepted with headers missing. */
static void cut_at_every_length(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t ip[MAX];
		struct ipv6_chain c;
		size_t len = build(i, ip);

		for (size_t cut = 40; cut < len; cut++) {
			uint8_t *copy = test_malloc(cut);

			memcpy(copy, ip, cut);
			if (ipv6_walk(copy, cut, false, &c) == DROP_NONE ||
			    ipv6_walk(copy, cut, true, &c) == DROP_NONE)
				fail_msg("%s: let through with %zu bytes", rows[i].why, cut);
			test_free(copy);
		}
	}
}

/* clang-format off */
static const struct {
	const char *why;
	uint8_t kind, options[14];
	bool goes_on;
} options[] = {
	{"padding of one byte, fourteen times", DST, {0}, true},
	{"padding of fourteen bytes", DST, {1, 12}, true},
	{"a tunnel encapsulation limit", DST, {4, 1, 4, 1, 9}, true},
	{"a router alert", HBH, {5, 2, 0, 0, 1, 8}, true},
	{"unknown, to be skipped", DST, {0x3e, 12, 9, 9, 9}, true},
	{"the bit that says it may change does not matter", DST, {0x20, 12}, true},
	{"unknown, to be discarded", DST, {0x40, 12}, false},
	{"unknown, to be discarded and told", DST, {0x80, 12}, false},
	{"unknown, to be told if not multicast", HBH, {0xc2, 12}, false},
	{"the same behind others", DST, {0, 1, 2, 9, 9, 0, 4, 1, 0, 0x7e, 3}, false},
	{"the last byte is an option's type", DST, {1, 11, [13] = 1}, false},
	{"one byte longer than the header", DST, {1, 13}, false},
	{"much longer than the header", HBH, {1, 255}, false},
};
/* clang-format on */

/* Options in the first header, and behind another header. A routing header has no options. */
static void options_may_forbid(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		enum drop wanted = options[i].goes_on ? DROP_NONE : DROP_EXTENSION;
		uint8_t ip[40 + 16 + 16] = {[6] = options[i].kind, [40] = UDP, [41] = 1};

		memcpy(ip + 42, options[i].options, 14);
		if (ipv6_check_options(ip, 40 + 16) != wanted)
			fail_msg("%s", options[i].why);
		memmove(ip + 56, ip + 40, 16);
		memset(ip + 40, 0, 16);
		ip[6] = FRAG;
		ip[40] = ROUTE;
		ip[48] = DST;
		memset(ip + 50, 0xff, 6);
		if (ipv6_check_options(ip, 40 + 32) != wanted)
			fail_msg("behind others: %s", options[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(cut_at_every_length),
		cmocka_unit_test(options_may_forbid),
	};

	return cmocka_run_group_tests_name("tunnel/ipv6", tests, NULL, NULL);
}
