/* Extension headers as rows: what is behind them, and where; cut at every length. */
#include "tunnel/ipv6.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MAX = 600, HBH = 0, TCP = 6, UDP = 17, ROUTE = 43, FRAG = 44, ESP = 50, DST = 60 };

/* Headers: kind, units of eight bytes, bytes 2 and 3. The last one names @proto. */
struct header {
	uint8_t kind, units, third, fourth;
};

/* clang-format off */
static const struct {
	const char *why;
	struct header headers[10];
	uint8_t n, proto;
	enum drop drop;
	uint8_t l4;
} rows[] = {
	{"none", {{0}}, 0, UDP, DROP_NONE, 40},
	{"none, and a protocol that nobody knows", {{0}}, 0, 200, DROP_NONE, 40},
	{"ESP ends the walk", {{0}}, 0, ESP, DROP_NONE, 40},
	{"hop-by-hop", {{HBH, 1}}, 1, UDP, DROP_NONE, 48},
	{"destination options of 24 bytes", {{DST, 3}}, 1, TCP, DROP_NONE, 64},
	{"the usual order", {{HBH, 1}, {DST, 1}, {ROUTE, 3, 4, 0}, {DST, 1}}, 4, TCP, DROP_NONE, 88},
	{"an atomic fragment", {{FRAG, 1, 0, 0}}, 1, UDP, DROP_NONE, 48},
	{"a fragment's reserved bits are no offset", {{FRAG, 1, 0, 6}}, 1, UDP, DROP_NONE, 48},
	{"more fragments", {{FRAG, 1, 0, 1}}, 1, UDP, DROP_FRAGMENT6, 0},
	{"an offset", {{FRAG, 1, 0, 8}}, 1, UDP, DROP_FRAGMENT6, 0},
	{"a large offset", {{FRAG, 1, 0x80, 0}}, 1, UDP, DROP_FRAGMENT6, 0},
	{"a fragment behind options", {{HBH, 1}, {FRAG, 1, 0, 1}}, 2, UDP, DROP_FRAGMENT6, 0},
	{"routing, type 0", {{ROUTE, 1, 0, 0}}, 1, UDP, DROP_ROUTING_HEADER, 0},
	{"routing, type 2, one left", {{ROUTE, 1, 2, 1}}, 1, UDP, DROP_ROUTING_HEADER, 0},
	{"routing, type 2, at its end", {{ROUTE, 1, 2, 0}}, 1, UDP, DROP_NONE, 48},
	{"hop-by-hop is not the first", {{DST, 1}, {HBH, 1}}, 2, UDP, DROP_EXTENSION, 0},
	{"eight", {{HBH, 1}, {DST, 1}, {DST, 1}, {DST, 1}, {DST, 1}, {DST, 1}, {DST, 1}, {DST, 1}}, 8, UDP,
	 DROP_NONE, 104},
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
		uint8_t ip[MAX], proto = 255, l4 = 0;
		size_t len = build(i, ip);
		enum drop drop = ipv6_walk(ip, len, &proto, &l4);

		if (drop != rows[i].drop)
			fail_msg("%s: %s", rows[i].why, drop_infos[drop].name);
		if (drop != DROP_NONE)
			continue;
		assert_int_equal(proto, rows[i].proto);
		assert_int_equal(l4, rows[i].l4);
	}
}

/* What is cut is never read beyond its end (ASan), and never let through with headers missing. */
static void cut_at_every_length(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t ip[MAX], proto, l4;
		size_t len = build(i, ip);

		for (size_t cut = 40; cut < len; cut++) {
			uint8_t *copy = test_malloc(cut);
			enum drop drop;

			memcpy(copy, ip, cut);
			drop = ipv6_walk(copy, cut, &proto, &l4);
			if (drop == DROP_NONE)
				fail_msg("%s: let through with %zu bytes", rows[i].why, cut);
			test_free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(cut_at_every_length),
	};

	return cmocka_run_group_tests_name("tunnel/ipv6", tests, NULL, NULL);
}
