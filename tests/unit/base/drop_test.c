/* The tables of drop reasons and answers: names are unique, messages are as in the RFCs. */
#include "base/drop.h"

#include "base/types.h"
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* clang-format off */
static const struct {
	enum answer answer;
	struct icmp_kind icmp, icmpv6;
	enum drop drop;
	const char *why;
} rows[] = {
	{ANSWER_ECHO,              {0, 0},  {129, 0}, DROP_NO_NEIGHBOUR, "RFC 792; RFC 4443 section 4.2"},
	{ANSWER_TTL_EXPIRED,       {11, 0}, {3, 0}, DROP_TTL_EXPIRED, "time to live exceeded in transit"},
	{ANSWER_UNREACHABLE,       {3, 0},  {1, 0}, DROP_NO_ROUTE, "RFC 1812 section 5.2.7.1: net unreachable"},
	{ANSWER_ROUTE_UNREACHABLE, {3, 1},  {1, 0}, DROP_ROUTE_UNREACHABLE, "what Linux says"},
	{ANSWER_ROUTE_PROHIBITED,  {3, 13}, {1, 1}, DROP_ROUTE_PROHIBITED, "administratively prohibited"},
	{ANSWER_TOO_BIG,           {3, 4},  {2, 0}, DROP_TOO_BIG, "RFC 1191 section 4; RFC 4443 section 3.2"},
	{ANSWER_FRAGMENT_TIMEOUT,  {11, 1}, {3, 1}, DROP_FRAGMENT_TIMEOUT, "reassembly time exceeded"},
	{ANSWER_EXHAUSTED,         {3, 1},  {1, 3}, DROP_NONE, "RFC 6888 REQ-11: host unreachable"},
	{ANSWER_LIMITED,           {3, 1},  {1, 3}, DROP_NONE, "RFC 6888 REQ-11: host unreachable"},
	{ANSWER_PROHIBITED,        {3, 13}, {1, 1}, DROP_NONE, "RFC 5508 REQ-8: prohibited"},
	{ANSWER_PROTOCOL,          {3, 2},  {4, 1}, DROP_NONE, "RFC 7915 section 4.2"},
	{ANSWER_ARP,               {0, 0},  {0, 0}, DROP_NONE, "no ICMP message"},
	{ANSWER_NEIGHBOUR,         {0, 0},  {0, 0}, DROP_NONE, "made where it is heard"},
	{ANSWER_RESET,             {0, 0},  {0, 0}, DROP_NONE, "TCP"},
	{ANSWER_KEEPALIVE,         {0, 0},  {0, 0}, DROP_NONE, "GRE"},
};
/* clang-format on */

static bool same(struct icmp_kind a, struct icmp_kind b)
{
	return a.type == b.type && a.code == b.code;
}

static void test_answers(void **state)
{
	bool seen[ANSWER_COUNT] = {false};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct answer_info *is = &answer_infos[rows[i].answer];

		if (!same(is->icmp, rows[i].icmp) || !same(is->icmpv6, rows[i].icmpv6) ||
		    is->drop != rows[i].drop)
			fail_msg("%s: %s", is->info.name, rows[i].why);
		seen[rows[i].answer] = true;
	}
	for (size_t a = 0; a < ANSWER_COUNT; a++)
		assert_true(seen[a]);
}

/* Names must be usable as search words and as keys of the API. */
static void check_name(const struct drop_info *info, const struct drop_info *other)
{
	assert_int_equal(strspn(info->name, "abcdefghijklmnopqrstuvwxyz_6"), strlen(info->name));
	assert_true(strlen(info->help) > 0);
	if (other != info)
		assert_string_not_equal(info->name, other->name);
}

static void test_names(void **state)
{
	for (size_t i = 0; i < DROP_COUNT; i++)
		for (size_t k = 0; k < DROP_COUNT; k++)
			check_name(&drop_infos[i], &drop_infos[k]);
	for (size_t i = 0; i < ANSWER_COUNT; i++)
		for (size_t k = 0; k < ANSWER_COUNT; k++)
			check_name(&answer_infos[i].info, &answer_infos[k].info);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
