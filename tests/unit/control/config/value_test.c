/* Texts as values: what each type accepts and refuses. */
#include "control/config/value.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define BAD UINT64_MAX /* not of this type */

struct row {
	const char *text;
	uint64_t value;
	const char *why;
};

/* clang-format off */
static const struct row numbers[] = {
	{"0", 0, "the least"},
	{"1500", 1500, "decimal"},
	{"0x1F", 31, "hexadecimal"},
	{"0X1f", 31, "in either case"},
	{"18446744073709551614", UINT64_MAX - 1, "nearly all 64 bits"},
	{"18446744073709551616", BAD, "one bit too many"},
	{"0x10000000000000000", BAD, "one bit too many"},
	{"", BAD, "nothing"},
	{"-1", BAD, "a sign"},
	{"+1", BAD, "a sign"},
	{"010", BAD, "octal or decimal?"},
	{"0x", BAD, "no digits"},
	{"1 ", BAD, "white space"},
	{"1e3", BAD, "a float"},
	{"a", BAD, "a hexadecimal digit is none in decimal"},
	{"0xg", BAD, "no digit"},
};

static const struct row durations[] = {
	{"90", 90, "seconds"},
	{"90s", 90, "seconds, said"},
	{"5m", 300, "minutes"},
	{"2h4m", 7440, "RFC 5382"},
	{"1h0m30s", 3630, "all three"},
	{"0s", 0, "nothing at all"},
	{"4m2h", BAD, "the wrong order"},
	{"5m5m", BAD, "twice"},
	{"5m3", BAD, "a number without a unit after others"},
	{"m", BAD, "a unit without a number"},
	{"1.5h", BAD, "a fraction"},
	{"1d", BAD, "no such unit"},
	{"", BAD, "nothing"},
	{"5 m", BAD, "white space"},
	{"5124095576030432h", BAD, "more seconds than 64 bits hold"},
	{"18446744073709551615s1s", BAD, "twice, and too many"},
};
/* clang-format on */

static void check_rows(const struct row *rows, size_t n, int (*parse)(const char *, uint64_t *))
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value = 4711;
		int rc = parse(rows[i].text, &value);

		if (rc != (rows[i].value == BAD ? -EINVAL : 0) ||
		    (rc == 0 && value != rows[i].value))
			fail_msg("\"%s\": %d, %llu: %s", rows[i].text, rc,
				 (unsigned long long)value, rows[i].why);
		if (rc < 0 && value != 4711)
			fail_msg("\"%s\" touched the value", rows[i].text);
	}
}

static void test_number(void **state)
{
	check_rows(numbers, ARRAY_SIZE(numbers), value_number);
}

static void test_duration(void **state)
{
	check_rows(durations, ARRAY_SIZE(durations), value_duration);
}

static void test_duration_text(void **state)
{
	char buf[VALUE_DURATION_SIZE];

	for (uint64_t s = 0; s <= 90000; s += s < 4000 ? 1 : 97) {
		uint64_t back = BAD;

		assert_int_equal(value_duration(value_duration_text(s, buf), &back), 0);
		assert_int_equal(back, s);
	}
	assert_string_equal(value_duration_text(7440, buf), "2h4m");
	assert_string_equal(value_duration_text(60, buf), "1m");
	assert_string_equal(value_duration_text(0, buf), "0s");
	value_duration_text(UINT64_MAX, buf);
	assert_string_equal(buf, "5124095576030431h15s");
}

static void test_prefix_any(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint8_t len; /* of the mapped prefix */
		bool six;
		const char *why;
	} rows[] = {
		{"10.0.1.0/24", 0, 120, false, "IPv4"},
		{"0.0.0.0/0", 0, 96, false, "all of IPv4"},
		{"10.0.1.1/24", -EDOM, 120, false, "host bits"},
		{"2001:db8::/32", 0, 32, true, "IPv6"},
		{"::/0", 0, 0, true, "all of IPv6"},
		{"2001:db8::1/32", -EDOM, 32, true, "host bits"},
		{"::ffff:10.0.0.0/104", -EINVAL, 0, false, "IPv4 in disguise"},
		{"::ffff:0:0/95", -EDOM, 95, true, "IPv6 around it, with a bit set"},
		{"10.0.1.0", -EINVAL, 0, false, "no length"},
		{"", -EINVAL, 0, false, "nothing"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct prefix6 p;
		int rc = value_prefix_any(rows[i].text, &p);

		if (rc != rows[i].rc)
			fail_msg("%s (%s): %d", rows[i].text, rows[i].why, rc);
		if (rc == -EINVAL)
			continue;
		assert_int_equal(p.len, rows[i].len);
		assert_int_equal(!addr6_is_mapped(&p.addr), rows[i].six);
	}
}

