/* The tag of an interconnect: made, and read. */
#include "tunnel/interconnect.h"

#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_make(void **state)
{
	static const uint8_t tag[] = {0x0f, 0xfe, 8, 0};
	uint8_t out[8];

	memset(out, 0xee, sizeof(out));
	assert_int_equal(interconnect_make_header(out, &(struct tunnel_outside){.vlan = 0}), 0);
	assert_int_equal(out[0], 0xee);
	assert_int_equal(interconnect_make_header(out, &(struct tunnel_outside){.vlan = 4094}), 4);
	assert_memory_equal(out, tag, sizeof(tag));
	assert_int_equal(out[4], 0xee);
}

/* clang-format off */
static const struct {
	const char *why;
	uint8_t bytes[4];
	size_t len;
	enum drop drop;
	uint16_t vlan;
} rows[] = {
	{"IPv4",                         {0, 100, 0x08, 0x00}, 4, DROP_NONE, 100},
	{"IPv6",                         {0, 100, 0x86, 0xdd}, 4, DROP_NONE, 100},
	{"priority and D are ignored",   {0xff, 0xff, 0x08, 0x00}, 4, DROP_NONE, 4095},
	{"ARP is no inner packet",       {0, 100, 0x08, 0x06}, 4, DROP_NOT_IP, 100},
	{"two tags",                     {0, 100, 0x81, 0x00}, 4, DROP_DOUBLE_TAG, 100},
	{"a service tag inside",         {0, 100, 0x88, 0xa8}, 4, DROP_DOUBLE_TAG, 100},
	{"cut short",                    {0, 100, 0x08, 0x00}, 3, DROP_OUTER_MALFORMED, 0},
	{"nothing",                      {0, 100, 0x08, 0x00}, 0, DROP_OUTER_MALFORMED, 0},
};
/* clang-format on */

static void test_open(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tunnel_opened opened = {0};

		if (interconnect_open(rows[i].bytes, rows[i].len, &opened) != rows[i].drop)
			fail_msg("%s", rows[i].why);
		assert_int_equal(opened.key, rows[i].vlan);
		if (rows[i].drop == DROP_NONE)
			assert_int_equal(opened.len, 4);
	}
}

/* There is nothing outside that costs bytes of an MTU, is reported by routers, or is a stranger. */
static void test_nothing_outside(void **state)
{
	const uint8_t bytes[8] = {0, 100, 0x08, 0x00};
	struct tunnel_opened opened;

	for (int i = 0; i < 4; i++)
		assert_int_equal(interconnect_overhead(i & 1, i & 2), 0);
	assert_false(interconnect_match_embedded(bytes, sizeof(bytes), &opened));
	for (int d = 0; d < DROP_COUNT; d++)
		assert_false(interconnect_is_stranger((enum drop)d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_nothing_outside),
	};

	return cmocka_run_group_tests_name("interconnect", tests, NULL, NULL);
}
