/*
 * The MSS clamp: valid and invalid options.
 *
 * A row is the options behind the 20 bytes of a SYN, before and after. The header is in memory of
 * exactly its size, and its checksum must be as correct after as before.
 */
#include "out/mss.h"

#include "dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MSS = 1436, HEADER = 20, OPTIONS_MAX = 40, CHECKSUM = 16 }; /* MSS: 0x059c */

/* clang-format off */
static const struct {
	size_t len;
	uint8_t before[12], after[12];
	const char *why;
} rows[] = {
	{ 0,  {0}, {0}, "no options" },
	{ 4,  {2, 4, 0x05, 0xb4}, {2, 4, 0x05, 0x9c}, "1460 is too much" },
	{ 4,  {2, 4, 0x05, 0x9c}, {2, 4, 0x05, 0x9c}, "1436 just fits" },
	{ 4,  {2, 4, 0x05, 0x9d}, {2, 4, 0x05, 0x9c}, "1437 does not" },
	{ 4,  {2, 4, 0x02, 0x18}, {2, 4, 0x02, 0x18}, "less stays" },
	{ 4,  {2, 4, 0xff, 0xff}, {2, 4, 0x05, 0x9c}, "the largest" },
	{ 8,  {1, 2, 4, 0x05, 0xb4, 1, 1, 1}, {1, 2, 4, 0x05, 0x9c, 1, 1, 1}, "at an odd place" },
	{ 8,  {1, 1, 1, 2, 4, 0x05, 0xb4, 0}, {1, 1, 1, 2, 4, 0x05, 0x9c, 0}, "odd, at the end" },
	{ 8,  {1, 1, 2, 4, 0x05, 0xb4, 0, 0}, {1, 1, 2, 4, 0x05, 0x9c, 0, 0}, "in the middle" },
	{ 12, {3, 3, 7, 4, 2, 1, 2, 4, 0x05, 0xb4, 0, 0}, {3, 3, 7, 4, 2, 1, 2, 4, 0x05, 0x9c, 0, 0},
	      "behind others" },
	{ 8,  {0, 2, 4, 0x05, 0xb4, 0, 0, 0}, {0, 2, 4, 0x05, 0xb4, 0, 0, 0}, "behind the end" },
	{ 4,  {3, 0, 2, 4}, {3, 0, 2, 4}, "a length of nothing would never end" },
	{ 8,  {3, 1, 2, 4, 0x05, 0xb4, 0, 0}, {3, 1, 2, 4, 0x05, 0xb4, 0, 0}, "a length below two" },
	{ 8,  {3, 9, 2, 4, 0x05, 0xb4, 0, 0}, {3, 9, 2, 4, 0x05, 0xb4, 0, 0}, "beyond the header" },
	{ 4,  {2, 5, 0x05, 0xb4}, {2, 5, 0x05, 0xb4}, "an MSS that says it is longer" },
	{ 8,  {2, 6, 0x05, 0xb4, 0, 0, 1, 1}, {2, 6, 0x05, 0xb4, 0, 0, 1, 1}, "an MSS of six bytes" },
	{ 4,  {1, 1, 2, 4}, {1, 1, 2, 4}, "its value cut off" },
	{ 4,  {1, 2, 4, 0x05}, {1, 2, 4, 0x05}, "half its value cut off" },
	{ 4,  {1, 1, 1, 2}, {1, 1, 1, 2}, "its length cut off" },
	{ 8,  {2, 4, 0x05, 0xb4, 2, 4, 0x23, 0x28}, {2, 4, 0x05, 0x9c, 2, 4, 0x05, 0x9c}, "twice" },
};
/* clang-format on */