static void test_prefix(void **state)
{
	/* clang-format off */
	static const struct {
		const char *text;
		int rc;
		uint32_t addr;
		uint8_t len;
	} rows[] = {
		{"10.0.1.0/24", 0, 0x0a000100, 24},
		{"0.0.0.0/0", 0, 0, 0},
		{"10.0.1.10/32", 0, 0x0a00010a, 32},
		{"10.0.1.7/24", -EDOM, 0x0a000100, 24},
		{"255.255.255.255/0", -EDOM, 0, 0},
		{"10.0.1.0/33", -EINVAL, 0, 0},
		{"10.0.1.0/", -EINVAL, 0, 0},
		{"10.0.1.0/0x18", -EINVAL, 0, 0},
		{"10.0.1.0/024", -EINVAL, 0, 0},
		{"10.0.1.0", -EINVAL, 0, 0},
		{"/24", -EINVAL, 0, 0},
		{"10.0.1.0.0/24", -EINVAL, 0, 0},
		{"1000.1000.1000.1000/24", -EINVAL, 0, 0},
		{"10.0.1.0/24 ", -EINVAL, 0, 0},
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct prefix4 p = {.addr = htonl(rows[i].addr), .len = rows[i].len};

		assert_int_equal(value_prefix(rows[i].text, &p), rows[i].rc);
		assert_int_equal(ntohl(p.addr), rows[i].addr);
		assert_int_equal(p.len, rows[i].len);
	}
}

static void test_mac(void **state)
{
	static const uint8_t right[6] = {0x02, 0, 0xab, 0xCD, 0, 0x0f};
	uint8_t mac[6] = {0};

	assert_int_equal(value_mac("02:00:aB:Cd:00:0f", mac), 0);
	assert_memory_equal(mac, right, sizeof(mac));
	assert_int_equal(value_mac("02:00:ab:cd:00:0", mac), -EINVAL);
	assert_int_equal(value_mac("02:00:ab:cd:00:0f:", mac), -EINVAL);
	assert_int_equal(value_mac("02:00:ab:cd:00-0f", mac), -EINVAL);
	assert_int_equal(value_mac("2:00:ab:cd:00:0f:", mac), -EINVAL);
	assert_int_equal(value_mac("", mac), -EINVAL);
	assert_memory_equal(mac, right, sizeof(mac));
}

static void test_range(void **state)
{
	uint64_t a = 0, b = 0;

	assert_int_equal(value_range("5", &a, &b), 0);
	assert_true(a == 5 && b == 5);
	assert_int_equal(value_range("5-7", &a, &b), 0);
	assert_true(a == 5 && b == 7);
	assert_int_equal(value_range("7-5", &a, &b), 0); /* the caller decides */
	assert_true(a == 7 && b == 5);
	assert_int_equal(value_range("5-", &a, &b), -EINVAL);
	assert_int_equal(value_range("-5", &a, &b), -EINVAL);
	assert_int_equal(value_range("5-6-7", &a, &b), -EINVAL);
	assert_int_equal(value_range("5 - 6", &a, &b), -EINVAL);
	assert_int_equal(value_range("", &a, &b), -EINVAL);
	assert_true(a == 7 && b == 5);
}

static void test_names(void **state)
{
	assert_true(value_is_name("Berlin-1_a.b", 63));
	assert_true(value_is_device("0000:01:00.0", 31));
	assert_true(value_is_device("0000:aF:1f.7", 31));
	assert_true(value_is_device("net_tap0", 31));
	assert_false(value_is_device("0000:01:00", 31));
	assert_false(value_is_device("0000:01:00.g", 31));
	assert_false(value_is_device("0000-01:00.0", 31));
	assert_false(value_is_device("01:00.0", 31));
	assert_false(value_is_device("eth0", 31));
	assert_false(value_is_device("net_tap0,iface=eth0", 31));
	assert_false(value_is_device("net_tap0", 7));
	assert_true(value_is_name("abc", 3));
	assert_false(value_is_name("abcd", 3));
	assert_false(value_is_name("", 3));
	assert_false(value_is_name("a b", 3));
	assert_false(value_is_name("\xc3\xa4", 3));
	assert_true(value_is_path("/run/a b.sock", 13));
	assert_false(value_is_path("/run/a b.sock", 12));
	assert_false(value_is_path("", 12));
	assert_false(value_is_path("a,b", 12));
	assert_false(value_is_path("a\x7f", 12));
	assert_false(value_is_path("\xc3\xa4", 12));
}

static void test_unicast(void **state)
{
	/* clang-format off */
	static const struct {
		uint32_t addr;
		bool unicast;
	} rows[] = {
		{0x00000000, false}, {0x00ffffff, false}, {0x01000000, true},
		{0x7effffff, true}, {0x7f000001, false}, {0x80000000, true},
		{0xdfffffff, true}, {0xe0000000, false}, {0xefffffff, false},
		{0xf0000000, false}, {0xffffffff, false},
	};
	/* clang-format on */

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(value_not_unicast(htonl(rows[i].addr)) == NULL, rows[i].unicast);
	assert_string_equal(value_not_unicast(htonl(0xffffffff)), "the broadcast address");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number),	      cmocka_unit_test(test_duration),
		cmocka_unit_test(test_duration_text), cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_prefix_any),    cmocka_unit_test(test_mac),
		cmocka_unit_test(test_range),	      cmocka_unit_test(test_names),
		cmocka_unit_test(test_unicast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
