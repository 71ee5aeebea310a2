/* Which IKE identities charon holds equal, and which ones fit more than one far end. */
#include "control/config/identity.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_wide(void **state)
{
	static const char *const wide[] = {
		"",
		"%any",
		"%any6",
		"*",
		"0.0.0.0",
		"::",
		"0::0",
		"*.example",
		"*@example",
		"C=DE, CN=*",
		"192.0.2.0/24",
		"192.0.2.1-192.0.2.9",
		"2001:db8::/32",
		"ipv4:0.0.0.0",
		"fqdn:*.example",
		"ipv4range:192.0.2.1-192.0.2.9",
		"%berlin",
		"^ber.*$",
		"FQDN:*",
		"{2}:*.example",
		"@*.example",
		"2001:db8::1-2001:db8::9",
	};
	static const char *const narrow[] = {
		"berlin",      "192.0.2.1", "2001:db8::1",    "10-20.example",	 "C=DE, CN=berlin",
		"a@b.example", "@berlin",   "keyid:berlin-1", "/C=DE/CN=berlin",
	};

	for (size_t i = 0; i < ARRAY_SIZE(wide); i++)
		if (!identity_is_wide(wide[i]))
			fail_msg("%s", wide[i]);
	for (size_t i = 0; i < ARRAY_SIZE(narrow); i++)
		if (identity_is_wide(narrow[i]))
			fail_msg("%s", narrow[i]);
}

static void test_fold(void **state)
{
	static const struct {
		const char *identity, *folded;
	} rows[] = {
		{"berlin", "berlin"},
		{"Berlin", "berlin"},
		{"@berlin", "berlin"},
		{"@@a@b.example", "a@b.example"},
		{"fqdn:berlin", "berlin"},
		{"DNS:@Berlin", "berlin"},
		{"{2}:berlin", "berlin"},
		{"email:A@B.example", "a@b.example"},
		{"192.0.2.1", "192.0.2.1"},
		{"ipv4:192.0.2.1", "192.0.2.1"},
		{"2001:DB8:0::1", "2001:db8::1"},
		{"C=DE, CN=Berlin", "c=de,cn=berlin"},
		{"C=DE,CN=berlin", "c=de,cn=berlin"},
		{"/C=DE/CN=berlin", "c=de,cn=berlin"},
		{"asn1dn:C=DE, CN=berlin", "c=de,cn=berlin"},
	};
	char folded[IDENTITY_FOLDED_SIZE], large[2 * IDENTITY_FOLDED_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		identity_fold(rows[i].identity, folded);
		assert_string_equal(folded, rows[i].folded);
	}
	memset(large, 'x', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	identity_fold(large, folded);
	assert_int_equal(strlen(folded), IDENTITY_FOLDED_SIZE - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wide),
		cmocka_unit_test(test_fold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
