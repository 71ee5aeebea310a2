/* ECN: every outer TOS byte by every inner one, and packets that are too short. */
#include "tunnel/ecn.h"

#include "base/checksum.h"
#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { CE = 3, ECT_1 = 1, ECT_0 = 2 };

/* RFC 6040 section 4.2 in words. */
static uint8_t expected(uint8_t outer, uint8_t inner)
{
	if (outer == CE && inner != 0)
		return CE;
	return outer == ECT_1 && inner == ECT_0 ? ECT_1 : inner;
}

static void every_pair(void **state)
{
	for (unsigned i = 0; i < 65536; i++) {
		uint8_t outer = (uint8_t)(i >> 8), tos = (uint8_t)i;
		uint8_t ip[IPV4_LEN] = {0x45, tos, 0, 20, 0x12, 0x34, 0, 0, 64, 17};
		enum drop drop;

		wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, IPV4_LEN));
		drop = ecn_open(outer, ip, IPV4_LEN);
		assert_int_equal(drop, (outer & 3) == CE && (tos & 3) == 0 ? DROP_ECN : DROP_NONE);
		assert_true(checksum_ok(ip, IPV4_LEN));
		assert_int_equal(ip[IPV4_TOS] & ~3, tos & ~3);
		assert_int_equal(ip[IPV4_TOS] & 3, expected(outer & 3, tos & 3));
		/* if nothing changes, the result is the inner field */
		if (!ecn_is_news(outer))
			assert_int_equal(ip[IPV4_TOS], tos);
	}
}

/* The traffic class of IPv6 begins in the middle of the first byte; the flow label stays. */
static void every_pair_of_ipv6(void **state)
{
	for (unsigned i = 0; i < 65536; i++) {
		uint8_t outer = (uint8_t)(i >> 8), tos = (uint8_t)i;
		uint8_t ip[IPV6_LEN] = {(uint8_t)(0x60 | tos >> 4), (uint8_t)(tos << 4 | 0xb),
					0xcd};
		uint8_t before[IPV6_LEN];
		enum drop drop;

		memcpy(before, ip, sizeof(ip));
		drop = ecn_open(outer, ip, IPV6_LEN);
		assert_int_equal(drop, (outer & 3) == CE && (tos & 3) == 0 ? DROP_ECN : DROP_NONE);
		assert_int_equal(ip[1] >> 4 & 3, expected(outer & 3, tos & 3));
		ip[1] = (uint8_t)((ip[1] & ~0x30) | (before[1] & 0x30));
		assert_memory_equal(ip, before, sizeof(ip));
	}
}

static void short_ones(void **state)
{
	for (size_t len = 0; len < IPV4_LEN; len++) {
		uint8_t ip[IPV4_LEN] = {0x45};

		assert_int_equal(ecn_open(CE, ip, len), DROP_NONE);
		assert_int_equal(ip[IPV4_TOS], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair),
		cmocka_unit_test(every_pair_of_ipv6),
		cmocka_unit_test(short_ones),
	};

	return cmocka_run_group_tests_name("ecn", tests, NULL, NULL);
}
