/*
 * The bytes of a revision: a written revision is read as the same one, and nothing else is
 * accepted.
 */
#include "control/change/revision.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct revision example = {
	.number = 12,
	.time_s = 1795781234,
	.confirm_s = 60,
	.who = "root (uid 0)",
	.comment = "lyon: caf\xc3\xa9 moved",
	.file_sum = 0x0123456789abcdef,
	.text_sum = 1,
	.text_len = 4711,
};

/* The check value of CRC-64/XZ, which is this polynomial. */
static void test_sum(void **state)
{
	assert_true(revision_sum("123456789", 9) == UINT64_C(0x995dc9bbdf1939fa));
	assert_true(revision_sum("", 0) != 0);
}

static uint64_t sum_by_bits(const uint8_t *bytes, size_t n)
{
	uint64_t sum = UINT64_MAX;

	for (size_t i = 0; i < 8 * n; i++) {
		uint64_t bit = (sum ^ bytes[i / 8] >> i % 8) & 1;

		sum = sum >> 1 ^ (bit ? UINT64_C(0xc96c5795d7870f42) : 0);
	}
	return ~sum;
}

/* Eight bytes at once, and what is left of them. */
static void test_sum_of_any_length(void **state)
{
	uint8_t bytes[64];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 167 + 200);
	for (size_t from = 0; from < 8; from++)
		for (size_t n = 1; from + n <= sizeof(bytes); n++)
			assert_true(revision_sum((char *)bytes + from, n) ==
				    sum_by_bits(bytes + from, n));
}

static void test_round(void **state)
{
	char head[REVISION_HEAD_MAX + 4];
	struct revision got = {.state = REVISION_TRIAL};
	size_t len = revision_write_head(&example, head);
	const char *why = NULL;

	memcpy(head + len, "text", 4);
	assert_int_equal(revision_read_head(&got, head, len + 4, &why), len);
	assert_int_equal(got.number, 12);
	assert_int_equal(got.time_s, 1795781234);
	assert_int_equal(got.confirm_s, 60);
	assert_string_equal(got.who, example.who);
	assert_string_equal(got.comment, example.comment);
	assert_true(got.file_sum == example.file_sum && got.text_sum == 1);
	assert_int_equal(got.text_len, 4711);
	assert_int_equal(got.state, REVISION_TRIAL);
}

/* A head with the longest values fits. */
static void test_longest(void **state)
{
	struct revision r = {UINT32_MAX,
			     0,
			     false,
			     INT64_MIN,
			     UINT32_MAX,
			     .file_sum = UINT64_MAX,
			     .text_sum = UINT64_MAX,
			     .text_len = SIZE_MAX},
			got = {0};
	char head[REVISION_HEAD_MAX];
	const char *why;
	size_t len;

	memset(r.who, 'w', sizeof(r.who) - 1);
	memset(r.comment, 'c', sizeof(r.comment) - 1);
	len = revision_write_head(&r, head);
	assert_int_equal(revision_read_head(&got, head, len, &why), len);
	assert_string_equal(got.comment, r.comment);
	assert_true(got.text_len == SIZE_MAX);
}

/* A head with any single byte missing or changed is refused. */
static void test_damage(void **state)
{
	char head[REVISION_HEAD_MAX], copy[REVISION_HEAD_MAX];
	size_t len = revision_write_head(&example, head);
	struct revision got;
	const char *why;

	for (size_t cut = 0; cut < len; cut++) {
		why = NULL;
		if (revision_read_head(&got, head, cut, &why) != 0 || why == NULL)
			fail_msg("%zu bytes of %zu are taken", cut, len);
	}
	for (size_t i = 0; i < len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			memcpy(copy, head, len);
			copy[i] ^= (char)(1 << bit);
			if (revision_read_head(&got, copy, len, &why) != 0)
				fail_msg("bit %d of byte %zu is not missed", bit, i);
		}
	}
}

/*
 * `who` and `comment` are shown on a terminal, so a head with characters that we never write is
 * refused.
 */
static void test_foreign(void **state)
{
	static const struct {
		const char *who, *comment, *why;
	} rows[] = {
		{"root", "a\x1b[2J", "ESC"},
		{"ro\xffot", "", "not UTF-8"},
		{"root\ncomment: b", "", "a line more"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char head[REVISION_HEAD_MAX];
		struct revision r = example, got;
		const char *why;
		size_t len;

		snprintf(r.who, sizeof(r.who), "%s", rows[i].who);
		snprintf(r.comment, sizeof(r.comment), "%s", rows[i].comment);
		len = revision_write_head(&r, head);
		if (revision_read_head(&got, head, len, &why) != 0)
			fail_msg("%s is taken", rows[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sum),    cmocka_unit_test(test_sum_of_any_length),
		cmocka_unit_test(test_round),  cmocka_unit_test(test_longest),
		cmocka_unit_test(test_damage), cmocka_unit_test(test_foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
