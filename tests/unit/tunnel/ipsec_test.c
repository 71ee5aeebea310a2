/* IPsec as a kind of tunnel: sizes and ends, and nothing that needs an SA. */
#include "tunnel/ipsec.h"

#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_sizes(void **state)
{
	assert_int_equal(ipsec_inner_mtu(1500, false), 1422);
	assert_int_equal(ipsec_inner_mtu(1500, true), 1406);
	assert_int_equal(ipsec_inner_mtu(1492, false), 1422);
	assert_int_equal(ipsec_inner_mtu(1491, false), 1406);
	assert_int_equal(ipsec_inner_mtu(84, false), 14);
	assert_int_equal(ipsec_inner_mtu(83, false), 0);
	assert_int_equal(ipsec_inner_mtu(0, false), 0);
	for (uint16_t outer = 100; outer < 2000; outer++)
		assert_true(ipsec_inner_mtu(outer, false) >= outer - ipsec_overhead(false, false));
}

static void test_header(void **state)
{
	struct tunnel_outside ends = {
		.local = addr6_from_ipv4(inet_addr("192.0.2.1")),
		.remote = addr6_from_ipv4(inet_addr("192.0.2.2")),
	};
	uint8_t out[TUNNEL_HEADER_MAX];

	assert_int_equal(ipsec_make_header(out, &ends), IPV4_LEN);
	assert_int_equal(wire_be32(out + IPV4_SRC), inet_addr("192.0.2.1"));
	assert_int_equal(wire_be32(out + IPV4_DST), inet_addr("192.0.2.2"));
	ends.remote = (struct addr6){{0, 0}}; /* any */
	assert_int_equal(ipsec_make_header(out, &ends), IPV4_LEN);
	assert_int_equal(wire_be32(out + IPV4_DST), 0);
	memset(&ends.local, 0x20, ADDR6_LEN);
	assert_int_equal(ipsec_make_header(out, &ends), IPV6_LEN);
	assert_memory_equal(out + IPV6_SRC, &ends.local, ADDR6_LEN);
}

/* A router's error about a sealed packet does not say which tunnel it was of. */
static void test_nothing_is_known(void **state)
{
	const uint8_t bytes[16] = {0};
	struct tunnel_opened opened;

	assert_false(ipsec_match_embedded(bytes, sizeof(bytes), &opened));
	assert_int_equal(ipsec_open(bytes, sizeof(bytes), &opened), DROP_ESP_UNKNOWN_SPI);
	assert_false(ipsec_is_stranger(DROP_ESP_UNKNOWN_SPI));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_nothing_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