static uint16_t ones_sum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Clamps a header with a correct checksum. The caller frees it. */
static uint8_t *clamp(const uint8_t *options, size_t len)
{
	uint8_t *tcp = malloc(HEADER + len);
	uint16_t checksum;

	assert_non_null(tcp);
	memset(tcp, 0x2b, HEADER);
	memset(tcp + CHECKSUM, 0, 2);
	memcpy(tcp + HEADER, options, len);
	checksum = (uint16_t)~ones_sum(tcp, HEADER + len);
	tcp[CHECKSUM] = (uint8_t)(checksum >> 8);
	tcp[CHECKSUM + 1] = (uint8_t)checksum;
	mss_clamp(tcp, HEADER + len, MSS);
	return tcp;
}

static void test_options(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t *tcp = clamp(rows[i].before, rows[i].len);

		if (memcmp(tcp + HEADER, rows[i].after, rows[i].len) != 0)
			fail_msg("row %zu: %s", i, rows[i].why);
		if (ones_sum(tcp, HEADER + rows[i].len) != 0xffff)
			fail_msg("row %zu: checksum: %s", i, rows[i].why);
		free(tcp);
	}
}

/*
 * With any options the checksum stays correct, and only values above the limit change, to the
 * limit.
 */
static void test_random_options(void **state)
{
	uint64_t dice = 5;
	unsigned changed = 0;

	for (unsigned round = 0; round < 200000; round++) {
		size_t len = 4 * dice_roll(&dice, OPTIONS_MAX / 4 + 1);
		uint8_t options[OPTIONS_MAX];
		uint8_t *tcp;

		/* small numbers: types and lengths of real options */
		for (size_t i = 0; i < len; i++)
			options[i] = (uint8_t)dice_roll(&dice, dice_roll(&dice, 2) ? 7 : 256);
		tcp = clamp(options, len);
		assert_int_equal(ones_sum(tcp, HEADER + len), 0xffff);
		for (size_t i = 0; i < len; i++) {
			if (tcp[HEADER + i] == options[i])
				continue;
			if (tcp[HEADER + i - 1] == MSS >> 8 && tcp[HEADER + i] == (MSS & 0xff))
				i--; /* only the low byte differs */
			assert_true(i >= 2 && i + 1 < len && options[i - 2] == 2 &&
				    options[i - 1] == 4);
			assert_true((options[i] << 8 | options[i + 1]) > MSS);
			assert_int_equal(tcp[HEADER + i] << 8 | tcp[HEADER + i + 1], MSS);
			i++;
			changed++;
		}
		free(tcp);
	}
	assert_true(changed > 100);
}

/*
 * The MSS must fit both directions of a flow: its tunnel, and its neighbour unless it is
 * hairpinned.
 */
static void test_fits_both_ways(void **state)
{
	static const struct {
		uint16_t tunnel, neighbour;
		uint16_t offramp;
		uint16_t headers, mss;
		const char *why;
	} ways[] = {
		{1476, 1500, 2, 40, 1436, "the tunnel is narrower"},
		{1476, 1400, 2, 40, 1360, "the neighbour is narrower"},
		{1476, 1400, 2, 60, 1340, "IPv6"},
		{1476, 0, NEXTHOP_HAIRPIN, 40, 1436, "back in: no bound"},
		{1476, 0, 2, 40, 1436, "no way out just now"},
		{88, 1500, 2, 40, 48, "what nobody sends less than"},
		{60, 1500, 2, 60, 48, "no room: not a number below zero"},
		{0, 1500, 2, 60, 48, "no room at all"},
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct nexthop at[] = {
			[1] = {.mtu = ways[i].tunnel}, [2] = {.mtu = ways[i].neighbour}};
		struct nexthops *t =
			nexthops_create(&(struct nexthops_spec){.at = at, .n = ARRAY_SIZE(at)});
		struct context ctx = {.nexthops = t};
		struct flow f = {.onramp = 1, .offramp = ways[i].offramp};

		if (mss_of(&ctx, &f, NULL, ways[i].headers) != ways[i].mss)
			fail_msg("%s: %u", ways[i].why, mss_of(&ctx, &f, NULL, ways[i].headers));
		nexthops_destroy(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_random_options),
		cmocka_unit_test(test_fits_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
