/*
 * Which flow does an embedded IPv6 packet belong to? The key of its answers, with the packet
 * truncated at every length.
 */
#include "stage.h"

#include "in/embedded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { REALM = 7, TCP = 6, UDP = 17, ICMP6 = 58 };

#define SENT .six = true, .src6 = EGRESS6, .dst6 = SERVER6, .sport = 2050, .dport = 53
#define OPTIONS                                                                                    \
	.next = 60, .n_extensions = 8, .extensions = (const uint8_t *)"\x11\0\x01\x04\0\0\0\0"
#define FRAGMENT .next = 44, .n_extensions = 8, .extensions = (const uint8_t *)
#define FIRST FRAGMENT "\x11\0\0\x01\0\0\0\1"
#define LATER FRAGMENT "\x11\0\0\x08\0\0\0\1"

/* clang-format off */
static const struct {
	const char *why;
	struct frame frame;
	size_t need; /* bytes that are needed */
	enum drop drop;
	uint16_t sport, dport; /* of the answers */
} rows[] = {
	{"UDP", {SENT, .proto = UDP}, 48, DROP_NONE, 53, 2050},
	{"TCP, cut behind eight bytes", {SENT, .proto = TCP}, 48, DROP_NONE, 53, 2050},
	{"a request's answers have the identifier behind", {SENT, .proto = ICMP6, .icmp_type = 128}, 48, DROP_NONE, 0, 2050},
	{"a reply's in front", {SENT, .proto = ICMP6, .icmp_type = 129}, 48, DROP_NONE, 2050, 0},
	{"behind options", {SENT, .proto = UDP, OPTIONS}, 56, DROP_NONE, 53, 2050},
	{"a first fragment is embedded as any packet", {SENT, .proto = UDP, FIRST}, 56, DROP_NONE, 53, 2050},
	{"an error about an error", {SENT, .proto = ICMP6, .icmp_type = 1}, 48, DROP_ICMP_EMBEDDED, 0, 0},
	{"a later fragment says nothing", {SENT, .proto = UDP, LATER}, 56, DROP_ICMP_EMBEDDED, 0, 0},
	{"SCTP has ports", {SENT, .proto = 132}, 48, DROP_NONE, 53, 2050},
	{"ESP has none", {SENT, .proto = 50}, 48, DROP_NONE, 0, 0},
	{"ICMP over IPv6, which no flow is", {SENT, .proto = 1, .icmp_type = 8}, 48, DROP_ICMP_EMBEDDED, 0, 0},
};
/* clang-format on */

static void every_row(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr6 src = bench_addr6((struct ip6)SERVER6);
		struct addr6 dst = bench_addr6((struct ip6)EGRESS6);
		uint8_t bytes[512];
		size_t len = frame_build_inner(&rows[i].frame, bytes);
		struct flow6_key key;
		enum drop drop = embedded6_key(bytes, len, REALM, &key);

		if (drop != rows[i].drop)
			fail_msg("%s: %s", rows[i].why, drop_infos[drop].name);
		if (drop != DROP_NONE)
			continue;
		assert_true(addr6_equal(&key.src, &src) && addr6_equal(&key.dst, &dst));
		assert_int_equal(ntohs(key.sport), rows[i].sport);
		assert_int_equal(ntohs(key.dport), rows[i].dport);
		assert_int_equal(key.realm, REALM);
		assert_int_equal(key.proto, rows[i].frame.proto);
	}
}

static void cut_at_every_length(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t bytes[512];
		size_t len = frame_build_inner(&rows[i].frame, bytes);

		for (size_t cut = 0; cut < len; cut++) {
			uint8_t *copy = test_malloc(cut + 1);
			struct flow6_key key;
			bool enough = rows[i].drop == DROP_NONE && cut >= rows[i].need;

			/* an odd address: the code must not rely on alignment */
			memcpy(copy + 1, bytes, cut);
			if ((embedded6_key(copy + 1, cut, REALM, &key) == DROP_NONE) != enough)
				fail_msg("%s: %zu bytes", rows[i].why, cut);
			test_free(copy);
		}
	}
}

static void not_ipv6(void **state)
{
	uint8_t bytes[512];
	size_t len = frame_build_inner(&rows[0].frame, bytes);
	struct flow6_key key;

	bytes[0] = 0x45;
	assert_int_equal(embedded6_key(bytes, len, REALM, &key), DROP_ICMP_EMBEDDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(cut_at_every_length),
		cmocka_unit_test(not_ipv6),
	};

	return cmocka_run_group_tests_name("in/embedded6", tests, NULL, NULL);
}
